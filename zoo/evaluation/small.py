"""What a distance of few samples is worth: extrapolation, sampling seeds with a spread, floors of reals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.order import subset
from zoo.evaluation.metrics import frechet_distance, mean_cov

SIZES = 15  # of the line, as in dgm-eval's fd.py:93-126
ENOUGH = 50_000  # samples from which on nothing is extrapolated
FEWEST = 500  # samples below which a line means nothing


def frechet_infinity(features: Tensor, mu: np.ndarray, sigma: np.ndarray, seed: int = 0) -> float:
    """The Frechet distance extrapolated to infinitely many fakes (Chong and Forsyth 2020; dgm-eval fd.py:93-126).

    The distance of N samples is too large by about c / N; a line through 15 sizes, from a tenth of N (but no fewer
    than features where N allows it), meets 1/N = 0 there. The reals' own share of the bias stays.

    Args:
        features: of the fakes (N, D).
        mu, sigma: of the reals, (D,) and (D, D).
        seed: of the fixed choices without repetition.

    Raises:
        ValueError: for fewer than 500 fakes.
    """
    n, dim = features.shape
    if n < FEWEST:
        raise ValueError(f"{n} samples are too few to extrapolate from: at least {FEWEST} are needed")
    sizes = np.linspace(max(n // 10, min(dim + 1, n // 2)), n, SIZES).astype(int)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for size in sizes:
        chosen = torch.randperm(n, generator=generator)[: int(size)]
        found.append(frechet_distance(*mean_cov(features[chosen]), mu, sigma))
    return float(np.polyfit(1 / sizes, found, 1)[1])


def over_seeds(score: Callable[[int], dict[str, dict]], seed: int, n_seeds: int) -> dict[str, dict]:
    """Means over the sampling seeds `seed`, `seed` + 1, ... of what `score` returns, with `spread`: the deviations.

    A deviation has n - 1 below it; with one seed there is none. The conditions say how many seeds there were.

    Raises:
        ValueError: for no seed.
    """
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1, not {n_seeds}")
    results = [score(seed + k) for k in range(n_seeds)]
    first = results[0]
    if n_seeds == 1:
        return first
    names = [name for name in first["metrics"] if all(name in one["metrics"] for one in results)]
    values = {name: np.array([one["metrics"][name] for one in results]) for name in names}
    return first | {
        "metrics": {name: float(v.mean()) for name, v in values.items()},
        "spread": {name: float(v.std(ddof=1)) for name, v in values.items()},
        "conditions": first["conditions"] | {"n_seeds": n_seeds},
    }


class Others:
    """Real images that are not in the reference, where a generator is expected: what they score is the floor.

    Args:
        data: the data module.
        n_real: reals of the reference, its fixed random choice.
        held_out: another data module to take all images from, such as a test set.
    """

    n_classes, device = 0, "cpu"

    def __init__(self, data: Any, n_real: int, held_out: Any = None) -> None:
        self.data = data if held_out is None else held_out
        taken = torch.zeros(len(self.data), dtype=torch.bool)
        if held_out is None:
            taken[subset(len(data), n_real)] = True
        self.free = (~taken).nonzero().flatten()

    def sample(self, n: int, *, seed: int = 0, start: int = 0, **_: Any) -> Tensor:
        """uint8 images start..start + n of an order that `seed` names."""
        order = torch.randperm(len(self.free), generator=torch.Generator().manual_seed(seed))
        return self.data.images(self.free[order[start : start + n]])


def floor(
    data: Any,
    extractors: list,
    n_fake: int,
    n_real: int | None,
    held_out: Any = None,
    n_seeds: int = 1,
    seed: int = 0,
    **options: Any,
) -> dict[str, dict]:
    """`evaluate` of real images against the reference that models are scored against: no model can be nearer.

    Raises:
        ValueError: if the set has too few images for both, naming numbers that fit.
    """
    from zoo.evaluation.evaluate import evaluate

    n_real = len(data) if n_real is None else n_real
    others = Others(data, n_real, held_out)
    if len(others.free) < n_fake:
        half = (len(data) if held_out is None else len(held_out)) // (2 if held_out is None else 1)
        raise ValueError(
            f"{n_fake} images that are not among the {n_real} reals are not there: take "
            + (f"--n_fake {half} --n_real {half}, halves" if held_out is None else f"--n_fake {half} at most")
        )

    def score(seed: int) -> dict[str, dict]:
        return evaluate(others, data, extractors, n_fake=n_fake, n_real=n_real, seed=seed, **options)

    return over_seeds(score, seed, n_seeds)
