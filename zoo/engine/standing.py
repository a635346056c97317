"""Standing statistics of a generator's batch norms, made when they are first needed (BigGAN)."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

from zoo.networks.biggan_layers import standing_statistics

if TYPE_CHECKING:
    from zoo.engine.gan import GAN

MOST = 256  # images in a pass


class Standing:
    """A copy of G with standing statistics at a truncation, kept until G's state or the truncation changes.

    Its latents are no function of ranks or calls: image i stays a function of the weights and of i.

    Args:
        batch: images in a pass, of which `MOST` are taken at the most.
    """

    def __init__(self, batch: int) -> None:
        self.batch = min(batch, MOST)
        self.kept: tuple | None = None  # (what it was made of, G with standing statistics)

    def __call__(self, gan: "GAN", G: nn.Module, truncation: float | None, passes: int) -> nn.Module:
        """G itself where `passes` is 0: then the running averages serve."""
        if not passes:
            return G
        made_of = (G is gan.G, truncation, sum(t._version for t in G.state_dict(keep_vars=True).values()))
        if self.kept is None or self.kept[0] != made_of:
            fresh, n = copy.deepcopy(G), self.batch
            latents = (gan.indexed_latents(n, 2**32 - 1, i * n, truncation) for i in range(passes))
            standing_statistics(fresh, latents)
            self.kept = (made_of, fresh)
        return self.kept[1]


# ---- functions of a GAN with `made_standing`, and `standing_passes` of it


@contextmanager
def prepared(self: "GAN", truncation: float | None, ema: bool, seed: int) -> Iterator[dict]:
    """Nothing to do: `standing` prepares at the first image. This tells the results row what it did."""
    yield {"standing_passes": self.standing_passes, "standing_batch": self.made_standing.batch}


def generate(self: "GAN", G: nn.Module, z: Tensor, label: Tensor, truncation: float | None) -> Tensor:
    return self.standing(G, truncation)(z, label)


def standing(self: "GAN", G: nn.Module, truncation: float | None) -> nn.Module:
    """G as it draws at this truncation."""
    return self.made_standing(self, G, truncation, self.standing_passes)
