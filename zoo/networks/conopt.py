"""Networks of "The Numerics of GANs" (Mescheder et al. 2017), as in LMescheder/TheNumericsOfGANs @ 68d915f ("N").

z is (N, latent_dim) ~ N(0, I), images are (N, 3, R, R) in [-1, 1], logits (N,). All weights start with Glorot's
uniform numbers and all biases at zero, as TF-Slim's do.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks import r1gan
from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.layers import SameConv2d, SameConvTranspose2d
from zoo.networks.rothgan import check_resolution, leaky_relu
from zoo.options.checked import refuse

Architecture = Literal["dcgan4", "dcgan4_nobn", "dcgan4_nobn_cf", "resnet_cf"]

#: name -> channels of the four maps in widths, from the largest map on, and the normalisation layer. "cf" keeps
#: one width; the doubling of the others is the DCGAN's (recalled, unverified).
LADDERS: dict[str, tuple[tuple[int, ...], type[nn.Module]]] = {
    "dcgan4": ((1, 2, 4, 8), BatchNorm2d),
    "dcgan4_nobn": ((1, 2, 4, 8), nn.Identity),
    "dcgan4_nobn_cf": ((1, 1, 1, 1), nn.Identity),
}


def glorot(net: nn.Module) -> nn.Module:
    """Glorot's uniform weights, zero biases (TF-Slim's defaults)."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


class Generator(nn.Module):
    """G: dense, then four 5x5 stride-2 transposed convolutions, leaky ReLU of slope 0.2 before each, tanh.

    Args:
        resolution: divisible by 16 (N: 32).
        widths: channels of the four maps, from the largest on.
        latent_dim: length of z (N: 256).
        norm: makes a normalisation layer for so many channels.

    Raises:
        ValueError: for a resolution that does not divide.
    """

    def __init__(self, resolution: int, widths: list[int], latent_dim: int, norm: type[nn.Module]) -> None:
        super().__init__()
        check_resolution(resolution)
        channels, self.base = [*widths[::-1], 3], resolution // 16
        self.dense = nn.Linear(latent_dim, channels[0] * self.base**2)
        self.norms = nn.ModuleList(norm(c) for c in channels[:-1])
        self.deconvs = nn.ModuleList(SameConvTranspose2d(i, o, 5, 2) for i, o in pairwise(channels))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, self.base, self.base))
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            h = deconv(leaky_relu(norm(h)))
        return torch.tanh(h)


class Discriminator(nn.Module):
    """D: four 5x5 stride-2 convolutions with leaky ReLU of slope 0.2, then a dense layer; arguments as G's."""

    def __init__(self, resolution: int, widths: list[int], norm: type[nn.Module]) -> None:
        super().__init__()
        check_resolution(resolution)
        self.convs = nn.ModuleList(SameConv2d(i, o, 5, 2) for i, o in pairwise([3, *widths]))
        self.norms = nn.ModuleList([nn.Identity(), *(norm(c) for c in widths[1:])])
        self.linear = nn.Linear(widths[-1] * (resolution // 16) ** 2, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)))
        return self.linear(x.flatten(1)).squeeze(1)


def build(
    architecture: Architecture, resolution: int, latent_dim: int, width_g: int, width_d: int
) -> tuple[nn.Module, nn.Module]:
    """G and D of one of N's architectures; "resnet_cf" is R1 training's ResNet at one width.

    Raises:
        ValueError: if the architecture does not exist at this resolution.
    """
    refuse("architecture", architecture, Architecture)
    if architecture == "resnet_cf":
        G = r1gan.Generator(resolution, width_g, width_g, latent_dim)
        return glorot(G), glorot(r1gan.Discriminator(resolution, width_d, width_d))
    factors, norm = LADDERS[architecture]
    G = Generator(resolution, [width_g * f for f in factors], latent_dim, norm)
    return glorot(G), glorot(Discriminator(resolution, [width_d * f for f in factors], norm))


class MLP(nn.Module):
    """Both players on points: `depth` hidden layers of `width` units with ReLU, then a linear one.

    Args:
        n_in: numbers of an input.
        n_out: numbers of an output; a discriminator has None, and gives logits (N,).
        scale: inputs are divided by it first (the toy of Nagarajan and Kolter: 4).
    """

    def __init__(self, n_in: int, n_out: int | None, width: int, depth: int, scale: float = 1.0) -> None:
        super().__init__()
        sizes = [n_in, *[width] * depth, n_out or 1]
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))
        self.squeeze, self.scale = n_out is None, scale
        glorot(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = x / self.scale
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        x = self.layers[-1](x)
        return x.squeeze(1) if self.squeeze else x
