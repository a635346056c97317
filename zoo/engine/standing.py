"""Standing statistics of a generator's batch norms, made when they are first needed (BigGAN)."""

import copy
from typing import TYPE_CHECKING

from torch import nn

from zoo.networks.biggan_layers import standing_statistics

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


class Standing:
    """A copy of G with standing statistics at a truncation, kept until G's state or the truncation changes.

    Its latents are no function of ranks or calls: image i stays a function of the weights and of i.

    Args:
        batch: images in a pass.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
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
