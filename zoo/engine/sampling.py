"""Images of a model, by G or its average in eval mode."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.engine import latents
from zoo.engine.checks import chosen_labels
from zoo.networks.modes import evaluating

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def indexed_latents(
    gan: "GAN", n: int, seed: int = 0, start: int = 0, truncation: float | None = None
) -> tuple[Tensor, Tensor | None]:
    """`zoo.engine.latents.indexed_latents` of this model: z and, with classes, labels, or None."""
    z, y = latents.indexed_latents(n, gan.latent_dim, gan.n_classes, seed, start, truncation)
    return z.to(gan.device, gan.dtype), y.to(gan.device) if gan.n_classes else None


@torch.no_grad()
def sample(
    gan: "GAN",
    n: int,
    label: Tensor | int | None = None,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
    start: int = 0,
) -> Tensor:
    """Images (n, 3, R, R) in [-1, 1], image i a pure function of (weights, seed, start + i).

    Args:
        label: class of every image, or (n,) classes; None draws them uniformly.
        truncation: bound on |z| (the truncation trick of BigGAN); None for none.
        ema: use the average of G when there is one.
        seed, start: name the latents; the same numbers give the same faces on any number of ranks.

    Raises:
        ValueError: for labels of an unconditional model, labels out of range, or truncation <= 0.
    """
    z, y = gan.indexed_latents(n, seed, start, truncation)
    return gan.decode(z, y if label is None else chosen_labels(gan, label, n), truncation, ema)


@torch.no_grad()
def decode(
    gan: "GAN", z: Tensor, label: Tensor | None = None, truncation: float | None = None, ema: bool = True
) -> Tensor:
    """Images (N, 3, R, R) in [-1, 1] of latents (N, latent_dim), by G (or its average) in eval mode."""
    G = gan.G_ema if ema and gan.G_ema is not None else gan.G
    with evaluating(G):
        return gan.generate(G, z, label, truncation)
