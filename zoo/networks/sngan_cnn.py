"""The plain CNNs of SNGAN (Miyato et al. 2018), Table 3 and CGL, and the choice among all networks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from zoo.networks import sngan
from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d
from zoo.networks.layers import SNConv2d, SNLinear
from zoo.networks.sngan import BN, glorot, start_variance_at_zero
from zoo.options.checked import refuse


class CNNGenerator(nn.Module):
    """The standard CNN's G (paper Table 3a): z (N, latent_dim) -> images (N, 3, R, R) in [-1, 1].

    Dense, three times [4x4 stride-2 transposed convolution, BN, ReLU], 3x3 convolution, tanh.

    Args:
        resolution: divisible by 8; the paper uses 32 (first map 4x4) and 48 (6x6).
        width: channels of the last hidden map (paper: 64; the first map has 8 times as many).
        latent_dim: length of z (paper: 128).
        dense_norm: BN (one unit per number, as in CGL common/net.py) and ReLU after the dense layer. Table 3
            shows neither; the released re-implementations have both.
        deconv_head: the last layer is a transposed convolution, as in CGL.
    """

    def __init__(
        self,
        resolution: int = 32,
        width: int = 64,
        latent_dim: int = 128,
        dense_norm: bool = False,
        deconv_head: bool = False,
    ) -> None:
        super().__init__()
        multiple_of_8(resolution)
        self.base, channels = resolution // 8, [8 * width, 4 * width, 2 * width, width]
        self.dense = nn.Linear(latent_dim, channels[0] * self.base**2)
        self.dense_norm = (
            nn.Sequential(BatchNorm1d(self.dense.out_features, **BN), nn.ReLU()) if dense_norm else None
        )
        self.deconvs = nn.ModuleList(nn.ConvTranspose2d(i, o, 4, 2, 1) for i, o in pairwise(channels))
        self.norms = nn.ModuleList(BatchNorm2d(c, **BN) for c in channels[1:])
        self.head = (nn.ConvTranspose2d if deconv_head else nn.Conv2d)(width, 3, 3, padding=1)
        self.apply(start_variance_at_zero)
        self.apply(small_normal)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z)
        if self.dense_norm is not None:
            h = self.dense_norm(h)
        h = h.unflatten(1, (-1, self.base, self.base))
        for deconv, norm in zip(self.deconvs, self.norms, strict=True):
            h = F.relu(norm(deconv(h)))
        return torch.tanh(self.head(h))


Norm = Literal["spectral", "none", "weight", "batch", "layer"]


class UnitRows(nn.Module):
    """Weight normalisation without a gain: every output unit's weights, (out, ...), have norm 1 (paper, eq. 27)."""

    def forward(self, weight: Tensor) -> Tensor:
        return F.normalize(weight.flatten(1)).view_as(weight)


