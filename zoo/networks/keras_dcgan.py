"""The DCGAN of Su's Keras codes, bojone/gan-qp @ f81ec73 and bojone/gan @ d4010d1 ("S"), for GAN-QP and WGAN-div.

5x5 kernels with TensorFlow's padding "SAME". Top width M at 4 px, halved at each doubling of the side: S has
M = 8 R (4 R at 512 px). z is (N, latent_dim) ~ N(0, I), images are (N, C, R, R) in [-1, 1], scores (N,). Batch
norm has eps 1e-3 and keeps 0.99 of its averages, as Keras' layer.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d
from zoo.networks.dcgan import STD, halvings
from zoo.networks.layers import SameConv2d, SameConvTranspose2d
from zoo.networks.rothgan import leaky_relu
from zoo.options.checked import refuse

NORM = {"eps": 1e-3, "momentum": 0.01}


def top_width(resolution: int) -> int:
    """M of S at this resolution."""
    return resolution * (4 if resolution >= 512 else 8)


def ladder(resolution: int, width: int) -> list[int]:
    """Channels from 4 px on: width, width / 2, ...

    Raises:
        ValueError: for a resolution that is no power of two, or a width that cannot be halved so often.
    """
    n = halvings(resolution)
    if width % 2 ** (n - 1):
        raise ValueError(f"width {width} cannot be halved {n - 1} times, as {resolution} px need")
    return [width // 2**i for i in range(n)]


#: how kernels start: gan-qp leaves Keras' default, Glorot's uniform; gan/keras/wgan_div_celeba.py has N(0, 0.02^2)
STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "glorot": nn.init.xavier_uniform_,
    "normal": partial(nn.init.normal_, std=STD),
}


def start_kernels(net: nn.Module, start: str) -> nn.Module:
    """Kernels as `STARTS` says, biases at 0; batch norms keep Keras' gain of 1."""
    refuse("start", start, Literal["glorot", "normal"])
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            STARTS[start](layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


class Generator(nn.Module):
    """G: dense, batch norm of each single unit, then transposed convolutions with bias and batch norm, tanh.

    Args:
        resolution: a power of two from 8 on.
        width: M; None takes S's.
        latent_dim: length of z (S: 128).
        channels: colours of an image.
        start: "glorot" or "normal".

    Raises:
        ValueError: for another resolution, or a width that does not halve.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int | None = None,
        latent_dim: int = 128,
        channels: int = 3,
        start: str = "glorot",
    ) -> None:
        super().__init__()
        widths = ladder(resolution, width or top_width(resolution))
        self.dense = nn.Linear(latent_dim, 16 * widths[0])
        norms = [BatchNorm1d(16 * widths[0], **NORM), *(BatchNorm2d(w, **NORM) for w in widths[1:])]
        self.norms = nn.ModuleList(norms)
        self.deconvs = nn.ModuleList(SameConvTranspose2d(*pair, 5, 2) for pair in pairwise([*widths, channels]))
        start_kernels(self, start)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z)
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            h = F.relu(norm(h))
            h = deconv(h if h.ndim == 4 else h.unflatten(1, (-1, 4, 4)))
        return torch.tanh(h)


class Encoder(nn.Module):
    """x -> (N, n_out): convolutions with leaky ReLU, batch norm from the second on, then a dense layer.

    Args:
        resolution, width, channels, start: the generator's.
        n_out: numbers of a code.
        bias: of the convolutions and the dense layer.
        pooled: the mean over the last map instead of all its numbers (S: WGAN-div).
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int | None = None,
        n_out: int = 128,
        channels: int = 3,
        bias: bool = True,
        pooled: bool = False,
        start: str = "glorot",
    ) -> None:
        super().__init__()
        widths, self.pooled = ladder(resolution, width or top_width(resolution))[::-1], pooled
        self.convs = nn.ModuleList(SameConv2d(*pair, 5, 2, bias=bias) for pair in pairwise([channels, *widths]))
        self.norms = nn.ModuleList([nn.Identity(), *(BatchNorm2d(w, **NORM) for w in widths[1:])])
        self.linear = nn.Linear(widths[-1] * (1 if pooled else 16), n_out, bias=bias)
        start_kernels(self, start)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)))
        return self.linear(x.mean((2, 3)) if self.pooled else x.flatten(1))


class Critic(Encoder):
    """D: the encoder without biases whose code is one number, (N,)."""

    def __init__(
        self,
        resolution: int = 128,
        width: int | None = None,
        channels: int = 3,
        pooled: bool = False,
        start: str = "glorot",
    ) -> None:
        super().__init__(resolution, width, 1, channels, bias=False, pooled=pooled, start=start)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return super().forward(x).squeeze(1)


class JointCritic(nn.Module):
    """D of BiGAN-QP: image and latent -> score (N,), a second encoder and three dense layers, nothing has a bias.

    Args:
        resolution, width, channels: the generator's.
        latent_dim: length of z and of the encoder's code.
        hidden: units of the head's two hidden layers (S: 1024).
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int | None = None,
        latent_dim: int = 128,
        hidden: int = 1024,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(resolution, width, latent_dim, channels, bias=False)
        sizes = [2 * latent_dim, hidden, hidden, 1]
        self.head = nn.ModuleList(nn.Linear(*pair, bias=False) for pair in pairwise(sizes))
        start_kernels(self.head, "glorot")

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = torch.cat([self.encoder(x), z], 1)
        for layer in self.head[:-1]:
            h = leaky_relu(layer(h))
        return self.head[-1](h).squeeze(1)
