"""What a distance of few samples is worth: extrapolation, sampling seeds with a spread."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.evaluation.metrics import frechet_distance, mean_cov

SIZES = 15  # of the line, as in dgm-eval's fd.py:93-126
ENOUGH = 50_000  # samples from which on nothing is extrapolated
FEWEST = 500  # samples below which a line means nothing
FOR_A_FEATURE = 4  # samples for each feature: of fewer, covariances lack rank or nearly do, and no line is straight
SENTENCES = ("absent", "notes")  # parts of a result that say something of metrics


def frechet_infinity(features: Tensor, mu: np.ndarray, sigma: np.ndarray, seed: int = 0) -> float:
    """The Frechet distance extrapolated to infinitely many fakes (Chong and Forsyth 2020; dgm-eval fd.py:93-126).

    The distance of N samples is too large by about c / N; a line through 15 sizes, from a tenth of N (but more
    than there are features), meets 1/N = 0 there. The reals' own share of the bias stays.

    Args:
        features: of the fakes (N, D).
        mu, sigma: of the reals, (D,) and (D, D).
        seed: of the fixed choices without repetition.

    Raises:
        ValueError: for fewer than 500 fakes, or than four for each feature.
    """
    n, dim = features.shape
    if n < (least := max(FEWEST, FOR_A_FEATURE * dim)):
        raise ValueError(f"{n:,} fakes of {dim:,} features are too few to extrapolate from: it takes {least:,}")
    sizes = np.linspace(max(n // 10, dim + 1), n, SIZES).astype(int)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for size in sizes:
        chosen = torch.randperm(n, generator=generator)[: int(size)]
        found.append(frechet_distance(*mean_cov(features[chosen]), mu, sigma))
    return float(np.polyfit(1 / sizes, found, 1)[1])


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """The numbers among values that are finite: no row holds others."""
    return {name: value for name, value in values.items() if math.isfinite(value)}


def set_apart(result: dict[str, dict]) -> dict[str, dict]:
    """The result, with what is no finite number among its metrics made absent."""
    metrics = finite(result["metrics"])
    odd = {k: f"it came out as {v}, no finite number" for k, v in result["metrics"].items() if k not in metrics}
    classes = {name: finite(each) for name, each in result.get("classes", {}).items()}
    return result | {"metrics": metrics, "absent": result["absent"] | odd, "classes": classes}


def over_seeds(score: Callable[[int], dict[str, dict]], seed: int, n_seeds: int) -> dict[str, dict]:
    """Means over the sampling seeds `seed`, `seed` + 1, ... of what `score` returns, with `spread`: the deviations.

    `classes` are means too, so that they still average to the metric that is a mean over classes. A deviation has
    n - 1 below it; with one seed there is none. What a single seed lacks is absent, with its reason. The conditions
    say how many seeds there were.

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
    told = {part: {k: v for one in results[::-1] for k, v in one.get(part, {}).items()} for part in SENTENCES}
    return first | {
        **told,
        "classes": _mean_of_classes([one.get("classes", {}) for one in results]),
        "metrics": {name: float(v.mean()) for name, v in values.items()},
        "spread": {name: float(v.std(ddof=1)) for name, v in values.items()},
        "conditions": first["conditions"] | {"n_seeds": n_seeds},
    }


def _mean_of_classes(results: list[dict[str, dict]]) -> dict[str, dict]:
    """metric -> class -> mean over the results, of metrics and classes that all of them have."""
    names = [name for name in results[0] if all(name in one for one in results)]
    return {
        name: {
            label: float(np.mean([one[name][label] for one in results]))
            for label in results[0][name]
            if all(label in one[name] for one in results)
        }
        for name in names
    }