class CNNDiscriminator(nn.Module):
    """The standard CNN's D (paper Table 3b): images (N, 3, R, R) -> logits (N,), spectrally normalised
    by default.

    3x3 stride-1 and 4x4 stride-2 convolutions in turn, each with a leaky ReLU, then a dense layer. The padding
    of 1 is inferred from the sizes; no release of this network by the authors is known.

    Args:
        resolution: divisible by 8 (paper: 32, 48).
        widths: output channels of the seven convolutions; None takes the paper's 64, 64, 128, 128, 256, 256, 512.
        slope: of the leaky ReLU (paper: 0.1).
        norm: the paper's, or one of its rivals in Table 2: "none", "weight" (`UnitRows`), or "batch" or "layer"
            behind each convolution but the first (which of them, the paper does not say).
    """

    def __init__(
        self,
        resolution: int = 32,
        widths: Sequence[int] | None = None,
        slope: float = 0.1,
        norm: Norm = "spectral",
    ) -> None:
        super().__init__()
        refuse("norm", norm, Norm)
        multiple_of_8(resolution)
        widths = widths or (64, 64, 128, 128, 256, 256, 512)
        self.slope = slope
        conv, linear = (SNConv2d, SNLinear) if norm == "spectral" else (nn.Conv2d, nn.Linear)
        self.convs = nn.ModuleList()
        for i, (n_in, n_out) in enumerate(pairwise((3, *widths))):
            self.convs.append(conv(n_in, n_out, 4, 2, 1) if i % 2 else conv(n_in, n_out, 3, padding=1))
        self.linear = linear(widths[-1] * (resolution // 8) ** 2, 1)
        self.apply(small_normal if norm == "spectral" else glorot_start)
        behind = {"batch": BatchNorm2d, "layer": lambda n: nn.GroupNorm(1, n)}.get(norm)
        self.norms = nn.ModuleList(behind(n) for n in widths[1:]) if behind else None
        if norm == "weight":
            for layer in (*self.convs, self.linear):
                parametrize.register_parametrization(layer, "weight", UnitRows())

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = F.leaky_relu(self.norms[i - 1](x) if self.norms and i else x, self.slope)
        return self.linear(x.flatten(1)).squeeze(1)


def multiple_of_8(resolution: int) -> None:
    if resolution % 8:
        raise ValueError(f"the CNN needs a resolution divisible by 8, not {resolution}")


def small_normal(module: nn.Module) -> None:
    """Weights N(0, 0.02), biases 0 (CGL; the paper does not state the CNN's initialisation)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def glorot_start(module: nn.Module) -> None:
    """Glorot's start for a D without spectral norm: N(0, 0.02) lets a narrow one answer the same to every image."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        glorot(module)


def cgl_generator(resolution: int = 32, width: int = 64, latent_dim: int = 128) -> CNNGenerator:
    """G of chainer-gan-lib's SN-DCGAN (common/net.py DCGANGenerator)."""
    return CNNGenerator(resolution, width, latent_dim, dense_norm=True, deconv_head=True)


def cgl_discriminator(resolution: int = 32, width: int = 64) -> CNNDiscriminator:
    """D of chainer-gan-lib's SN-DCGAN (common/net.py SNDCGANDiscriminator): wider earlier, slope 0.2."""
    return CNNDiscriminator(resolution, [width * m for m in (1, 2, 2, 4, 4, 8, 8)], slope=0.2)


Architecture = Literal["resnet", "resnet-small", "resnet-concat", "cnn", "cnn-cgl"]


def build(
    architecture: Architecture,
    resolution: int,
    n_classes: int,
    latent_dim: int,
    width_g: int | None,
    width_d: int | None,
    norm_d: Norm = "spectral",
) -> tuple[nn.Module, nn.Module]:
    """G and D of one of the papers' architectures; widths of None are the papers'.

    Raises:
        ValueError: if the architecture does not exist for this resolution or with these classes.
    """
    refuse("architecture", architecture, Architecture)
    if norm_d != "spectral" and architecture != "cnn":
        raise ValueError(f"norm_d {norm_d} is for the architecture cnn, not {architecture}")
    if architecture.startswith("cnn"):
        if n_classes:
            raise ValueError("the papers' CNN is unconditional: set n_classes to 0 or architecture to resnet")
        if architecture == "cnn-cgl":
            G = cgl_generator(resolution, width_g or 64, latent_dim)
            return G, cgl_discriminator(resolution, width_d or 64)
        widths = [(width_d or 64) * m for m in (1, 1, 2, 2, 4, 4, 8)]
        D = CNNDiscriminator(resolution, widths, norm=norm_d)
        return CNNGenerator(resolution, width_g or 64, latent_dim), D
    small = architecture == "resnet-small"
    G = sngan.ResNetGenerator(resolution, width_g, latent_dim, n_classes, small=small)
    if architecture == "resnet-concat":
        return G, sngan.ConcatDiscriminator(resolution, width_d, n_classes)
    return G, sngan.ResNetDiscriminator(resolution, width_d, n_classes, small=small)
