"""Networks of StyleGAN (Karras, Laine, Aila 2019, arXiv 1812.04948), as in NVlabs/stylegan @ 1e0d5c7.

G is a mapping z -> w and a synthesis from a learned constant; every layer adds per-pixel noise and takes its style
from w. `lod` says how many of the finest levels are missing, a fraction while one fades in: G then gives images of
resolution / 2^floor(lod), and D takes those or larger ones, which it averages down (`zoo.networks.progressive`).
The switches of `Parts` make the paper's configurations B to F; `zoo.official.stylegan` maps the authors' names.
"net" in the sources is training/networks_stylegan.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.networks.progressive import (
    SQRT2,
    EqualizedConv2d,
    EqualizedLinear,
    blur,
    downscale,
    fade,
    fmaps,
    instance_norm,
    leaky,
    minibatch_stddev,
    pixel_norm,
    upscale,
)
from zoo.ranks import share, sums

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


class Mapping(nn.Module):
    """z (N, latent_dim), label -> w (N, w_dim): pixel norm, then activated dense layers (net:384-435).

    Args:
        latent_dim: length of z.
        w_dim: length of w.
        hidden: width of the layers between.
        layers: number of dense layers; with none w is the normalised z.
        n_classes: 0 for none. A label's row of a learned table is put behind z, before the pixel norm.
        lrmul: Adam's steps of these layers relative to those of the others; their weights start 1 / lrmul times
            as large, so that the first w are ordinary ones.
    """

    def __init__(
        self,
        latent_dim: int = 512,
        w_dim: int = 512,
        hidden: int = 512,
        layers: int = 8,
        n_classes: int = 0,
        lrmul: float = 0.01,
    ) -> None:
        super().__init__()
        sizes = [latent_dim * (2 if n_classes else 1), *[hidden] * (layers - 1), *[w_dim] * (layers > 0)]
        if sizes[-1] != w_dim:
            raise ValueError(f"without mapping layers w is the normalised input: w_dim must be {sizes[-1]}")
        self.embedding = nn.Embedding(n_classes, latent_dim) if n_classes else None
        self.layers = nn.ModuleList(EqualizedLinear(i, o, lrmul=lrmul) for i, o in pairwise(sizes))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """`label` is int64 (N,), or float (N, n_classes) for a mixture of classes."""
        if self.embedding is not None:
            if label is None:
                raise ValueError(f"this G has {self.embedding.num_embeddings} classes: give a label to every image")
            y = label @ self.embedding.weight if label.is_floating_point() else self.embedding(label)
            z = torch.cat([z, y], 1)
        w = pixel_norm(z)
        for layer in self.layers:
            w = leaky(layer(w))
        return w


class Constant(nn.Module):
    """The learned first map: w -> (N, C, 4, 4), the same for every w (net:440-559)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(1, channels, 4, 4))

    def forward(self, w: Tensor) -> Tensor:
        return self.const.expand(len(w), -1, -1, -1)


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
            random = noise == "random"
            size = len(x), 1, *x.shape[2:]
            noise = share.randn(*size, device=x.device, dtype=x.dtype) if random else self.stored
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


