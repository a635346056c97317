"""Multilayer perceptrons for points (N, d), with the interfaces that the papers' training steps ask for.

Hidden layers with ReLU and He's uniform start, the last one with Glorot's, as in igul222/improved_wgan_training @
fa66c57, gan_toy.py (three of 512 units there). The last two are Roth's toy, `zoo.networks.rothgan.ToyMLP`.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import Dropout
from zoo.networks.layers import SNLinear
from zoo.networks.rothgan import ToyMLP
from zoo.networks.stylegan import Generator as StyleGenerator
from zoo.networks.stylegan import Mapping
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


class PointCoder(nn.Module):
    """E of a pair: points (N, dim) -> codes (N, latent_dim) in (-1, 1)."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.linear = hidden(dim, width, depth), start(nn.Linear(width, latent_dim))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.linear(self.hidden(x)))


class PairCritic(nn.Module):
    """D of a pair: points (N, dim) and codes (N, latent_dim) -> logits (N,)."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.linear = hidden(dim + latent_dim, width, depth), start(nn.Linear(width, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.linear(self.hidden(torch.cat([x, z], 1)))[:, 0]


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


# ---- what single papers ask of their networks


class HeldLinear(SNLinear):
    """`SNLinear` whose power iteration rests in eval mode: a picture may ask twice and hear the same."""

    keep_u_in_eval = False


def spectral(n_in: int, width: int, depth: int, norm: Callable[[int], nn.Module] = nn.Identity) -> nn.Sequential:
    """(N, n_in) -> (N, width): `depth` layers with spectral norm, a normalisation and ReLU."""
    layers: list[nn.Module] = []
    for a, b in pairwise([n_in, *[width] * depth]):
        layers += [HeldLinear(a, b), norm(b), nn.ReLU()]
    return nn.Sequential(*layers)


class SpectralCritic(nn.Module):
    """D with spectral norm in every layer: points (N, dim), label not used -> logits (N,)."""

    def __init__(self, dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.linear = spectral(dim, width, depth), HeldLinear(width, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.linear(self.hidden(x))[:, 0]


class SpectralGenerator(nn.Module):
    """G with spectral norm in every layer, layer norm in the place of BigGAN's batch norm: z -> points (N, dim)."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.linear = spectral(latent_dim, width, depth, nn.LayerNorm), HeldLinear(width, dim)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.linear(self.hidden(z))


class LevelGenerator(PointGenerator):
    """G of a growing model, which has one level only on points."""

    def forward(self, z: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        return super().forward(z)


class LevelCritic(nn.Module):
    """D of a growing model on points: logits (N,), and `judge` with no class logits; no minibatch stddev."""

    stddev_group = group_size = None

    def __init__(self, dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.body = PointCritic(dim, width, depth)

    def forward(self, x: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        return self.body(x)

    def judge(self, x: Tensor, lod: float = 0.0) -> tuple[Tensor, None]:
        return self.body(x), None


class PointSynthesis(nn.Module):
    """StyleGAN's synthesis on vectors: w (N, L, w_dim) -> points (N, dim), from a learned constant.

    Each layer is dense, gets noise (one number a point), leaky ReLU, a layer norm where images have an instance
    norm, and its style.
    """

    def __init__(self, dim: int, w_dim: int, width: int, depth: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(width))
        self.layers = nn.ModuleList(uniform(nn.Linear(width, width), math.sqrt(2 / width)) for _ in range(depth))
        self.strengths = nn.Parameter(torch.zeros(depth, width))
        self.styles = nn.ModuleList(start(nn.Linear(w_dim, 2 * width)) for _ in range(depth))
        self.linear = start(nn.Linear(width, dim))

    def used(self, lod: float) -> int:
        return len(self.layers)

    def forward(self, w: Tensor, lod: float = 0.0, noise: str | Sequence[Tensor] = "random") -> Tensor:
        x = self.constant.expand(len(w), -1)
        for i, (layer, style) in enumerate(zip(self.layers, self.styles, strict=True)):
            drawn = torch.randn(len(w), 1, device=w.device, dtype=w.dtype)
            one = drawn if isinstance(noise, str) else noise[i].flatten(1)[:, :1].expand(len(w), 1)
            x = F.leaky_relu(layer(x) + one * self.strengths[i], 0.2)
            scale, shift = style(w[:, i]).chunk(2, 1)
            x = F.layer_norm(x, x.shape[1:]) * (1 + scale) + shift
        return self.linear(x)


class PointStyleGenerator(StyleGenerator):
    """StyleGAN's G with `PointSynthesis`: the same mapping, average of w, mixing and truncation."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        nn.Module.__init__(self)
        self.mapping = Mapping(latent_dim, width, width, 2, lrmul=0.1)
        self.synthesis = PointSynthesis(dim, width, width, depth)
        self.register_buffer("w_avg", torch.zeros(width))


class PointEncoder(nn.Module):
    """IntroVAE's E: points (N, dim) -> mean and log variance of the posterior, (N, latent_dim) each."""

    def __init__(self, dim: int = 2, latent_dim: int = 2, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.hidden, self.linear = hidden(dim, width, depth), start(nn.Linear(width, 2 * latent_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.linear(self.hidden(x)).chunk(2, 1)
        return mean, logvar
