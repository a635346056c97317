"""Networks of Progressive Growing of GANs (Karras et al. 2018, arXiv 1710.10196).

Both networks work at the level floor(lod) alone: r = R / 2^floor(lod) px. The authors' code holds images of the
full size R at every lod, G's by nearest-neighbour replication and D's averaged down again before its first layer;
the functions are the same, and `zoo.papers.pggan` accounts for what that means to the gradient penalty.
`zoo.official.pggan` maps the authors' names to these. PG = tkarras/progressive_growing_of_gans @ 2504c3f
networks.py, TH = its branch original-theano-version @ 1a05598.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.progressive import (
    EqualizedConv2d,
    EqualizedLinear,
    downscale,
    fade,
    fmaps,
    leaky,
    minibatch_stddev,
    pixel_norm,
    upscale,
)
from zoo.ranks import share, sums


def widths(resolution: int, base: int, decay: float, most: int) -> list[int]:
    """Channels of the latent, of the 4 px maps, of the 8 px maps, and so on up to `resolution` (PG:150-152, 167).

    Raises:
        ValueError: for a resolution that is no power of two from 4 on.
    """
    if resolution < 4 or resolution & (resolution - 1):
        raise ValueError(f"PGGAN needs a resolution that is a power of two from 4 px on, not {resolution}")
    return [fmaps(s, base, decay, most) for s in range(resolution.bit_length() - 1)]


def split(lod: float, levels: int) -> tuple[int, float]:
    """Index of the finest active of `levels` levels, the coarsest being 0, and the weight of the one below it.

    Raises:
        ValueError: if there is no such lod.
    """
    if not 0 <= lod <= levels - 1:
        raise ValueError(f"lod {lod} lies outside 0..{levels - 1}")
    return levels - 1 - math.floor(lod), lod - math.floor(lod)


class WholeNorm(nn.Module):
    """Layer norm of Table 1's rows a to c, (N, C, ...) -> same: over all of an image's numbers, one gain, a bias
    for each channel (TH network.py, LayerNormLayer)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x, x.shape[1:], eps=1e-4) * self.gain
        return y + self.bias.view(-1, *[1] * (x.ndim - 2))


class MinibatchDiscrimination(nn.Module):
    """Appends to features (N, F) how close each image is to the others, (N, F + kernels) (Salimans et al. 2016).

    Sum over the others of exp(-L1 distance) in each of `kernels` learned projections to `dim` numbers, and a bias
    that starts at -1 (TH minibatch_discrimination.py; its data-dependent start is used by no one there).
    """

    def __init__(self, features: int, kernels: int, dim: int = 5) -> None:
        super().__init__()
        self.theta = nn.Parameter(0.05 * torch.randn(features, kernels, dim))
        self.log_scale = nn.Parameter(torch.zeros(kernels, dim))
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.theta * (self.log_scale.exp() / self.theta.square().sum(0).sqrt())
        a = torch.einsum("nf,fkd->nkd", x, weight)
        every = sums.whole(a)  # all processes' images
        distance = (a[:, None] - every[None]).abs().sum(3)  # (N, of the whole batch, kernels)
        others = 1 - F.one_hot(share.places(len(x)).to(x.device), len(every)).to(x.dtype)[:, :, None]
        return torch.cat([x, ((-distance).exp() * others).sum(1) + self.bias], 1)