class Generator(nn.Module):
    """z (N, latent_dim) ~ N(0, I), label (N,) or None -> images (N, channels, r, r) in about [-1, 1].

    Keeps `w_avg`, the running average of w that truncation draws towards. Arguments are those of `Mapping` and
    `Synthesis`.
    """

    def __init__(
        self,
        resolution: int = 1024,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        latent_dim: int = 512,
        w_dim: int = 512,
        mapping_width: int = 512,
        mapping_layers: int = 8,
        mapping_lrmul: float = 0.01,
        n_classes: int = 0,
        channels: int = 3,
        parts: Parts | None = None,
    ) -> None:
        super().__init__()
        self.mapping = Mapping(latent_dim, w_dim, mapping_width, mapping_layers, n_classes, mapping_lrmul)
        self.synthesis = Synthesis(resolution, w_dim, fmap_base, fmap_max, channels, parts)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    @torch.no_grad()
    def track(self, w: Tensor, beta: float = 0.995) -> None:
        """Move `w_avg` towards the mean of w (N, w_dim), as at every training pass (net:347-353)."""
        mean = sums.mean(w.to(self.w_avg.dtype))
        self.w_avg.copy_(mean + beta * (self.w_avg - mean))

    def layered(self, w: Tensor) -> Tensor:
        """w (N, w_dim) for every layer: (N, L, w_dim)."""
        return w[:, None].expand(-1, len(self.synthesis.layers), -1)

    def truncate(self, w: Tensor, psi: float | None, cutoff: int | None = 8) -> Tensor:
        """w (N, L, w_dim) with its first `cutoff` layers at w_avg + psi (w - w_avg) (net:369-374).

        `psi` of None or 1 changes nothing; `cutoff` of None takes all layers (the code's 8 are 4 to 32 px).
        """
        if psi is None:
            return w
        cutoff = w.shape[1] if cutoff is None else cutoff
        return torch.cat([torch.lerp(self.w_avg.to(w.dtype), w[:, :cutoff], psi), w[:, cutoff:]], 1)

    def forward(
        self,
        z: Tensor,
        label: Tensor | None = None,
        lod: float = 0.0,
        noise: Noise = "random",
        truncation: float | None = None,
        cutoff: int | None = 8,
    ) -> Tensor:
        w = self.truncate(self.layered(self.mapping(z, label)), truncation, cutoff)
        return self.synthesis(w, lod, noise)


def mix(w: Tensor, other: Tensor, crossover: int) -> Tensor:
    """Style mixing: w (N, L, w_dim) up to layer `crossover`, `other` from there on (net:356-366)."""
    return torch.cat([w[:, :crossover], other[:, crossover:]], 1)


class Block(nn.Module):
    """D at one resolution: 3x3 convolution, blur, 3x3 convolution with a 2x2 mean before its bias (net:564-659)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = EqualizedConv2d(in_channels, in_channels)
        self.down = EqualizedConv2d(in_channels, out_channels, resample="down")

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.down(blur(leaky(self.conv(x)))))


class Discriminator(nn.Module):
    """Images (N, channels, r, r), r >= R / 2^floor(lod), label or None -> logits (N,) (D_basic, net:564-659).

    With classes the last layer has an output for each, and an image's logit is that of its label.

    Args:
        resolution, fmap_base, fmap_max, channels: as G's.
        n_classes: 0 for none.
        group_size: images of a group of the minibatch stddev layer, or all of a smaller batch.
        stddev_features: channels that layer appends; 0 for no such layer.
    """

    def __init__(
        self,
        resolution: int = 1024,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        n_classes: int = 0,
        channels: int = 3,
        group_size: int = 4,
        stddev_features: int = 1,
    ) -> None:
        super().__init__()
        maps, r = widths(resolution, fmap_base, fmap_max), check_resolution(resolution)
        self.n_classes, self.group_size, self.stddev_features = n_classes, group_size, stddev_features
        self.from_rgb = nn.ModuleList(EqualizedConv2d(channels, c, 1) for c in maps)
        self.blocks = nn.ModuleList(Block(maps[i + 1], maps[i]) for i in range(r - 2))  # 8 px first
        self.conv = EqualizedConv2d(maps[0] + stddev_features, maps[0])
        self.dense = EqualizedLinear(16 * maps[0], fmaps(0, fmap_base, most=fmap_max))
        self.head = EqualizedLinear(fmaps(0, fmap_base, most=fmap_max), max(n_classes, 1), gain=1.0)

    def forward(self, x: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        """`label` is int64 (N,), or float (N, n_classes) that weighs the outputs."""
        top, t = len(self.blocks) - math.floor(lod), lod - math.floor(lod)
        x = downscale(x, x.shape[-1] // (4 * 2**top))
        h = leaky(self.from_rgb[top](x))
        for i in reversed(range(top)):
            h = self.blocks[i](h)
            if i == top - 1 and t > 0:
                h = fade(h, leaky(self.from_rgb[i](downscale(x))), t)
        if self.stddev_features:
            h = minibatch_stddev(h, self.group_size, self.stddev_features)
        h = leaky(self.conv(h))
        logits = self.head(leaky(self.dense(h.flatten(1))))
        if not self.n_classes:
            return logits[:, 0]
        if label is None:
            raise ValueError(f"this D has {self.n_classes} classes: give a label to every image")
        if label.is_floating_point():
            return (logits * label).sum(1)
        return logits.gather(1, label[:, None]).squeeze(1)
