"""The best checkpoint of a run beside the newest one: `--checkpoints.best_by fd_random`.

Published numbers are often a run's best and not its last, which flatters: the checkpoint says how it was chosen,
and so does every results row of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning.pytorch as L

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.gan import GAN


def offer_best(trainer: L.Trainer, gan: GAN, metrics: Mapping[str, float], higher: Callable[[str], bool]) -> None:
    """Keep the model as `checkpoints/best.ckpt` if its score is the run's best so far; a collective.

    Args:
        metrics: scores of the model as it is now; rank 0's count.
        higher: whether more of a score is better, by its name.
    """
    keeper = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)
    if keeper is None or not keeper.best_by:
        return
    value = trainer.strategy.broadcast(metrics.get(keeper.best_by))
    if value is None:
        if trainer.is_global_zero:
            known = ", ".join(sorted(metrics)) or "none"
            print(f"checkpoints.best_by {keeper.best_by} was not measured; there are {known}", flush=True)
        return
    old = keeper.best.get("value")
    better = old is None or (value > old if higher(keeper.best_by) else value < old)
    if not (better and math.isfinite(value)):
        return
    keeper.best = {"value": float(value), "nimg": gan.nimg}
    gan.chosen = f"best of its run by {keeper.best_by}"
    try:
        keeper.write(trainer, gan, "best.ckpt")
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
