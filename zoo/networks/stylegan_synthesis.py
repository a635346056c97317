"""Synthesis network of StyleGAN: from styles to images, one block a resolution; see `zoo.networks.stylegan`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.progressive import (
    SQRT2,
    EqualizedConv2d,
    EqualizedLinear,
    blur,
    fade,
    fmaps,
    instance_norm,
    leaky,
    pixel_norm,
    upscale,
)
from zoo.ranks import share

#: new maps for every image, the maps kept with the weights, or one map (1 or N, 1, h, w) for each layer
Noise = Literal["random", "stored"] | Sequence[Tensor]


@dataclass(frozen=True)
class Parts:
    """What a layer of the synthesis network consists of; the defaults are configuration F (net:440-559).

    Args:
        styles: an affine map of w scales and shifts each map.
        noise: per-pixel noise is added after each convolution.
        constant: the first map is learned; otherwise a dense layer makes it from w.
        instance_norm, pixel_norm: what follows the activation.
    """

    styles: bool = True
    noise: bool = True
    constant: bool = True
    instance_norm: bool = True
    pixel_norm: bool = False


def check_resolution(resolution: int) -> int:
    """log2 of the resolution.

    Raises:
        ValueError: if it is no power of two from 8 on.
    """
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(f"StyleGAN needs a resolution that is a power of two from 8 px on, not {resolution}")
    return resolution.bit_length() - 1


def widths(resolution: int, fmap_base: int, fmap_max: int) -> list[int]:
    """Channels at 4, 8, ... px up to the resolution."""
    return [fmaps(r - 1, fmap_base, most=fmap_max) for r in range(2, check_resolution(resolution) + 1)]


class Constant(nn.Module):
    """The learned first map: w -> (N, C, 4, 4), the same for every w (net:440-559)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(1, channels, 4, 4))

    def forward(self, w: Tensor) -> Tensor:
        return self.const.expand(w.shape[0], -1, -1, -1)


class Dense(EqualizedLinear):
    """The traditional first map, made from w by a dense layer: (N, w_dim) -> (N, C, 4, 4) (net:440-559)."""

    def __init__(self, w_dim: int, channels: int) -> None:
        super().__init__(w_dim, 16 * channels, gain=SQRT2 / 4, bias=False)

    def forward(self, w: Tensor) -> Tensor:
        return super().forward(w).unflatten(1, (-1, 4, 4))


class AddNoise(nn.Module):
    """x + strength_c * noise: one map (N, 1, H, W) for all channels, a learned strength for each (net:270-278).

    The strengths start at 0, so a fresh network's image does not depend on noise. The stored map is a buffer: each
    layer has its own, shared by all images.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("stored", torch.randn(1, 1, size, size))

    def forward(self, x: Tensor, noise: Literal["random", "stored"] | Tensor) -> Tensor:
        if isinstance(noise, str):
            if noise not in ("random", "stored"):
                raise ValueError(f"noise takes random, stored or a map for each layer, not {noise}")
            noise = share.randn(x[:, :1]) if noise == "random" else self.stored
        return x + noise.to(x.dtype) * self.strength[:, None, None]


class Style(EqualizedLinear):
    """x * (s_scale + 1) + s_shift, s an affine map of w with gain 1: the AdaIN's second half (net:261-265)."""

    def __init__(self, w_dim: int, channels: int) -> None:
        super().__init__(w_dim, 2 * channels, gain=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = super().forward(w)[:, :, None, None].chunk(2, 1)
        return x * (scale + 1) + shift


class Layer(nn.Module):
    """One layer of synthesis: its source of maps, then noise, bias, activation, norm and style (net:490-501).

    Args:
        source: module whose output is the layer's map before noise.
        channels, size: of that map.
    """

    def __init__(self, source: nn.Module, channels: int, size: int, w_dim: int, parts: Parts) -> None:
        super().__init__()
        self.source = source
        self.noise = AddNoise(channels, size) if parts.noise else None
        self.bias = nn.Parameter(torch.zeros(channels))
        self.norms = [instance_norm] * parts.instance_norm
        self.norms = [pixel_norm] * parts.pixel_norm + self.norms
        self.style = Style(w_dim, channels) if parts.styles else None

    @again
    def forward(self, x: Tensor, w: Tensor, noise: Literal["random", "stored"] | Tensor) -> Tensor:
        x = self.source(x)
        if self.noise is not None:
            x = self.noise(x, noise)
        x = leaky(x + self.bias[:, None, None])
        for norm in self.norms:
            x = norm(x)
        return x if self.style is None else self.style(x, w)


class UpConv(EqualizedConv2d):
    """Nearest x2, 3x3 convolution, blur (net:22-49, 174-191); official kernels of 128 px and more are turned."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, bias=False, resample="up")

    def forward(self, x: Tensor) -> Tensor:
        return blur(super().forward(x))


class Synthesis(nn.Module):
    """w (N, L, w_dim), one for each layer -> images (N, channels, r, r); L = 2 log2(R) - 2 (net:440-559).

    Args:
        resolution: R, a power of two from 8 on.
        w_dim: length of w.
        fmap_base, fmap_max: maps at 2^r px: min(fmap_base / 2^(r - 1), fmap_max).
        channels: of the images.
        parts: what a layer consists of.
    """

    def __init__(
        self,
        resolution: int = 1024,
        w_dim: int = 512,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        channels: int = 3,
        parts: Parts | None = None,
    ) -> None:
        super().__init__()
        parts, maps = parts or Parts(), widths(resolution, fmap_base, fmap_max)
        first = Constant(maps[0]) if parts.constant else Dense(w_dim, maps[0])
        layers = []
        for i, c in enumerate(maps):
            for source in (UpConv(maps[i - 1], c) if i else first, EqualizedConv2d(c, c, bias=False)):
                layers.append(Layer(source, c, 4 * 2**i, w_dim, parts))
        self.layers = nn.ModuleList(layers)
        self.to_rgb = nn.ModuleList(EqualizedConv2d(c, channels, 1, gain=1.0) for c in maps)

    def used(self, lod: float) -> int:
        """Layers that take part at this lod."""
        return len(self.layers) - 2 * math.floor(lod)

    def forward(self, w: Tensor, lod: float = 0.0, noise: Noise = "random") -> Tensor:
        """Images (N, channels, r, r) in about [-1, 1], not clipped, r = R / 2^floor(lod)."""
        used, t = self.used(lod), lod - math.floor(lod)
        maps = [noise] * used if isinstance(noise, str) else noise
        x = w[:, 0]
        for i in range(used):
            if i == used - 2:
                before = x
            x = self.layers[i](x, w[:, i], maps[i])
        rgb = self.to_rgb[used // 2 - 1](x)
        if t > 0:
            rgb = fade(rgb, upscale(self.to_rgb[used // 2 - 2](before)), t)
        return rgb
