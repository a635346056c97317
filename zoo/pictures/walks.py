"""Sheets of samples by name, and those of walks between classes and between latents (Brock et al. 2019)."""

import math

import torch
from torch import Tensor

from zoo.engine.checks import chosen_labels
from zoo.engine.gan import GAN
from zoo.pictures import styles
from zoo.pictures.grids import sample_grid


def sheet(
    gan: GAN, kind: str, n: int, label: int | None, truncation: float | None, seed: int, ema: bool
) -> tuple[Tensor, int]:
    """The images of a sheet of `zoo sample`, and how many make a row."""
    side = max(2, math.isqrt(n))
    if kind == "mixing":
        return styles.mixing_sheet(gan, seed=seed, ema=ema)
    if kind == "truncation":
        return styles.truncation_strip(gan, seed=seed, ema=ema), len(styles.PSI)
    if kind == "classes":
        return classes_walk(gan, side, side, seed, truncation, ema), side
    if kind == "latents":
        return latents_walk(gan, side, side, seed, truncation, ema, label), side
    return sample_grid(gan, n, seed, truncation, ema, label=label)


def classes_walk(
    gan: GAN, rows: int = 8, steps: int = 8, seed: int = 0, truncation: float | None = None, ema: bool = True
) -> Tensor:
    """Each row walks from one class to the next with z held, (rows * steps, 3, R, R).

    Between classes it interpolates the shared embedding, which G takes in the label's place.

    Raises:
        ValueError: if the model has no embedding that a walk could follow.
    """
    embedding = getattr(gan.G_ema if ema and gan.G_ema is not None else gan.G, "embedding", None)
    if not gan.n_classes or not isinstance(embedding, torch.nn.Embedding) or embedding.num_embeddings < 2:
        raise ValueError(f"{type(gan).__name__} of this checkpoint has no shared class embedding to walk in")
    z, _ = gan.indexed_latents(rows, seed, 0, truncation)
    weights = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]
    images = []
    for row in range(rows):
        ends = torch.tensor([row, row + 1], device=z.device) % gan.n_classes
        with torch.no_grad():
            first, last = embedding(ends)
        images.append(gan.decode(z[row].expand(steps, -1), torch.lerp(first, last, weights), truncation, ema))
    return torch.cat(images)


def latents_walk(
    gan: GAN,
    rows: int = 8,
    steps: int = 8,
    seed: int = 0,
    truncation: float | None = None,
    ema: bool = True,
    label: int | None = None,
) -> Tensor:
    """Each row walks from one z to another, its class (row's number, or `label`) held, (rows * steps, 3, R, R).

    Raises:
        ValueError: for a label of an unconditional model, or one out of range.
    """
    chosen = None if label is None else chosen_labels(gan, label, steps)
    z, _ = gan.indexed_latents(2 * rows, seed, 0, truncation)
    weights = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)[:, None]
    images = []
    for row in range(rows):
        y = chosen
        if gan.n_classes and chosen is None:
            y = torch.full((steps,), row % gan.n_classes, device=z.device)
        images.append(gan.decode(torch.lerp(z[2 * row], z[2 * row + 1], weights), y, truncation, ema))
    return torch.cat(images)
