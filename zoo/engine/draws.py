"""A training step's random numbers: one stream for all ranks, kept in the checkpoint."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def latents(self: "GAN", n: int) -> Tensor:
    """z ~ N(0, I), or what `prior` makes of it, (n, latent_dim). One stream serves all ranks and each takes
    every world-th row, so the ranks' latents differ, and together they are those of a single process."""
    z = torch.randn(n * self.world_size, self.latent_dim, generator=self.latent_rng)
    return self.prior(z[self.global_rank :: self.world_size].to(self.device, self.dtype))


def uniform(self: "GAN", n: int) -> Tensor:
    """U[0, 1) per image, (n,), from the latents' stream and split over the ranks as they are."""
    u = torch.rand(n * self.world_size, generator=self.latent_rng)
    return u[self.global_rank :: self.world_size].to(self.device, self.dtype)


def random_labels(self: "GAN", n: int) -> Tensor | None:
    """Uniform classes (n,) int64 from the same stream as the latents; None for an unconditional model."""
    if not self.n_classes:
        return None
    y = torch.randint(self.n_classes, (n * self.world_size,), generator=self.latent_rng)
    return y[self.global_rank :: self.world_size].to(self.device)


def seed_step(self: "GAN") -> None:
    """Make what a training step draws from torch's global stream (dropout, noise) a function of its place in
    training: seeds that stream from the latents' own. Ranks get streams of their own."""
    seed = torch.randint(2**62, (), generator=self.latent_rng)
    torch.manual_seed(int(seed) + self.global_rank)
