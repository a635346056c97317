"""Networks of StyleGAN (Karras, Laine, Aila 2019, arXiv 1812.04948), as in NVlabs/stylegan @ 1e0d5c7.

G is a mapping z -> w and a synthesis from a learned constant; every layer adds per-pixel noise and takes its style
from w. `lod` says how many of the finest levels are missing, a fraction while one fades in: G then gives images of
resolution / 2^floor(lod), and D takes those or larger ones, which it averages down (`zoo.networks.progressive`).
The switches of `Parts` make the paper's configurations B to F; `zoo.official.stylegan` maps the authors' names.
"net" in the sources is training/networks_stylegan.py.
"""

import math
import zlib
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.progressive import (
    EqualizedConv2d,
    EqualizedLinear,
    blur,
    downscale,
    fade,
    fmaps,
    leaky,
    minibatch_stddev,
    pixel_norm,
)
from zoo.networks.stylegan_synthesis import Noise, Parts, Synthesis, check_resolution, widths
from zoo.options import ranges
from zoo.ranks import sums


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


class Generator(nn.Module):
    """z (N, latent_dim) ~ N(0, I), label (N,) or None -> images (N, channels, r, r) in about [-1, 1].

    Keeps `w_avg`, the running average of w that truncation draws towards. Arguments are those of `Mapping` and
    `Synthesis`.
    """

    entries = ("mapping", "synthesis")

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


def noise_of(z: Tensor, layers: int) -> list[Tensor]:
    """Noise of each layer, (N, 1, h, w), a function of z: a sample's pixels follow its seed alone."""
    rngs = [torch.Generator().manual_seed(zlib.crc32(row.tobytes())) for row in z.float().cpu().numpy()]
    sizes = [4 * 2 ** (i // 2) for i in range(layers)]
    maps = [torch.stack([torch.randn(1, s, s, generator=rng) for rng in rngs]) for s in sizes]
    return [m.to(z.device, z.dtype) for m in maps]


def mix(w: Tensor, other: Tensor, crossover: int) -> Tensor:
    """Style mixing: w (N, L, w_dim) up to layer `crossover`, `other` from there on (net:356-366)."""
    return torch.cat([w[:, :crossover], other[:, crossover:]], 1)


class Block(nn.Module):
    """D at one resolution: 3x3 convolution, blur, 3x3 convolution with a 2x2 mean before its bias (net:564-659)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = EqualizedConv2d(in_channels, in_channels)
        self.down = EqualizedConv2d(in_channels, out_channels, resample="down")

    @again
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


def networks(
    resolution: int,
    n_classes: int,
    latent_dim: int,
    *,
    fmap_base: ranges.Width = 8192,
    fmap_max: ranges.Width = 512,
    w_dim: ranges.Width = 512,
    mapping_layers: ranges.Depth = 8,
    mapping_width: ranges.Width = 512,
    mapping_lrmul: ranges.PositiveFloat = 0.01,
    styles: bool = True,
    constant: bool = True,
    noise: bool = True,
    instance_norm: bool = True,
    pixel_norm: bool = False,
    stddev_group: ranges.NonNegativeInt = 4,
) -> tuple[Generator, Discriminator]:
    """G and D; the switches make the paper's configurations.

    Args:
        resolution, n_classes, latent_dim: as StyleGAN's.
        fmap_base: channels at 2^r px are min(fmap_base / 2^(r - 1), fmap_max).
        fmap_max: most channels of a layer.
        w_dim: length of w.
        mapping_layers: dense layers from z to w; 0 for w = normalised z.
        mapping_width: width of the layers between.
        mapping_lrmul: learning rate of the mapping relative to that of other layers.
        styles: each layer is scaled and shifted by w (configuration C on).
        constant: synthesis starts from a learned constant (D on) instead of a dense layer fed by w.
        noise: noise is added to each layer (E on).
        instance_norm: each map is normalised (C on).
        pixel_norm: each pixel is normalised (B).
        stddev_group: images of a group of D's minibatch stddev; 0 for no such layer.
    """
    mapping = (latent_dim, w_dim, mapping_width, mapping_layers, mapping_lrmul, n_classes)
    parts = Parts(styles, noise, constant, instance_norm, pixel_norm)
    G = Generator(resolution, fmap_base, fmap_max, *mapping, parts=parts)
    stddev = {"group_size": stddev_group, "stddev_features": int(stddev_group > 0)}
    return G, Discriminator(resolution, fmap_base, fmap_max, n_classes, **stddev)
