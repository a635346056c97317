"""A training step's random numbers: one stream for all ranks, kept in the checkpoint.

Numbers are drawn for the whole batch, and each rank takes the rows of its images: together the ranks' are those of
a single process.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.ranks.share import Share, places, run, running

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def begin(self: "GAN") -> None:
    """Turn to a batch of the step's real images: at its start, and after each update."""
    if self.world_size > 1:
        self.share(self.images_per_step // self.stage.parts)


def share(self: "GAN", n: int) -> int:
    """Turn to a batch of n images over all ranks; how many of them this rank works on.

    Until the next update, what is drawn, normalised and weighted is of that batch. A step need not say so of its
    real images, only where it draws a batch of another size.
    """
    mine = Share(n, self.global_rank, self.world_size, self.stage.block)
    run(mine)
    return len(mine)


def drawn_for(n: int) -> int:
    """Over how many images a number is drawn if n of them are this rank's."""
    mine = running()
    return n if mine is None else mine.times(n) * mine.total


def rows(whole: Tensor, n: int) -> Tensor:
    """This rank's rows."""
    return whole if running() is None else whole[places(n)]


def latents(self: "GAN", n: int) -> Tensor:
    """z ~ N(0, I), or what `prior` makes of it, (n, latent_dim), n the images of this rank."""
    z = torch.randn(drawn_for(n), self.latent_dim, generator=self.latent_rng)
    return self.prior(rows(z, n).to(self.device, self.dtype))


def uniform(self: "GAN", n: int) -> Tensor:
    """U[0, 1) per image, (n,), from the latents' stream and split over the ranks as they are."""
    return rows(torch.rand(drawn_for(n), generator=self.latent_rng), n).to(self.device, self.dtype)


def random_labels(self: "GAN", n: int) -> Tensor | None:
    """Uniform classes (n,) int64 from the same stream as the latents; None for an unconditional model."""
    if not self.n_classes:
        return None
    return rows(torch.randint(self.n_classes, (drawn_for(n),), generator=self.latent_rng), n).to(self.device)


def seed_step(self: "GAN") -> None:
    """Make what a training step draws from torch's global stream (dropout, noise) a function of its place in
    training: seeds that stream from the latents' own, alike on all ranks, which take their rows of it."""
    torch.manual_seed(int(torch.randint(2**62, (), generator=self.latent_rng)))
