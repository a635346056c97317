"""Weights that others trained, as ordinary checkpoints of the zoo: `zoo import`."""

import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo.data.whole import replacing
from zoo.engine.gan import GAN
from zoo.engine.schedules import ProgressiveSchedule
from zoo.official import containers
from zoo.official.found import Arrays, Found
from zoo.official.inert import Refused, printable
from zoo.options.folders import as_path, check_file
from zoo.training.loading import build

MOST_NAMES = 3  # that a sentence tells


def import_weights(path: str | Path, out: str | Path | None = None, paper: str | None = None) -> Path:
    """Write a checkpoint of the networks in a file of an official code, and say in three lines what was found.

    Args:
        path: the file, or a folder of BigGAN-PyTorch or Hugging Face; `zoo/official/README.md` lists what is read.
        out: the checkpoint; None takes the file's name with `.ckpt` behind it, beside it.
        paper: name of the paper where the content leaves it open.

    Returns:
        The checkpoint's path, for `zoo.load`, `zoo sample`, `zoo evaluate` and the others.

    Raises:
        FileNotFoundError, ValueError: in one sentence; nothing has been run or written then.
    """
    path = as_path("import_weights", path)
    named = Path(os.path.abspath(path))  # `.` has no name; where a link leads is not beside it
    out = Path(out) if out is not None else named.with_name(f"{named.stem if path.is_file() else named.name}.ckpt")
    if out.exists() and out.resolve() == path.resolve():
        containers.recognise(path, paper)  # says so of what needs no import, as the zoo's own checkpoints
        raise ValueError(f"{out} is the file itself: name another with --out")
    check_file("--out", out)
    if out.exists() and not is_import(out):
        raise ValueError(f"{out} exists and was not imported, so it is not replaced: name another with --out")
    if not out.parent.is_dir():
        raise ValueError(f"there is no folder {out.parent} to write {out.name} to: make it, or name another --out")
    found = containers.recognise(path, paper)
    try:
        gan, about = assemble(found)
    except Refused as error:
        raise Refused(f"{path} was not imported: {error}") from error
    except Exception as error:  # whatever a crafted file makes of a network's arguments
        raise Refused(f"{path} was not imported: its settings cannot be ({printable(str(error))})") from error
    about["imported"] |= {"file": path.name, "sha256": containers.sha256(path)}
    write(gan, about, out)
    print(tell(found, gan, path), flush=True)
    return out


def is_import(path: Path) -> bool:
    """Whether a file is a checkpoint that was imported, which can be imported again."""
    try:
        return "imported" in torch.load(path, map_location="meta", mmap=True, weights_only=True)["zoo"]
    except Exception:  # whatever else it may be
        return False


def assemble(found: Found) -> tuple[GAN, dict]:
    """The GAN of what was found, and the checkpoint's `zoo` section.

    Shapes are compared on networks without memory before any is taken.

    Raises:
        Refused: naming the arrays that are missing, too much, of another shape, or not finite.
    """
    about = {
        "paper": found.paper,
        "hparams": found.settings,
        "conditions": {"seed": None, "precision": None, "world_size": None, "hardware": None},
        "imported": {
            "paper": found.paper.removesuffix("deeprelease"),
            "source": found.source,
            "licence": found.licence,
            "left_out": found.left_out,
        },
    }
    about["imported"]["networks"] = sorted(found.arrays)
    if found.lod:
        about["imported"]["lod"] = found.lod
    if found.networks:
        about["networks"] = found.networks
    try:
        with torch.device("meta"):
            empty = build(about)
    except ValueError as error:
        raise Refused(f"its settings do not fit together: {error}") from error
    nets = {"G": empty.G, "D": empty.D, "G_ema": empty.G_ema}
    missing_net = [name for name in ("G", "D") if name not in found.arrays and list(nets[name].parameters())]
    state: dict[str, Tensor] = {}
    converted: dict = {}
    for role, arrays in found.arrays.items():
        if nets[role] is None:
            continue
        key = (id(arrays), role[0])
        if key not in converted:
            converted[key] = fitted(arrays, nets[role], found, role)
        state |= {f"{role}.{name}": tensor for name, tensor in converted[key].items()}
    gan = build(about) if missing_net else empty
    if empty.G_ema is None and "G_ema" in found.arrays and "G" not in found.arrays:
        raise Refused("it holds an average of G only, which this paper's code does not keep")
    state |= {n: t for n, t in build_rest(gan, about).items() if n not in state} if not missing_net else {}
    if missing_net:
        state = gan.state_dict() | state
    state["_extra_state"] = extra_state(gan, found)
    gan.load_state_dict(state, assign=True)
    return gan.eval(), about


def build_rest(gan: GAN, about: dict) -> dict[str, Tensor]:
    """What a GAN keeps beside its networks, such as VGAN's beta, at its start."""
    names = [
        n for n, t in gan.state_dict().items() if isinstance(t, Tensor) and not n.startswith(("G.", "D.", "G_ema."))
    ]
    if not names:
        return {}
    full = build(about).state_dict()
    return {name: full[name] for name in names}


def extra_state(gan: GAN, found: Found) -> dict:
    """The counters of a training that has ended, or of one that still grows."""
    nimg = int(gan.total_kimg * 1000)
    if found.lod > 0:
        nimg = images_at(gan.schedule, found.lod)
    return {"nimg": nimg, "steps": 0, "seed": 0, "train_seconds": 0.0, "latent_rng": gan.latent_rng.get_state()}


