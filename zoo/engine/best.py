"""The best checkpoint of a run beside the newest one: `--checkpoints.best_by fd_random`.

Published numbers are often a run's best and not its last, which flatters: the checkpoint says how it was chosen,
and so does every results row of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.gan import GAN


def keeper_of(trainer: L.Trainer) -> Any | None:
    """The callback that keeps the best checkpoint of this training; None if nobody asked for it."""
    keeper = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)
    return keeper if keeper is not None and keeper.best_by else None


def forget_best(trainer: L.Trainer, gan: GAN, alike: bool) -> None:
    """Where a run goes on, let its best so far count for what can be compared with it alone; a collective.

    Args:
        alike: whether scores are made as they were before.
    """
    keeper = keeper_of(trainer)
    if keeper is None or not keeper.best:
        return
    by = keeper.best.get("by", keeper.best_by)  # older files do not say
    here = Path(trainer.default_root_dir, "checkpoints", "best.ckpt").is_file()
    if by != keeper.best_by:
        why = f"checkpoints.best_by is {keeper.best_by} now"
    elif not alike:
        why = "evaluations are made otherwise now"
    elif not trainer.strategy.broadcast(here):
        why = "there is no best.ckpt of it in this run's folder"
    else:
        return
    if trainer.is_global_zero:
        was = f"{by} {keeper.best['value']:.4g} at {keeper.best['nimg'] / 1000:g} {gan.unit}"
        print(f"the best so far ({was}) counts no more, since {why}: best.ckpt will be the best from here on")
    keeper.best = {}


def offer_best(trainer: L.Trainer, gan: GAN, metrics: Mapping[str, float], higher: Callable[[str], bool]) -> None:
    """Keep the model as `checkpoints/best.ckpt` if its score is the run's best so far; a collective.

    Args:
        metrics: scores of the model as it is now; rank 0's count.
        higher: whether more of a score is better, by its name.
    """
    if (keeper := keeper_of(trainer)) is None:
        return
    value = trainer.strategy.broadcast(metrics.get(keeper.best_by))
    if value is None:
        if trainer.is_global_zero:
            known = ", ".join(sorted(metrics)) or "none"
            print(f"checkpoints.best_by {keeper.best_by} was not measured; there are {known}", flush=True)
        return
    before, old = keeper.best, keeper.best.get("value")
    better = old is None or (value > old if higher(keeper.best_by) else value < old)
    if not (better and math.isfinite(value)):
        return
    keeper.best = {"value": float(value), "nimg": gan.nimg, "by": keeper.best_by}
    gan.chosen = f"best of its run by {keeper.best_by}"
    try:
        if keeper.write(trainer, gan, "best.ckpt") is None:
            keeper.best = before  # the file is still that one
    finally:
        gan.chosen = None


def check_best(callbacks: Sequence[L.Callback], every_kimg: float | None, known: Sequence[str]) -> None:
    """Refuse to look for a best where only the end is scored, or by what is not scored on the way.

    Args:
        known: names of the scores; one that ends with `_` stands for all that begin so.

    Raises:
        ValueError: naming the option.
    """
    asked: list[Any] = [c.best_by for c in callbacks if isinstance(c, Checkpoints) and c.best_by]
    if asked and not every_kimg:
        raise ValueError(
            f"checkpoints.best_by {asked[0]} needs scores on the way: set --evaluation.every_kimg, such as 1000"
        )
    for name in asked:
        if not any(name == one or (one.endswith("_") and name.startswith(one)) for one in known):
            raise ValueError(
                f"checkpoints.best_by {name} is no score that is measured on the way: there are {', '.join(known)}"
                "; another network's are had by --evaluation.extractors"
            )
