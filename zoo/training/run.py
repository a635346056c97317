"""A run's folder: where it writes, what it was asked for, and what of it can be gone on with."""

import importlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from zoo.data import ImageDataModule
from zoo.data.whole import leftovers, write_whole
from zoo.engine.gan import GAN
from zoo.options.yamls import config_in
from zoo.training.lock import Owner

EVALUATIONS = "evaluations.jsonl"  # of a run's folder: its scores


@dataclass(frozen=True)
class Run:
    """Where a run writes and what it was asked for."""

    paper: str
    recipe: str
    folder: Path
    config: dict


def new_folder(base: Path) -> Path:
    """Create `base`, or `base` with the first free number behind it, atomically: no two runs share a folder."""
    base.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1_000_000):
        folder = base.with_name(f"{base.name}-{number:03d}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"no free number for {base}")


def unbegun(base: Path) -> Path | None:
    """The newest folder of `base` if its process was killed before a checkpoint: such a run begins again."""
    found = sorted(p for p in base.parent.glob(f"{base.name}-*") if p.name.removeprefix(f"{base.name}-").isdigit())
    if not found or saved(found[-1]):
        return None
    owner = Owner.of(found[-1])
    return found[-1] if owner is not None and owner.alive is False else None


def saved(folder: Path) -> bool:
    """Whether a run has a checkpoint to go on from."""
    return any((folder / "checkpoints").glob("*.ckpt"))


def checkpoints(base: Path) -> list[Path]:
    """What the runs of one recipe can be gone on from, newest first: of each its `last.ckpt`, or the `best.ckpt` of
    an evaluation where it was killed before the first of them."""
    run = re.compile(re.escape(base.name) + r"-\d+")  # runs of cifar10, not those of cifar10-cnn
    folders = [p for p in base.parent.glob("*/checkpoints") if run.fullmatch(p.parent.name)]
    kept = [[p for p in (f / "last.ckpt", f / "best.ckpt") if p.is_file()] for f in folders]
    return sorted((files[0] for files in kept if files), key=lambda p: p.stat().st_mtime, reverse=True)


def last_checkpoint(
    base: Path, config: dict | None = None, fits: Callable[[Path], bool] = lambda _: True
) -> Path | None:
    """The newest checkpoint among the runs of one recipe: of a run that `config` has asked for, if there is one,
    else of one that it may go on with, else of all, so that a sentence can say what differs.

    Args:
        fits: whether a checkpoint may be gone on with.
    """
    found = checkpoints(base)
    own = (path for path in found if config is not None and same_command(path.parents[1], config))
    return next(own, None) or next(filter(fits, found), None) or next(iter(found), None)


def same_command(folder: Path, config: dict) -> bool:
    """Whether a run was last asked for by the same settings; what it began with is its own."""
    own = {"ckpt_path": None, "ancestor": None}  # the file's alone
    try:
        return yaml.safe_load((folder / "config.yaml").read_text()) | own == config | own
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return False


def about(model: GAN, data: ImageDataModule) -> str:
    """Sizes of networks and data, for the line that a run begins with."""
    g, d = (sum(p.numel() for p in net.parameters()) / 1e6 for net in (model.G, model.D))
    first, last = model.stage.resolution, model.resolution
    sides = f"{last} px" if first == last else f"{first} to {last} px"
    return f"G {g:.2f} M, D {d:.2f} M parameters; {data.name}, {len(data):,} images at {sides}"


def begin_in(folder: Path, config: dict) -> None:
    """Write down what a run was asked for, as it was at its first start, and take away what a kill has left."""
    for part in leftovers(folder):
        part.unlink(missing_ok=True)
    file = folder / "config.yaml"
    if not saved(folder):  # killed before the first: all of it is made again
        for name in ("checkpoints", "csv", "samples"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (EVALUATIONS, "config.yaml"):
            (folder / name).unlink(missing_ok=True)
    start = (config_in(file) if file.is_file() else config).get("ckpt_path")
    start = None if start == "last" else start  # it found none: who repeats the run by this file begins one too
    write_whole(file, yaml.safe_dump(config | {"ckpt_path": start}, sort_keys=False))


def run_id(folder: Path) -> str:
    """The run's own name among all runs, the same after a resume: kept in its folder, given by its first start."""
    file = folder / "run_id"
    if not file.is_file():
        write_whole(file, secrets.token_hex(4))
    return file.read_text().strip()


def data_of(config: dict, where: str = "the run's config.yaml") -> ImageDataModule:
    """The data module that a run's config.yaml describes, or a recipe: `where` names it in messages.

    Raises:
        ValueError: if it describes none.
    """
    try:
        module, _, name = config["data"]["class_path"].rpartition(".")
        options = dict(config["data"].get("init_args") or {}) | {"resolution": config["model"]["resolution"]}
        made = getattr(importlib.import_module(module or "zoo.data"), name)
    except (KeyError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"{where} names no data that can be opened ({error}): give --data") from error
    try:
        return made(**options)
    except TypeError as error:
        raise ValueError(f"the data section of {where} does not fit {name}: {error}") from error


def data_to_score(config: dict, gan: GAN) -> ImageDataModule:
    """The data that a model is scored against, opened at the size it was trained to."""
    data = data_of(config)
    data.enter(gan.trained_stage)
    data.prepare_data()
    data.setup("fit")
    return data


@contextmanager
def of_trained_stage(gan: GAN, data: ImageDataModule) -> Iterator[None]:
    """Let data serve the size that a growing model shows: where a run goes on at a stage's end, it has the next."""
    stage, served = gan.trained_stage, getattr(data, "resolution", None)
    if served in (None, stage.resolution):
        yield
        return
    data.enter(stage)
    try:
        yield
    finally:
        data.enter(gan.stage)


def data_given(data: str) -> dict:
    """The `data` section for a set of `zoo.data` by its name, such as CIFAR10, or for a folder or zip.

    Raises:
        ValueError: if there is neither.
    """
    import zoo.data

    found = getattr(zoo.data, data, None)
    if isinstance(found, type) and issubclass(found, ImageDataModule):
        return {"class_path": f"zoo.data.{data}"}
    if not Path(data).exists():
        known = sorted(
            k for k, v in vars(zoo.data).items() if isinstance(v, type) and issubclass(v, ImageDataModule)
        )
        raise ValueError(
            f"--data {data}: there is no such folder or zip, and no such set; there are {', '.join(known)}"
        )
    return {"class_path": "zoo.data.ImageDataModule", "init_args": {"path": data}}


def config_to_score(checkpoint: Path, gan: GAN, data: str | None) -> tuple[dict, Path, str]:
    """Sections model, data and evaluation for a checkpoint's score, the folder for files, and the run's name.

    A checkpoint of imported weights lies in no run's folder: `data` must say what it is scored against.

    Raises:
        FileNotFoundError, ValueError: if that is not known.
    """
    folder, imported = checkpoint.resolve().parents[1], gan.origin.get("imported")
    if imported is None:
        if not (folder / "config.yaml").is_file():
            raise FileNotFoundError(f"{checkpoint} lies in no run's folder: there is no {folder / 'config.yaml'}")
        config = config_in(folder / "config.yaml")
        return config | ({"data": data_given(data)} if data else {}), folder, run_id(folder)
    if data is None:
        raise ValueError(
            f"{checkpoint} holds imported weights: name what to score them against, such as --data CIFAR10"
        )
    model = {k: v for k, v in gan.hparams.items() if not k.startswith("_")} | {"resolution": gan.resolution}
    about = {"recipe": f"imported-{Path(imported['file']).stem}", "paper": imported["paper"]}
    config = {"model": model, "data": data_given(data), "evaluation": about}
    return config, checkpoint.resolve().parent, imported["sha256"][:8]
