"""The DCGAN's two families of 2015: the authors' own (Theano, 5x5) and the one that Torch made common (4x4).

The first is Newmu/dcgan_code @ ee12b2d, faces/train_uncond_dcgan.py:68-149, the second soumith/dcgan.torch
@ 6eaac63 as WassersteinGAN @ f7a01e8 has it for every size, models/dcgan.py. z is (N, latent_dim), images are
(N, C, R, R) in [-1, 1], logits (N,). Weights start as N(0, 0.02^2), gains of batch norms as N(1, 0.02^2), biases at
0; convolutions have no bias.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d
from zoo.networks.rothgan import leaky_relu

STD = 0.02
Norm = Callable[[int], nn.Module]


def start_normal(net: nn.Module, std: float = STD) -> nn.Module:
    """The start that both codes share; layers without gain or bias have nothing to set there."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=std)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, STD)
        if getattr(layer, "bias", None) is not None:
            nn.init.zeros_(layer.bias)
    return net


def halvings(resolution: int) -> int:
    """How often the side halves on its way to 4 px.

    Raises:
        ValueError: if it does not get there, or needs no step.
    """
    n = math.log2(resolution / 4)
    if n < 1 or n % 1:
        raise ValueError(f"a DCGAN halves the side down to 4 px: the resolution is 8, 16, 32 ..., not {resolution}")
    return int(n)


def deconv5(n_in: int, n_out: int) -> nn.ConvTranspose2d:
    """5x5, doubles the side, as the gradient of a convolution with stride 2 and padding 2."""
    return nn.ConvTranspose2d(n_in, n_out, 5, 2, padding=2, output_padding=1, bias=False)


def conv5(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 5, 2, padding=2, bias=False)


class TheanoGenerator(nn.Module):
    """G: dense, batch norm of each single unit, then 5x5 transposed convolutions with batch norm, ReLU and tanh.

    Args:
        resolution: a power of two from 8 on (paper: 64).
        width: channels of the last hidden map (paper: 128); they double towards 4 px.
        latent_dim: length of z (paper: 100).
        channels: colours of an image.

    Raises:
        ValueError: for another resolution.
    """

    def __init__(self, resolution: int = 64, width: int = 128, latent_dim: int = 100, channels: int = 3) -> None:
        super().__init__()
        widths = [width * 2**i for i in reversed(range(halvings(resolution)))]
        self.dense = nn.Linear(latent_dim, 16 * widths[0], bias=False)
        norms = [BatchNorm1d(16 * widths[0], eps=1e-8), *(BatchNorm2d(w, eps=1e-8) for w in widths[1:])]
        self.norms = nn.ModuleList(norms)
        self.deconvs = nn.ModuleList(deconv5(*pair) for pair in pairwise([*widths, channels]))
        start_normal(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z)
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            h = F.relu(norm(h))
            h = deconv(h if h.ndim == 4 else h.unflatten(1, (-1, 4, 4)))
        return torch.tanh(h)


class TheanoDiscriminator(nn.Module):
    """D: 5x5 convolutions with stride 2 and leaky ReLU, batch norm on all but the first, then a dense layer.

    Args and errors are the generator's; width is that of the first map (paper: 128).
    """

    def __init__(self, resolution: int = 64, width: int = 128, channels: int = 3, norm: Norm | None = None) -> None:
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(halvings(resolution)))]
        norm = norm or (lambda n: BatchNorm2d(n, eps=1e-8))
        self.convs = nn.ModuleList(conv5(*pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList([nn.Identity(), *(norm(w) for w in widths[2:])])
        self.linear = nn.Linear(16 * widths[-1], 1, bias=False)
        start_normal(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)))
        return self.linear(x.flatten(1)).squeeze(1)


def planes(label: Tensor, n_classes: int, like: Tensor) -> Tensor:
    """One-hot classes (N,) as (N, n_classes) beside units, or as constant maps (N, n_classes, H, W) beside maps."""
    onehot = F.one_hot(label, n_classes).to(like.dtype)
    return onehot if like.ndim == 2 else onehot[:, :, None, None].expand(-1, -1, *like.shape[2:])


def joined(x: Tensor, label: Tensor | None, n_classes: int) -> Tensor:
    """x with its class beside it; x itself without classes.

    Raises:
        ValueError: for a conditional network that gets no label.
    """
    if not n_classes:
        return x
    if label is None:
        raise ValueError(f"this network has {n_classes} classes: give a label to every image")
    return torch.cat([x, planes(label, n_classes, x)], 1)


class Generator(nn.Module):
    """G: 4x4 transposed convolutions from z as a 1x1 map, batch norm and ReLU between, tanh.

    Args:
        resolution: a power of two from 8 on (paper: 64).
        width: channels of the last hidden map (paper: 64); they double towards 4 px.
        latent_dim: length of z (paper: 100).
        channels: colours of an image.
        n_classes: a conditional G has the one-hot class beside z (ours; no official source).
        extra: 3x3 convolutions of the last hidden map (WassersteinGAN --n_extra_layers).
        norm: `nn.Identity` leaves batch norm out (WassersteinGAN --noBN).

    Raises:
        ValueError: for another resolution.
    """

    def __init__(
        self,
        resolution: int = 64,
        width: int = 64,
        latent_dim: int = 100,
        channels: int = 3,
        n_classes: int = 0,
        extra: int = 0,
        norm: Norm = BatchNorm2d,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        widths = [width * 2**i for i in reversed(range(halvings(resolution)))]
        convs = [nn.ConvTranspose2d(latent_dim + n_classes, widths[0], 4, 1, bias=False)]
        convs += [nn.ConvTranspose2d(i, o, 4, 2, padding=1, bias=False) for i, o in pairwise(widths)]
        convs += [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(extra)]
        self.norms = nn.ModuleList(norm(conv.out_channels) for conv in convs)
        convs += [nn.ConvTranspose2d(width, channels, 4, 2, padding=1, bias=False)]
        self.convs = nn.ModuleList(convs)
        start_normal(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = joined(z, label, self.n_classes)[:, :, None, None]
        for conv, norm in zip(self.convs, self.norms, strict=False):  # none behind the last
            h = F.relu(norm(conv(h)))
        return torch.tanh(self.convs[-1](h))


class Discriminator(nn.Module):
    """D: 4x4 convolutions with leaky ReLU, batch norm on all but the first, the last from 4x4 px to a logit.

    Args and errors are the generator's. A conditional D has a constant map for each class beside its image (ours).
    """

    def __init__(
        self,
        resolution: int = 64,
        width: int = 64,
        channels: int = 3,
        n_classes: int = 0,
        extra: int = 0,
        norm: Norm = BatchNorm2d,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        widths = [width * 2**i for i in range(halvings(resolution))]
        convs = [nn.Conv2d(channels + n_classes, width, 4, 2, padding=1, bias=False)]
        convs += [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(extra)]
        convs += [nn.Conv2d(i, o, 4, 2, padding=1, bias=False) for i, o in pairwise(widths)]
        self.norms = nn.ModuleList([nn.Identity(), *(norm(conv.out_channels) for conv in convs[1:])])
        self.convs = nn.ModuleList([*convs, nn.Conv2d(widths[-1], 1, 4, bias=False)])
        start_normal(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = joined(x, label, self.n_classes)
        for conv, norm in zip(self.convs, self.norms, strict=False):
            x = leaky_relu(norm(conv(x)))
        return self.convs[-1](x).flatten()
