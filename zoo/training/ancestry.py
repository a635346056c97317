"""A new run from another one's weights: `--init_from CKPT`. Optimizers, counters and latents start afresh.

Whatever has the same name and shape is taken: other data, a higher resolution of networks whose layers are named by
their sides, other hyperparameters. Rows of tables of classes go by the classes' names.
"""

import hashlib
from pathlib import Path

from torch import Tensor, nn

from zoo.data import ImageDataModule
from zoo.data.opening import at_resolution, prepared
from zoo.data.streaming import is_stream
from zoo.engine.gan import GAN
from zoo.training.loading import read
from zoo.training.shapes import check_finite

#: networks whose weights, where they are missing, are those of another
OTHERWISE = {"G": "G_ema", "G_ema": "G", "D_average": "D"}
SHOWN = 4  # names in a line


def begin_from(path: Path, model: GAN, names: tuple[str, ...] = ()) -> list[str]:
    """Take the networks' weights of a checkpoint, which may be an imported one; lines that tell what was taken.

    Args:
        names: of the model's classes, where the data name them.

    Raises:
        FileNotFoundError, ValueError: if there is no such file, it is none of this paper, some of it is not finite,
            or nothing in it fits.
    """
    checkpoint = read(path)
    about = checkpoint["zoo"]
    paper = type(model).__name__.lower()
    if about["paper"] != paper:
        raise ValueError(f"--init_from {path} is a checkpoint of {about['paper']}, not of {type(model).__name__}")
    theirs = {k: v for k, v in checkpoint["state_dict"].items() if isinstance(v, Tensor)}
    check_finite(path, theirs)
    there = {name.split(".")[0] for name in theirs}
    if "imported" in about:  # what the file lacked stands in the checkpoint as it was drawn
        there &= set(about["imported"]["networks"])
    old = tuple(about.get("class_names") or ())
    pairs = matching(old, names, about["hparams"].get("n_classes") or 0, model.n_classes)
    lines, anew, fitted = [], [], 0
    for network, ours in model.named_children():
        if not ours.state_dict():
            continue
        source = network if network in there else OTHERWISE.get(network, network)
        taken, fresh, rows = take(ours, theirs if source in there else {}, source, pairs)
        ours.load_state_dict(taken, strict=False)
        fitted += len(taken)
        anew += [network] if fresh or rows else []
        lines.append(told(network, source, taken, fresh, rows, len(ours.state_dict())))
    if not fitted:
        raise ValueError(f"--init_from {path}: none of its arrays fits the networks of the settings under --model")
    state = checkpoint["state_dict"].get("_extra_state") or {}
    model.origin["ancestor"] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "paper": about["paper"],
        "kimg": state.get("nimg", about.get("extra", {}).get("nimg", 0)) / 1000,
    }
    if anew:  # in full or in part
        model.origin["ancestor"]["drawn_anew"] = anew
    return lines


def names_of(data: ImageDataModule) -> tuple[str, ...]:
    """What the data call their classes, () where they only number them."""
    if len(paths := getattr(data, "paths", ())) != 1 or is_stream(at_resolution(paths[0], data.resolution)):
        return ()
    try:
        files = prepared(at_resolution(paths[0], data.resolution), data.kind, data.resolution)
    except (OSError, ValueError):  # of its own: a set that comes from elsewhere
        return ()
    return tuple((files.manifest or {}).get("classes") or files.classes)


def matching(old: tuple[str, ...], new: tuple[str, ...], n_old: int, n_new: int) -> dict[int, int] | None:
    """Our class -> theirs, by name, or by number where nobody names as many; None where there are no classes."""
    if not n_old or not n_new:
        return None
    if old and new:
        return {i: old.index(name) for i, name in enumerate(new) if name in old}
    return {i: i for i in range(n_new)} if n_old == n_new and not (old or new) else {}


def take(
    net: nn.Module, theirs: dict[str, Tensor], source: str, pairs: dict[int, int] | None
) -> tuple[dict[str, Tensor], list[str], list[str]]:
    """(arrays that are taken, names that are drawn anew, names of which rows are taken by class)."""
    taken, fresh, rows = {}, [], []
    tables = {f"{name}.weight" for name, module in net.named_modules() if isinstance(module, nn.Embedding)}
    for name, tensor in net.state_dict().items():
        other = theirs.get(f"{source}.{name}")
        if not isinstance(tensor, Tensor):
            continue
        if other is None or other.shape[1:] != tensor.shape[1:] or other.ndim != tensor.ndim:
            fresh.append(name)
        elif name in tables and pairs is not None:
            mixed = tensor.clone()
            for i, j in pairs.items():
                mixed[i] = other[j].to(tensor)
            taken[name] = mixed
            if len(pairs) < len(tensor) or any(i != j for i, j in pairs.items()):
                rows.append(name)
        elif other.shape == tensor.shape:
            taken[name] = other.to(tensor)
        else:
            fresh.append(name)
    return taken, fresh, rows


def told(network: str, source: str, taken: dict, fresh: list[str], rows: list[str], n: int) -> str:
    words = {"G_ema": "the average of G", "D_average": "the average of D"}
    text = f"{words.get(network, network)}: {len(taken)} of {n} arrays taken"
    if source != network and taken:
        text += f" from {words.get(source, source)}"
    if rows:
        text += f"; of {listed(rows)} the rows of classes with the same names, the others drawn anew"
    return text + (f"; drawn anew: {listed(fresh)}" if fresh else "")


def listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
