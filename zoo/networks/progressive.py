"""Layers of the growing papers (PGGAN, StyleGAN): equalized learning rate, pixel norm, minibatch stddev, fading.

Source marks: PG = tkarras/progressive_growing_of_gans @ 2504c3f networks.py, SG = NVlabs/stylegan @ 1e0d5c7
training/networks_stylegan.py. Weights are kept as PyTorch lays them out and act by correlation. `EqualizedConv2d`
does "up" and "down" in one strided convolution, with the result of the two steps apart at less than half the cost.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.options.checked import refuse
from zoo.ranks import share, sums

SQRT2 = math.sqrt(2)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2, in both papers."""
    return F.leaky_relu(x, 0.2)


def fmaps(stage: int, base: int = 8192, decay: float = 1.0, most: int = 512) -> int:
    """Channels of stage s (maps of 2^(s + 1) px): min(floor(base / 2^(s * decay)), most) (PG networks.py:167).

    Raises:
        ValueError: where that is none.
    """
    if not (found := min(int(base / 2 ** (stage * decay)), most)):
        raise ValueError(f"fmap_base {base} leaves no channel for maps of {2 ** (stage + 1)} px: give a larger one")
    return found


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """x (N, C, ...) / sqrt(mean over C of x^2 + eps), per pixel (PG networks.py:120)."""
    return x * (x.square().mean(1, keepdim=True) + eps).rsqrt()


def instance_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """(N, C, H, W) minus its mean over the pixels, then times 1 / sqrt(mean square + eps) (SG:490-501).

    In float32 at least, as the official half precision keeps it."""
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y - y.mean((2, 3), keepdim=True)
    return (y * (y.square().mean((2, 3), keepdim=True) + eps).rsqrt()).to(x.dtype)


