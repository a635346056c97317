"""Latents that are named by numbers, so that the same numbers give the same images anywhere."""

import math

import numpy as np
import torch
from torch import Tensor


def indexed_latents(
    n: int, latent_dim: int, n_classes: int = 0, seed: int = 0, start: int = 0, truncation: float | None = None
) -> tuple[Tensor, Tensor]:
    """z ~ N(0, I), (n, latent_dim) float32, and uniform classes (n,) int64, on the CPU.

    Row i is a pure function of (seed, start + i). With `truncation` t, z follows the normal distribution truncated
    to [-t, t], by inverting its cumulative distribution: the same law as resampling values beyond t. Without
    classes all labels are 0.

    Raises:
        ValueError: for truncation <= 0.
    """
    if truncation is not None and truncation <= 0:
        raise ValueError(f"truncation must be positive, not {truncation}")
    z = np.empty((n, latent_dim), np.float32)
    y = np.zeros(n, np.int64)
    for i in range(n):
        # counter-based, keyed by both numbers; torch's CPU generator would keep only 32 bits of a seed
        rng = np.random.Generator(np.random.Philox(key=[seed, start + i]))
        z[i] = (rng.standard_normal if truncation is None else rng.random)(latent_dim, np.float32)
        y[i] = rng.integers(max(n_classes, 1))
    z, y = torch.from_numpy(z), torch.from_numpy(y)
    if truncation is not None:
        bound = math.erf(truncation / math.sqrt(2))
        z = math.sqrt(2) * torch.erfinv((2 * z - 1) * bound)
    return z, y


def uniform(z: Tensor) -> Tensor:
    """N(0, 1) as U(-1, 1) through the normal distribution function: 2 Phi(z) - 1."""
    return torch.erf(z / math.sqrt(2))


def unit_uniform(z: Tensor) -> Tensor:
    """N(0, 1) as U(0, 1): Phi(z)."""
    return (1 + uniform(z)) / 2


def normal(z: Tensor) -> Tensor:
    return z


#: name of a prior -> what makes it of N(0, 1)
PRIORS = {"uniform": uniform, "unit_uniform": unit_uniform, "normal": normal}
