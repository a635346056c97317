"""What a training step draws: latents, numbers and classes for each image, from one stream for all ranks."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def latents(gan: "GAN", n: int) -> Tensor:
    """z ~ N(0, I), (n, latent_dim). One stream serves all ranks and each takes every world-th row, so the
    ranks' latents differ, and together they are those of a single process."""
    z = torch.randn(n * gan.world_size, gan.latent_dim, generator=gan.latent_rng)
    return z[gan.global_rank :: gan.world_size].to(gan.device, gan.dtype)


def uniform(gan: "GAN", n: int) -> Tensor:
    """U[0, 1) per image, (n,), from the latents' stream and split over the ranks as they are."""
    u = torch.rand(n * gan.world_size, generator=gan.latent_rng)
    return u[gan.global_rank :: gan.world_size].to(gan.device, gan.dtype)


def random_labels(gan: "GAN", n: int) -> Tensor | None:
    """Uniform classes (n,) int64 from the same stream as the latents; None for an unconditional model."""
    if not gan.n_classes:
        return None
    y = torch.randint(gan.n_classes, (n * gan.world_size,), generator=gan.latent_rng)
    return y[gan.global_rank :: gan.world_size].to(gan.device)


def seed_step(gan: "GAN") -> None:
    """Make what a training step draws from torch's global stream (dropout, noise) a function of its place in
    training: seeds that stream from the latents' own. Ranks get streams of their own."""
    seed = torch.randint(2**62, (), generator=gan.latent_rng)
    torch.manual_seed(int(seed) + gan.global_rank)
