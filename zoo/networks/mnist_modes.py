"""The small networks of PGGAN's discrete mode test on MNIST (Karras et al. 2018, appendix).

tkarras/progressive_growing_of_gans, branch original-theano-version @ 1a05598, network.py:544-647 ("TH"): D's widths
are divided by a number so that it can hardly tell all of the 1,000 modes apart. Levels fade as in
`zoo.networks.pggan`.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.pggan import split
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

BASE = 64  # TH config.py:180-209: fmap_base


def check_side(resolution: int) -> None:
    """Raises ValueError for a side at which a layer would have no channel, or D no layer."""
    if not 8 <= resolution <= 256:
        raise ValueError(f"the networks of the mode test (crippled) are of 8 to 256 px, not {resolution}")


class ModesGenerator(nn.Module):
    """z (N, 64) -> images (N, 3, r, r) in [-1, 1]: one 3x3 convolution of 64, 32, 16, 8 channels a level, tanh.

    Args:
        resolution: R, of the finished network (TH: 32).
        latent_dim: length of z (TH: 64), which lies on a sphere.
        ours: equalized weights and pixel norm; else batch norm before each activation.
    """

    def __init__(self, resolution: int = 32, latent_dim: int = 64, ours: bool = False) -> None:
        super().__init__()
        check_side(resolution)
        widths = [BASE, *(fmaps(s, BASE) for s in range(1, resolution.bit_length() - 2))]
        self.dense = EqualizedLinear(latent_dim, BASE * 16, bias=False, equalized=ours)
        self.dense_bias = nn.Parameter(torch.zeros(BASE))
        self.convs = nn.ModuleList(EqualizedConv2d(i, o, equalized=ours) for i, o in pairwise(widths))
        self.norms = None if ours else nn.ModuleList(map(BatchNorm2d, widths))
        self.to_rgb = nn.ModuleList(EqualizedConv2d(c, 3, gain=1.0, equalized=ours) for c in widths)

    def active(self, h: Tensor, level: int) -> Tensor:
        """Leaky ReLU of slope 0.3 (TH's vlrelu) with the norm before or behind it."""
        if self.norms is None:
            return pixel_norm(F.leaky_relu(h, 0.3))
        return F.leaky_relu(self.norms[level](h), 0.3)

    def forward(self, z: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        level, t = split(lod, len(self.to_rgb))
        h = self.dense(pixel_norm(z)).unflatten(1, (-1, 4, 4)) + self.dense_bias[:, None, None]
        h = below = self.active(h, 0)
        for i, conv in enumerate(self.convs[:level], 1):
            below, h = h, self.active(conv(upscale(h)), i)
        image = self.to_rgb[level](h)
        return torch.tanh(image if t == 0 else fade(image, upscale(self.to_rgb[level - 1](below)), t))


class ModesDiscriminator(nn.Module):
    """Images (N, 3, r, r) -> scores (N,): 3x3 convolutions of 8, 16, 32 channels over `divide`, each averaged down.

    Args:
        resolution: R, of the finished network (TH: 32).
        divide: by which D's widths are divided (TH: 2 or 4).
        ours: equalized weights and no norm; else batch norm before each activation.
        stddev: the minibatch stddev of the whole batch before the last layer.
        grows: lower levels have a layer of their own from RGB, as with progression.
    """

    stddev_group: int | None = None

    def __init__(
        self, resolution: int = 32, divide: int = 4, ours: bool = False, stddev: bool = False, grows: bool = False
    ) -> None:
        super().__init__()
        check_side(resolution)
        widths = [fmaps(s, BASE) for s in range(resolution.bit_length() - 3, 0, -1)]  # from the finest down
        if not 1 <= divide <= widths[0]:
            raise ValueError(
                f"crippled divides D's widths, of which the least at {resolution} px is {widths[0]}: from 1 to "
                f"{widths[0]}, not {divide}"
            )
        widths = [width // divide for width in widths]
        self.convs = nn.ModuleList(EqualizedConv2d(i, o, equalized=ours) for i, o in pairwise([3, *widths]))
        self.norms = None if ours else nn.ModuleList(map(BatchNorm2d, widths))
        self.from_rgb = nn.ModuleList(EqualizedConv2d(3, c, 1, equalized=ours) for c in widths if grows)
        self.stddev_group = None if stddev else 0
        self.head = EqualizedLinear(16 * (widths[-1] + stddev), 1, gain=1.0, equalized=ours)

    def judge(self, x: Tensor, lod: float = 0.0) -> tuple[Tensor, Tensor]:
        """Scores (N,) and no class logits (N, 0)."""
        level, t = split(lod, len(self.convs) + 1)
        first = len(self.convs) - level  # layers that are not there yet
        h = x if first == 0 else leaky(self.from_rgb[first - 1](x))
        for i in range(first, len(self.convs)):
            h = self.convs[i](h)
            h = downscale(leaky(h if self.norms is None else self.norms[i](h)))
            if i == first and t > 0:
                h = fade(h, leaky(self.from_rgb[i](downscale(x))), t)
        h = minibatch_stddev(h, None) if self.stddev_group is None else h
        out = self.head(h.flatten(1))
        return out[:, 0], out[:, 1:]

    def forward(self, x: Tensor, label: Tensor | None = None, lod: float = 0.0) -> Tensor:
        return self.judge(x, lod)[0]