class Generator(nn.Module):
    """z (N, latent_dim) ~ N(0, I), label (N,) or None -> images (N, channels, r, r), nominally in [-1, 1].

    PG:144-229. At lod 0 the images have the full size. A float label (N, n_classes) takes the place of the one-hot.

    Args:
        resolution: R, of the finished network.
        latent_dim: length of z; None takes the width of stage 0.
        n_classes: length of the one-hot label that joins z; 0 for an unconditional G.
        fmap_base, fmap_decay, fmap_max: see `fmaps`.
        channels: of the images.
        normalize: pixel norm after each layer. The latent is normalised in any case (PG:175, 182).
        equalized: weights scaled at run time, see `Equalized`.
        label_after_norm: the label joins z behind the pixel norm (TH network.py:463-467), not before it.
        gulrajani: the G of Table 1's rows a to c instead: batch norm before each ReLU, tanh at the end, and the
            latent as it is (TH config.py:128-168).
    """

    def __init__(
        self,
        resolution: int = 1024,
        latent_dim: int | None = None,
        n_classes: int = 0,
        fmap_base: int = 8192,
        fmap_decay: float = 1.0,
        fmap_max: int = 512,
        channels: int = 3,
        normalize: bool = True,
        equalized: bool = True,
        label_after_norm: bool = False,
        gulrajani: bool = False,
    ) -> None:
        super().__init__()
        latent, first, *rest = widths(resolution, fmap_base, fmap_decay, fmap_max)
        sides = [first, first, *(c for c in rest for _ in range(2))]  # of each layer before its activation
        self.batch_norms = nn.ModuleList(BatchNorm2d(c) for c in sides) if gulrajani else None
        self.sphere = nn.Identity() if gulrajani else pixel_norm
        self.latent_dim, self.n_classes = latent_dim or latent, n_classes
        self.norm = pixel_norm if normalize else nn.Identity()
        self.label_after_norm = label_after_norm
        self.dense = EqualizedLinear(
            self.latent_dim + n_classes, first * 16, gain=math.sqrt(2) / 4, bias=False, equalized=equalized
        )
        self.dense_bias = nn.Parameter(torch.zeros(first))  # a number a channel, not a pixel
        self.conv = EqualizedConv2d(first, first, equalized=equalized)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "up": EqualizedConv2d(i, o, resample="up", equalized=equalized),
                    "conv": EqualizedConv2d(o, o, equalized=equalized),
                }
            )
            for i, o in zip([first, *rest], rest, strict=False)
        )
        self.to_rgb = nn.ModuleList(
            EqualizedConv2d(c, channels, 1, gain=1.0, equalized=equalized) for c in [first, *rest]
        )

    def latent(self, z: Tensor, label: Tensor | None) -> Tensor:
        """What enters the first layer."""
        if not self.n_classes:
            return self.sphere(z)
        if label is None:
            raise ValueError(f"this network has {self.n_classes} classes: give a label to every image")
        if not label.is_floating_point():
            label = F.one_hot(label, self.n_classes).to(z.dtype)
        if self.label_after_norm:
            return torch.cat([self.sphere(z), label], 1)
        return self.sphere(torch.cat([z, label], 1))

    def forward(self, z: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        """Images of the level floor(lod); a fraction fades in the level's layers, see `fade`."""
        level, t = split(lod, len(self.to_rgb))
        h = self.dense(self.latent(z, label)).unflatten(1, (-1, 4, 4)) + self.dense_bias[:, None, None]
        h = self.active(h, 0)
        h = below = self.active(self.conv(h), 1)
        for i, block in enumerate(self.blocks[:level]):
            below = h
            h = self.active(block["up"](h), 2 * i + 2)
            h = self.active(block["conv"](h), 2 * i + 3)
        image = self.to_rgb[level](h)
        image = image if t == 0 else fade(image, upscale(self.to_rgb[level - 1](below)), t)
        return image if self.batch_norms is None else torch.tanh(image)

    def active(self, h: Tensor, layer: int) -> Tensor:
        """What follows the convolution of layer 0, 1, ..."""
        return self.norm(leaky(h)) if self.batch_norms is None else F.relu(self.batch_norms[layer](h))


class Discriminator(nn.Module):
    """D: images (N, channels, r, r) of the level floor(lod) -> scores (N,); no normalisation layers (PG:234-313).

    Args:
        resolution, n_classes, fmap_base, fmap_decay, fmap_max, channels, equalized: as for `Generator`.
        stddev_group: images of a group of the minibatch stddev; None for the whole batch, 0 for no such layer.
        fused: the halving convolutions take the 2x2 mean before bias and activation (PG's default), or behind them
            (the paper, TH, and PG with fused_scale=False): two different functions.
        layer_norm: `WholeNorm` before each activation but those of from-RGB layers: Table 1's rows a to c.
        kernels: of minibatch discrimination before the last layer, row e*; 0 for none.

    Raises:
        ValueError: for layer_norm with fused.
    """

    def __init__(
        self,
        resolution: int = 1024,
        n_classes: int = 0,
        fmap_base: int = 8192,
        fmap_decay: float = 1.0,
        fmap_max: int = 512,
        channels: int = 3,
        equalized: bool = True,
        stddev_group: int | None = 4,
        fused: bool = True,
        layer_norm: bool = False,
        kernels: int = 0,
    ) -> None:
        super().__init__()
        if layer_norm and fused:
            raise ValueError("layer norm comes before the 2x2 mean: set fused to false")
        latent, first, *rest = widths(resolution, fmap_base, fmap_decay, fmap_max)
        self.n_classes, self.stddev_group, self.fused = n_classes, stddev_group, fused
        self.from_rgb = nn.ModuleList(EqualizedConv2d(channels, c, 1, equalized=equalized) for c in [first, *rest])
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "conv": EqualizedConv2d(o, o, equalized=equalized),
                    "down": EqualizedConv2d(o, i, resample="down" if fused else None, equalized=equalized),
                }
            )
            for i, o in zip([first, *rest], rest, strict=False)
        )
        self.conv = EqualizedConv2d(first + (stddev_group != 0), first, equalized=equalized)
        self.dense = EqualizedLinear(first * 16, latent, equalized=equalized)
        self.head = EqualizedLinear(latent + kernels, 1 + n_classes, gain=1.0, equalized=equalized)
        self.closeness = MinibatchDiscrimination(latent, kernels) if kernels else nn.Identity()
        pairs = [c for i, o in zip([first, *rest], rest, strict=False) for c in (o, i)]
        self.norms = nn.ModuleList(map(WholeNorm, [first, latent, *pairs])) if layer_norm else None

    def judge(self, x: Tensor, lod: float = 0.0) -> tuple[Tensor, Tensor]:
        """Scores (N,) and class logits (N, n_classes)."""
        level, t = split(lod, len(self.from_rgb))
        h = leaky(self.from_rgb[level](x))
        for i in range(level, 0, -1):
            block = self.blocks[i - 1]
            h = self.active(block["down"](self.active(block["conv"](h), 2 * i)), 2 * i + 1)
            h = h if self.fused else downscale(h)
            if i == level and t > 0:
                h = fade(h, leaky(self.from_rgb[i - 1](downscale(x))), t)
        if self.stddev_group != 0:
            h = minibatch_stddev(h, self.stddev_group)
        h = self.active(self.conv(h), 0)
        out = self.head(self.closeness(self.active(self.dense(h.flatten(1)), 1)))
        return out[:, 0], out[:, 1:]

    def active(self, h: Tensor, layer: int) -> Tensor:
        """What follows layer 0, the 4 px convolution, 1, the dense one, and from 2 on those of the blocks."""
        return leaky(h if self.norms is None else self.norms[layer](h))

    def forward(self, x: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        return self.judge(x, lod)[0]
