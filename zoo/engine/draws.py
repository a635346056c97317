"""What a training step draws: latents, numbers and classes for each image, from one stream for all ranks.

Numbers are drawn for the whole batch, and each rank takes the rows of its images: together the ranks' are those of
a single process.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import ranks
from zoo.ranks.share import Share

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def begin(gan: "GAN") -> None:
    """Turn to a batch of the step's real images: at its start, and after each update."""
    if gan.world_size > 1:
        stage = gan.stage
        gan.share(stage.images_per_step // stage.parts)


def share(gan: "GAN", n: int) -> int:
    """Turn to a batch of n images over all ranks; how many of them are this rank's, maybe none.

    Until the next update, what is drawn, normalised and weighted is of that batch. A step need not say so of its
    real images, only where it draws a batch of another size.
    """
    mine = Share(n, gan.global_rank, gan.world_size, gan.stage.block)
    ranks.share.run(mine)
    return len(mine)


def rows(whole: Tensor, n: int) -> Tensor:
    """This rank's rows."""
    mine = ranks.share.running()
    return whole if mine is None else whole[mine.places(mine.times(n))]


def drawn_for(n: int) -> int:
    """Over how many images a number is drawn if n of them are this rank's."""
    mine = ranks.share.running()
    return n if mine is None else mine.times(n) * mine.total


def latents(gan: "GAN", n: int) -> Tensor:
    """z ~ N(0, I), (n, latent_dim), n the images of this rank."""
    z = torch.randn(drawn_for(n), gan.latent_dim, generator=gan.latent_rng)
    return rows(z, n).to(gan.device, gan.dtype)


def uniform(gan: "GAN", n: int) -> Tensor:
    """U[0, 1) per image, (n,), from the latents' stream."""
    return rows(torch.rand(drawn_for(n), generator=gan.latent_rng), n).to(gan.device, gan.dtype)


def random_labels(gan: "GAN", n: int) -> Tensor | None:
    """Uniform classes (n,) int64 from the same stream as the latents; None for an unconditional model."""
    if not gan.n_classes:
        return None
    return rows(torch.randint(gan.n_classes, (drawn_for(n),), generator=gan.latent_rng), n).to(gan.device)


def seed_step(gan: "GAN") -> None:
    """Make what a training step draws beside its latents (dropout, noise) a function of its place in training.

    Seeds torch's global stream, and that of `zoo.ranks.share`, from the latents' own. What a network draws from the
    global stream by itself differs from rank to rank.
    """
    seed = int(torch.randint(2**62, (), generator=gan.latent_rng))
    torch.manual_seed(seed + gan.global_rank)
    ranks.share.seed(seed)
