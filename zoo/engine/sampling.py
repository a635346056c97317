"""Samples by number: the same numbers give the same images anywhere."""

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo.engine import latents as named
from zoo.engine.checks import chosen_labels
from zoo.networks.modes import evaluating
from zoo.options.checked import refuse
from zoo.options.ranges import FiniteFloat, ImageNumber, NonNegativeInt

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def whole(value: Any) -> Any:
    """A whole number of NumPy's or PyTorch's as Python's; anything else as it is."""
    try:
        return operator.index(value)
    except (TypeError, RuntimeError):
        return value


def indexed_latents(
    self: "GAN", n: int, seed: int = 0, start: int = 0, truncation: float | None = None
) -> tuple[Tensor, Tensor | None]:
    """`zoo.engine.latents.indexed_latents` of this model: z and, with classes, labels, or None.

    Raises:
        ValueError: naming the argument that is no such number.
    """
    n, seed, start = (whole(value) for value in (n, seed, start))
    for name, value, kind in (("n", n, NonNegativeInt), ("seed", seed, ImageNumber), ("start", start, ImageNumber)):
        refuse(name, value, kind)
    refuse("truncation", truncation, FiniteFloat | None)
    z, y = named.indexed_latents(n, self.latent_dim, self.n_classes, seed, start, truncation)
    return self.prior(z.to(self.device, self.dtype)), y.to(self.device) if self.n_classes else None


@torch.no_grad()
def sample(
    self: "GAN",
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
        ValueError: naming the argument that is no such number; for labels of an unconditional model, labels out
            of range or of another number, or truncation <= 0.
    """
    z, y = self.indexed_latents(n, seed, start, truncation)
    return self.decode(z, y if label is None else chosen_labels(self, label, n), truncation, ema)


@torch.no_grad()
def decode(
    self: "GAN", z: Tensor, label: Tensor | None = None, truncation: float | None = None, ema: bool = True
) -> Tensor:
    """Images (N, 3, R, R) in [-1, 1] of latents (N, latent_dim), by G (or its average) in eval mode.

    Raises:
        ValueError: for latents of another shape.
    """
    if z.shape[1:] != (self.latent_dim,):
        raise ValueError(f"{type(self).__name__} takes latents (N, {self.latent_dim}), not {tuple(z.shape)}")
    G = self.G_ema if ema and self.G_ema is not None else self.G
    with evaluating(G), self.as_written():
        return self.generate(G, z, label, truncation)
