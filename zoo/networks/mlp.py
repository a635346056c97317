"""Multilayer perceptrons for points (N, d), with the interfaces that the papers' training steps ask for.

Hidden layers with ReLU and He's uniform start, the last one with Glorot's, as in igul222/improved_wgan_training @
fa66c57, gan_toy.py (three of 512 units there). The last two are Roth's toy, `zoo.networks.rothgan.ToyMLP`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.layers import Dropout
from zoo.networks.rothgan import ToyMLP
from zoo.networks.wgan_gp import Critic, start, uniform


def hidden(n_in: int, width: int, depth: int, dropout: Sequence[float] = ()) -> nn.Sequential:
    """(N, n_in) -> (N, width): `depth` layers with ReLU, behind each its dropout where one is given."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise([n_in, *[width] * depth])):
        layers += [uniform(nn.Linear(a, b), math.sqrt(2 / a)), nn.ReLU()]
        layers += [Dropout(dropout[i])] if i < len(dropout) else []
    return nn.Sequential(*layers)


class PointGenerator(nn.Module):
    """G: z (N, latent_dim) -> points (N, dim), not bounded."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden = hidden(latent_dim, width, depth)
        self.linear = start(nn.Linear(width, dim))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.linear(self.hidden(z))


class PointCritic(Critic):
    """D or critic: points (N, dim) -> logits (N,); the features (N, width) lie behind the last dropout."""

    def __init__(self, dim: int = 2, width: int = 64, depth: int = 3, dropout: Sequence[float] = ()) -> None:
        super().__init__()
        self.hidden = hidden(dim, width, depth, dropout)
        self.linear = start(nn.Linear(width, 1))

    def features(self, x: Tensor) -> Tensor:
        return self.hidden(x)


class PointTrunk(nn.Module):
    """Features (N, width, 1, 1) of points (N, dim), as a discriminator with a bottleneck takes them."""

    out_size = 1

    def __init__(self, dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.out_channels = hidden(dim, width, depth), width

    def forward(self, x: Tensor) -> Tensor:
        return self.hidden(x)[:, :, None, None]


class ToyGenerator(ToyMLP):
    """G of Roth's toy: z (N, latent_dim) -> points (N, dim)."""

    def __init__(self, dim: int = 3, latent_dim: int = 2, width: int = 128) -> None:
        super().__init__(latent_dim, dim, width)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return super().forward(z)


class ToyCritic(ToyMLP):
    """D of Roth's toy: points (N, dim) -> logits (N,)."""

    def __init__(self, dim: int = 3, width: int = 128) -> None:
        super().__init__(dim, 1, width)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return super().forward(x)[:, 0]