def minibatch_stddev(x: Tensor, group_size: int | None = 4, num_features: int = 1) -> Tensor:
    """Append to x (N, C, H, W) `num_features` channels that tell how much the images of a group differ.

    Images m, m + M, m + 2M, ... of the whole batch form a group of G = min(group_size, N), M = N / G: strided, not
    neighbours, and maybe on several processes. Per group: sqrt(biased variance + 1e-8), averaged over pixels and
    over each of `num_features` runs of neighbouring channels (PG networks.py:127-139; SG:564-659).

    Args:
        group_size: None for the whole batch.

    Raises:
        ValueError: if N is not a multiple of G, or C not of num_features.
    """
    mine = share.running()
    times = mine.times(len(x)) if mine else 1
    n, (_, c, h, w) = mine.total * times if mine else len(x), x.shape
    group = min(group_size or n, n)
    if n % group or c % num_features:
        raise ValueError(f"minibatch stddev: {n} images of {c} maps do not split into {group} x {num_features}")
    y, groups = x.to(torch.promote_types(x.dtype, torch.float32)), n // group
    if mine and (groups % mine.world or mine.block > 1 or times > 1):
        number = mine.places(times).to(x.device) % groups  # of each image's group
        y = y.unflatten(1, (num_features, -1))
        none = y.new_zeros(groups, *y.shape[1:])
        mean = sums.total(none.index_add(0, number, y, alpha=mine.present)) / group
        var = sums.total(none.index_add(0, number, (y - mean[number]).square(), alpha=mine.present)) / group
        told = (var + 1e-8).sqrt().mean((2, 3, 4)).to(x.dtype)[number]
        return torch.cat([x, told[:, :, None, None].expand(-1, -1, h, w)], 1)
    # no group lies on two processes
    y = y.reshape(group, -1, num_features, c // num_features, h, w)
    y = (y.var(0, unbiased=False) + 1e-8).sqrt().mean((2, 3, 4))  # (M, F)
    return torch.cat([x, y.to(x.dtype).repeat(group, 1)[:, :, None, None].expand(-1, -1, h, w)], 1)


def blur(x: Tensor) -> Tensor:
    """Maps (N, C, H, W) filtered by [1, 2, 1] x [1, 2, 1] / 16, zeros outside: borders darken (SG:22-49)."""
    # two means of 2x2: the derivative of a grouped convolution's derivative runs group by group
    return F.avg_pool2d(F.avg_pool2d(x, 2, stride=1, padding=1), 2, stride=1)


def upscale(x: Tensor, factor: int = 2) -> Tensor:
    """Nearest neighbour: (N, C, H, W) -> (N, C, factor * H, factor * W) (PG networks.py:205-225)."""
    return x if factor == 1 else F.interpolate(x, scale_factor=float(factor), mode="nearest")


def downscale(x: Tensor, factor: int = 2) -> Tensor:
    """Mean of factor x factor boxes (PG networks.py:287-308)."""
    return x if factor == 1 else F.avg_pool2d(x, factor)


def fade(new: Tensor, old: Tensor, t: float) -> Tensor:
    """new + (old - new) * t: the old branch at t = 1, the new one at t = 0 (PG networks.py:205-225, 287-308)."""
    return new if t == 0 else new + (old - new) * t


def fade_reals(real: Tensor, lod: float) -> Tensor:
    """Real images (N, 3, r, r) at the level floor(lod), faded as G's and D's are (PG train.py:56-80)."""
    t = lod - math.floor(lod)
    return real if t == 0 else fade(real, upscale(downscale(real)), t)


def fade_bytes(real: Tensor, lod: float) -> Tensor:
    """As `fade_reals`, with the result cut to the byte below it (tkarras/progressive_growing_of_gans, branch
    original-theano-version, dataset.py:138)."""
    if lod == math.floor(lod):
        return real
    return fade_reals(((real + 1) * 127.5).round(), lod).floor() / 127.5 - 1


#: name in recipes -> how real images fade
FADES = {"float": fade_reals, "bytes": fade_bytes}


def mean_of_shifts(kernel: Tensor) -> Tensor:
    """The mean (..., 4, 4) of the four one-pixel shifts of 3x3 kernels (PG networks.py:86-93, 109-115)."""
    return F.avg_pool2d(kernel, 2, stride=1, padding=1)


def turned(kernel: Tensor) -> Tensor:
    """A kernel (out, in, h, w) as a transposed convolution takes it, (in, out, h, w) and turned by 180 degrees, in
    the memory layout that it has: a convolution would copy its larger `mean_of_shifts`."""
    last = kernel.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    return kernel.flip(2, 3).transpose(0, 1).contiguous(memory_format=layout)


class Equalized(nn.Module):
    """Mixin: a run-time weight scale. Weights ~ N(0, 1) / lrmul act times gain / sqrt(fan_in) * lrmul.

    The bias (zeros at first) acts times `lrmul` (PG networks.py:22-29; SG:135-149, 213-218).

    Args:
        gain: sqrt(2) before a ReLU, 1 for a linear output.
        lrmul: steps of the layer relative to those of the network.
        equalized: False puts the scale into the first weights instead, as ordinary He initialisation does.
    """

    def start(self, gain: float, lrmul: float, equalized: bool) -> None:
        he = gain / math.sqrt(self.weight[0].numel())
        nn.init.normal_(self.weight, 0.0, 1 / lrmul if equalized else he)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self.scale, self.lrmul = (he * lrmul if equalized else 1.0), (lrmul if equalized else 1.0)

    def scaled_bias(self) -> Tensor | None:
        return self.bias if self.bias is None or self.lrmul == 1 else self.bias * self.lrmul


class EqualizedLinear(Equalized, nn.Linear):
    """(N, in) -> (N, out); see `Equalized`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gain: float = SQRT2,
        lrmul: float = 1.0,
        bias: bool = True,
        equalized: bool = True,
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.start(gain, lrmul, equalized)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.scaled_bias())


class EqualizedConv2d(Equalized, nn.Conv2d):
    """Convolution with padding "same" whose output may be twice or half the size; see `Equalized`.

    Args:
        resample: "up" is nearest x2 before the convolution, "down" a 2x2 mean behind it (and before the bias, which
            makes no difference). Both take 3x3 kernels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        gain: float = SQRT2,
        lrmul: float = 1.0,
        bias: bool = True,
        resample: Literal["up", "down"] | None = None,
        equalized: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
        refuse("resample", resample, Literal["up", "down"] | None)
        if resample is not None and kernel != 3:
            raise ValueError(f"resample takes 3x3 kernels, not {kernel}x{kernel}")
        self.resample = resample
        self.start(gain, lrmul, equalized)

    def forward(self, x: Tensor) -> Tensor:
        # nearest x2 sums the shifts
        weight, bias = self.weight * (self.scale * (4 if self.resample == "up" else 1)), self.scaled_bias()
        if self.resample == "up":
            return F.conv_transpose2d(x, mean_of_shifts(turned(weight)), bias, stride=2, padding=1)
        if self.resample == "down":
            return F.conv2d(x, mean_of_shifts(weight), bias, stride=2, padding=1)
        return F.conv2d(x, weight, bias, padding=self.padding)