def images_at(schedule: ProgressiveSchedule, lod: float) -> int:
    """Images after which a growing network first lacks `lod` levels.

    Raises:
        Refused: if it starts above that.
    """
    missing = (schedule.resolution // schedule.start_resolution).bit_length() - 1 - lod
    if missing < 0:
        raise Refused(f"its lod is {lod:g}, before the first stage of {schedule.start_resolution} px")
    passed = math.floor(missing)
    kimg = passed * (schedule.train_kimg + schedule.transition_kimg)
    if missing > passed:
        kimg += schedule.train_kimg + (missing - passed) * schedule.transition_kimg
    return int(kimg * 1000) + 1


# ---- fitting arrays to a network


def fitted(arrays: Arrays, net: nn.Module, found: Found, role: str) -> dict[str, Tensor]:
    """Our state of one network, complete and of the right shapes, in float32.

    Raises:
        Refused: naming what does not fit, by the file's names.
    """
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Refused(f"{printable(name)} of {role} has numbers that are not finite")
    convert = found.convert[role[0]]
    if hasattr(net, "state_of"):
        inner, convert = convert, lambda a: net.state_of(inner(a))
    try:
        state = convert(arrays)
    except KeyError as error:
        name = str(error.args[0]) if error.args else ""
        if name.startswith("no rule maps "):
            raise Refused(f"it also holds {printable(name[13:])}, which {role} of {found.paper} has not") from error
        known = next((one for one in arrays if name and name in one), None)
        raise Refused(
            f"it also holds {printable(known)}, which {role} of {found.paper} has not"
            if known
            else f"it lacks {name}"
        ) from error
    except (ValueError, IndexError, RuntimeError, AttributeError) as error:
        raise Refused(
            f"an array of {role} has another shape than {found.paper}'s ({printable(str(error))})"
        ) from error
    expected = {name: t for name, t in net.state_dict().items() if isinstance(t, Tensor)}
    names = official_names(arrays, convert)
    told = lambda name: printable(names.get(name) or sibling(name, names) or name)  # noqa: E731
    if surplus := [told(name) for name in state if name not in expected]:
        raise Refused(f"it also holds {listed(surplus)}, which {role} of {found.paper} with its settings has not")
    shapes = [
        f"{told(name)} with {tuple(state[name].shape)} instead of {tuple(tensor.shape)} (as the zoo lays it out)"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if shapes:
        raise Refused(f"{role} has arrays of other shapes than its settings ask for: {listed(shapes)}")
    filled = [name for name in expected if name not in state]
    if missing := [told(name) for name in filled if not any(part in name for part in found.fill)]:
        raise Refused(f"{role} lacks {listed(missing)}")
    for name in filled:
        state[name] = torch.zeros(expected[name].shape, dtype=expected[name].dtype)
    return {name: state[name].to(tensor.dtype).contiguous() for name, tensor in expected.items()}


def official_names(arrays: Arrays, convert) -> dict[str, str]:
    """Our name -> the file's, found by sending numbered arrays through the conversion."""
    order = list(arrays)
    numbered = {name: np.full(arrays[name].shape, i, np.float32) for i, name in enumerate(order)}
    try:
        return {
            n: order[int(t.flatten()[0])]
            for n, t in convert(numbered).items()
            if t.numel() and t[..., 0].isfinite().all()
        }
    except Exception:  # only for a sentence's names
        return {}


def sibling(name: str, names: Mapping[str, str]) -> str | None:
    """What the file would call an array of ours that it lacks, after others of the same layer."""
    layer, _, leaf = name.rpartition(".")
    leaves = {n.rpartition(".")[2]: cut(official)[1] for n, official in names.items()}
    beside = next((official for n, official in names.items() if n.rpartition(".")[0] == layer), None)
    return cut(beside)[0] + leaves[leaf] if beside and leaf in leaves else None


def cut(official: str) -> tuple[str, str]:
    """Layer with its separator, and leaf."""
    place = max(official.rfind("/"), official.rfind(".")) + 1
    return official[:place], official[place:]


def listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


# ---- the checkpoint


def write(gan: GAN, about: dict, out: Path) -> None:
    """The checkpoint, whole or not at all."""
    import lightning.pytorch as L

    checkpoint = {
        "state_dict": gan.state_dict(),
        "zoo": about,
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": L.__version__,
        "loops": {},
        "optimizer_states": [],
        "lr_schedulers": [],
    }
    with replacing(out) as part:
        torch.save(checkpoint, part)


def tell(found: Found, gan: GAN, path: Path) -> str:
    """What was found, in three lines."""
    classes = f", {gan.n_classes} classes" if gan.n_classes else ""
    roles = {"G": "G", "D": "D", "G_ema": "the average of G"}
    sizes = [f"{roles[r]} {sum(a.size for a in arrays.values()):,}" for r, arrays in sorted(found.arrays.items())]
    shown = {k: v for k, v in found.settings.items() if k not in ("resolution", "n_classes", "layers")}
    notes = list(found.notes)
    if "D" not in found.arrays and list(gan.D.parameters()):
        notes.append("no discriminator in it: D is untrained")
    channels = found.networks.get("G", {}).get("channels", 3)
    if channels < 3:
        notes.append(f"its images have {channels} channel{'s' * (channels > 1)}, handed out as three equal ones")
    elif channels > 3:
        notes.append(f"its images have {channels} channels, of which the first three are handed out")
    if found.lod > 0:
        side = gan.resolution >> math.floor(found.lod)
        notes.append(f"stopped at lod {found.lod:g}: pictures of {side} px, repeated to {gan.resolution} px")
    lines = [
        f"{path.name}: {found.paper}, {gan.resolution} px{classes} ({found.source}, licence {found.licence})",
        f"parameters: {', '.join(sizes)}; settings: {', '.join(f'{k} {v}' for k, v in shown.items())}",
        "; ".join([f"left out: {', '.join(found.left_out) or 'nothing'}", *notes]),
    ]
    return "\n".join(lines)
