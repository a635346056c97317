"""Networks of Roth et al. 2017 (arXiv 1705.09367) as in rothk/Stabilizing_GANs @ 023b84d ("R").

The DCGAN family of igul222_GANs/gan_64x64.py with the changes under which the paper shows training stable, and the
MLPs of the toy 3DGAN. The 64 px ResNet is `zoo.networks.wgan_gp`'s, with batch norm in D. z is (N, latent_dim)
~ N(0, I), images are (N, 3, R, R) in [-1, 1], logits (N,).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.layers import SameConv2d, SameConvTranspose2d
from zoo.networks.wgan_gp import start, uniform
from zoo.options.checked import refuse

STD = 0.02  # of every weight in the DCGAN family, uniform


def gate(x: Tensor) -> Tensor:
    """sigmoid(even channels) * tanh(odd channels): half as many (R's "Gated")."""
    return torch.sigmoid(x[:, ::2]) * torch.tanh(x[:, 1::2])


def leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


Kind = Literal["relu", "tanh", "gated"]
Norm = Callable[[int], nn.Module]
ACTIVATIONS_G: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": torch.tanh, "gated": gate}
ACTIVATIONS_D = ACTIVATIONS_G | {"relu": leaky_relu}


def check_resolution(resolution: int) -> None:
    if resolution % 16:
        raise ValueError(f"these networks need a resolution divisible by 16, not {resolution}")


class DCGANGenerator(nn.Module):
    """G: dense, then four 5x5 stride-2 transposed convolutions, batch norm before every activation but the last.

    Args:
        resolution: divisible by 16 (paper: 64).
        width: channels of the last hidden map (paper: 64; the first has 8 times as many).
        latent_dim: length of z (paper: 128).
        norm: makes a normalisation layer for so many channels; `nn.Identity` leaves it out ("NoNormalization").
        activation: "relu", "tanh", or "gated", which doubles every layer's channels and halves them again.
        channels: colours of an image.

    Raises:
        ValueError: for a resolution that does not divide.
    """

    def __init__(
        self,
        resolution: int = 64,
        width: int = 64,
        latent_dim: int = 128,
        norm: Norm = BatchNorm2d,
        activation: Kind = "relu",
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_resolution(resolution)
        widths, self.base = [width * m for m in (8, 4, 2, 1)], resolution // 16
        refuse("activation", activation, Kind)
        self.activation, double = ACTIVATIONS_G[activation], 2 if activation == "gated" else 1
        self.dense = uniform(nn.Linear(latent_dim, double * widths[0] * self.base**2), STD)
        self.norms = nn.ModuleList(norm(double * c) for c in widths)
        shapes = [*((i, double * o) for i, o in pairwise(widths)), (widths[-1], channels)]
        self.deconvs = nn.ModuleList(uniform(SameConvTranspose2d(i, o, 5, 2), STD) for i, o in shapes)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, self.base, self.base))
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            h = deconv(self.activation(norm(h)))
        return torch.tanh(h)


class DCGANDiscriminator(nn.Module):
    """D: four 5x5 stride-2 convolutions with leaky ReLU, batch norm on all but the first, then a dense layer.

    Args:
        resolution: divisible by 16 (paper: 64).
        width: channels of the first map (paper: 64; the last has 8 times as many).
        norm, activation, channels: as for the generator; "relu" is a leaky one of slope 0.2 here.

    Raises:
        ValueError: for a resolution that does not divide.
    """

    def __init__(
        self,
        resolution: int = 64,
        width: int = 64,
        norm: Norm = BatchNorm2d,
        activation: Kind = "relu",
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_resolution(resolution)
        widths = [channels, *(width * m for m in (1, 2, 4, 8))]
        refuse("activation", activation, Kind)
        self.activation, double = ACTIVATIONS_D[activation], 2 if activation == "gated" else 1
        self.convs = nn.ModuleList(uniform(SameConv2d(i, double * o, 5, 2), STD) for i, o in pairwise(widths))
        self.norms = nn.ModuleList([nn.Identity(), *(norm(double * c) for c in widths[2:])])
        self.linear = uniform(nn.Linear(widths[-1] * (resolution // 16) ** 2, 1), STD)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.activation(norm(conv(x)))
        return self.linear(x.flatten(1)).squeeze(1)


class ConstantGenerator(nn.Module):
    """G with the same number of channels in every layer and no norm ("ConstNumofFilters").

    Args:
        resolution: divisible by 16 (paper: 64).
        width: channels (paper: 64).
        latent_dim: length of z (paper: 128).
    """

    def __init__(self, resolution: int = 64, width: int = 64, latent_dim: int = 128) -> None:
        super().__init__()
        check_resolution(resolution)
        self.base = resolution // 16
        self.dense = uniform(nn.Linear(latent_dim, width * self.base**2), STD)
        outs = [width] * 3 + [3]
        self.deconvs = nn.ModuleList(uniform(SameConvTranspose2d(width, o, 5, 2), STD) for o in outs)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, self.base, self.base))
        for deconv in self.deconvs:
            h = deconv(F.relu(h))
        return torch.tanh(h)


class MLPGenerator(nn.Module):
    """G of dense layers only: four of `width` units with ReLU, He-uniform, then one to the pixels and tanh ("MLP").

    How the last one starts is unverified: as tflib's dense layers do.

    Args:
        resolution: any (paper: 64).
        width: hidden units (paper: 512).
        latent_dim: length of z (paper: 128).
    """

    def __init__(self, resolution: int = 64, width: int = 512, latent_dim: int = 128) -> None:
        super().__init__()
        self.resolution = resolution
        sizes = [latent_dim, *[width] * 4]
        self.hidden = nn.ModuleList(uniform(nn.Linear(i, o), math.sqrt(2 / i)) for i, o in pairwise(sizes))
        self.linear = start(nn.Linear(width, 3 * resolution**2))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        for layer in self.hidden:
            z = F.relu(layer(z))
        return torch.tanh(self.linear(z)).unflatten(1, (3, self.resolution, self.resolution))


class ToyMLP(nn.Sequential):
    """G (2 -> 3) or D (3 -> 1) of the toy 3DGAN: two hidden layers with tanh, a linear output (R: 3DGAN/3DGAN.py).

    Weights are normal with standard deviation 0.1, cut at two of them; biases are 0.

    Args:
        n_in, n_out: numbers of coordinates.
        width: hidden units (R: 128).
    """

    def __init__(self, n_in: int, n_out: int, width: int = 128) -> None:
        layers = [nn.Linear(n_in, width), nn.Linear(width, width), nn.Linear(width, n_out)]
        for layer in layers:
            nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2)
            nn.init.zeros_(layer.bias)
        super().__init__(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
