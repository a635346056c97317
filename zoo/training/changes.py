"""What a run may go on with otherwise, and what it may not: whatever alters what is computed is refused.

Free are total_kimg, devices, threads, loggers, the cadence of samples, scores, checkpoints and watchers, and where
the same data lie.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.engine.gan import GAN
from zoo.training.loading import read
from zoo.training.shapes import check_training

#: of a precision, other ways to say it
PRECISIONS = {None: "32-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed", "64": "64-true"}
#: settings of the data that change what training sees of the same images
DATA = ("divisor", "noise", "flip", "crop")
#: options under --trainer that change what is computed, and what they are if nobody says
TRAINER = {"overfit_batches": 0.0, "limit_train_batches": None, "deterministic": None}


def computed(model: GAN, data: Any = None, trainer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What decides beside the model's own settings what is computed, as options of the command line name it."""
    found: dict[str, Any] = {"seed_everything": model.seed, **getattr(model, "computed", {})}
    for name in DATA if data is not None else ():
        found[f"data.{name}"] = getattr(data, name, None)
    if data is not None:
        found["data.seed"] = model.seed if data.seed is None else data.seed
    if trainer is not None:
        given = trainer.get("precision")
        found["trainer.precision"] = PRECISIONS.get(str(given) if given is not None else None, given)
        found["half_penalties"] = model.half_penalties
        found |= {f"trainer.{name}": trainer.get(name, usual) for name, usual in TRAINER.items()}
    return found


def known(checkpoint: dict) -> dict[str, Any]:
    """The same of a checkpoint; an older one tells a part of it."""
    state, about = checkpoint["state_dict"]["_extra_state"], checkpoint["zoo"]
    precision = (about.get("conditions") or {}).get("precision")
    old = {"seed_everything": state.get("seed"), "trainer.precision": precision, "half_penalties": False}
    return {k: v for k, v in old.items() if v is not None} | about.get("computed", {})


def check_resume(
    path: Path, model: GAN, now: dict[str, Any], owed: Callable[[GAN, int], bool] | None = None
) -> None:
    """Refuse what cannot be gone on with, before anything starts.

    An optimizer brings its own settings back from the checkpoint, so a changed beta would be told in the results
    but never used. Of the model only its length may change, a watcher's cadence, and what a shorter length had
    drawn near.

    Args:
        now: what `computed` says of this command.
        owed: whether a run that has ended at an image count lacks its results row, or one of what is asked of the
            evaluation now: that is then all that is done.

    Raises:
        FileNotFoundError, ValueError: if there is no such file, it is damaged, the run has already ended, or the
            command changes what it computes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; --ckpt_path takes 'last' or a file")
    checkpoint = read(path, mmap=True)
    if not checkpoint.get("optimizer_states"):
        raise ValueError(f"{path} holds weights and no training to go on with: begin by --init_from {path}")
    old, nimg = checkpoint["zoo"], checkpoint["state_dict"]["_extra_state"]["nimg"]
    ended = nimg >= model.total_kimg * 1000
    if ended and not (owed and owed(model, nimg)):
        raise ValueError(
            f"{path} has already reached {nimg / 1000:g} {model.unit}; see it with `{model.shown_by} {path}`, "
            f"raise --model.total_{model.unit} to train on, or leave out --ckpt_path for a new run"
        )
    if old["paper"] != type(model).__name__.lower():
        raise ValueError(f"{path} is a checkpoint of {old['paper']}, not of {type(model).__name__}")
    refused, changed = differences(checkpoint, model, now)
    if refused:
        raise ValueError(
            f"{path} cannot go on with {', '.join(refused)}: give the run's own settings, begin another run from "
            "its weights by --init_from, or leave out --ckpt_path"
        )
    check_training(path, checkpoint, model)
    if ended:
        print(f"{path} has reached its end and has no results row of this evaluation: that is all that is done now")
    if changed:
        print(f"resuming with {', '.join(f'{k} {was} -> {new}' for k, (was, new) in changed.items())}")
    if "ancestor" in old:
        model.origin["ancestor"] = old["ancestor"]


def differences(checkpoint: dict, model: GAN, now: dict[str, Any]) -> tuple[list[str], dict[str, tuple[Any, Any]]]:
    """(what this command may not change of a checkpoint, `name old -> new`; all that it does of the model)."""
    old, nimg = checkpoint["zoo"]["hparams"], checkpoint["state_dict"]["_extra_state"]["nimg"]
    refused = [f"{k} {v} -> {now[k]}" for k, v in known(checkpoint).items() if k in now and now[k] != v]
    changed = {k: (v, model.hparams[k]) for k, v in old.items() if model.hparams.get(k, v) != v}
    free = {k for k, (was, new) in changed.items() if may_change(k, was, new, nimg, old, model)}
    return refused + [f"{k} {was} -> {new}" for k, (was, new) in changed.items() if k not in free], changed


def fits(path: Path, model: GAN, now: dict[str, Any]) -> bool:
    """Whether this command may go on with a checkpoint; a damaged one is left to `check_resume`, which names it."""
    try:
        checkpoint = read(path, mmap=True)
    except ValueError:
        return True
    return checkpoint["zoo"]["paper"] == type(model).__name__.lower() and not differences(checkpoint, model, now)[0]


def may_change(name: str, was: Any, new: Any, nimg: int, old: dict, model: GAN | type[GAN]) -> bool:
    """Whether another value of a model's setting leaves what was computed, and would have been, as it is."""
    total = f"total_{model.unit}"
    if name in (total, f"watch_{model.unit}"):
        return True
    if not name.endswith(f"_{model.unit}") or name in model.fixed_kimg or None in (was, new):
        return False
    # a recipe's start was drawn near by a shorter length, and was not reached there
    return was >= (old.get(total) or 0) and new * 1000 >= nimg
