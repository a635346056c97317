"""Real images where a generator is expected: the floor under every distance, through the same code."""

from typing import Any

import torch
from torch import Tensor

from zoo.data.images import Images
from zoo.data.order import subset
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.small import over_seeds


class Others:
    """Real images that are not in the reference, where a generator is expected: what they score is the floor.

    Args:
        data: the data module.
        n_real: reals of the reference, its fixed random choice.
        held_out: other images to take all from, such as a test set.
    """

    n_classes, device = 0, "cpu"

    def __init__(self, data: Any, n_real: int, held_out: Images | None = None) -> None:
        self.source = data.opened if held_out is None else held_out
        taken = torch.zeros(len(self.source), dtype=torch.bool)
        if held_out is None:
            taken[subset(len(data), n_real)] = True
        self.free = (~taken).nonzero().flatten()

    def sample(self, n: int, *, seed: int = 0, start: int = 0, **_: Any) -> Tensor:
        """uint8 images start..start + n of an order that `seed` names."""
        order = torch.randperm(len(self.free), generator=torch.Generator().manual_seed(seed))
        return self.source[self.free[order[start : start + n]]][0]


def floor(
    data: Any,
    extractors: list,
    n_fake: int,
    n_real: int | None,
    held_out: Images | None = None,
    n_seeds: int = 1,
    seed: int = 0,
    **options: Any,
) -> dict[str, dict]:
    """`evaluate` of real images against the reference that models are scored against: no model can be nearer.

    Choices that share most of their images deviate by too little: where `n_fake` is more than half of the images
    that are free, there is one choice, and no spread.

    Raises:
        ValueError: if the set has too few images for both, naming numbers that fit.
    """
    n_real = len(data) if n_real is None else n_real
    others = Others(data, n_real, held_out)
    if len(others.free) < n_fake:
        half = (len(data) if held_out is None else len(held_out)) // (2 if held_out is None else 1)
        if half < 2:
            raise ValueError(f"the set has {len(others.source)} images, too few to score: name a larger one")
        raise ValueError(
            f"{n_fake} images that are not among the {n_real} reals are not there: take "
            + (f"--n_fake {half} --n_real {half}, halves" if held_out is None else f"--n_fake {half} at most")
        )

    if 2 * n_fake > len(others.free):
        n_seeds = 1

    def score(seed: int) -> dict[str, dict]:
        return evaluate(others, data, extractors, n_fake=n_fake, n_is=n_fake, n_real=n_real, seed=seed, **options)

    return over_seeds(score, seed, n_seeds)
