"""ResNets of R1 training (Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406), without any normalisation layer.

The four architectures of the authors' code (LMescheder/GAN_stability @ c1f64c9, "GS", gan_training/models) share
their block and differ in ladder, image convolution and embedding. Images are (N, 3, R, R) in [-1, 1], logits (N,).
Weights start as PyTorch's. `zoo.official.r1gan` maps the authors' names to these.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.again import again

Architecture = Literal["resnet", "resnet2", "resnet3", "resnet4"]


@dataclass(frozen=True)
class Ladder:
    """What distinguishes one architecture at one resolution.

    Args:
        base: size of G's first and D's last map.
        g, d: channels before and after each block, in widths.
        per_stage: blocks at one resolution.
        block_at_full_size: False if an upsampling follows G's last block and a pooling precedes D's first.
        kernel: of the image convolutions.
        unit_embedding: whether the label's embedding is divided by its L2 norm.
    """

    base: int
    g: tuple[int, ...]
    d: tuple[int, ...]
    per_stage: int = 1
    block_at_full_size: bool = True
    kernel: int = 3
    unit_embedding: bool = True


def ladder(architecture: Architecture, resolution: int) -> Ladder:
    """The ladder of an architecture at a resolution.

    Raises:
        ValueError: if the architecture does not exist, or not at this resolution.
    """
    if architecture == "resnet":  # GS models/resnet.py: doublings from 4 px
        n = (resolution // 4).bit_length() - 1
        if n < 1 or 4 * 2**n != resolution:
            raise ValueError(f"resnet needs a resolution that is a power of two from 8 px on, not {resolution}")
        powers = tuple(2**k for k in range(n + 1))
        return Ladder(4, (*powers[::-1], 1), (1, *powers))
    fixed = {
        "resnet2": (  # GS models/resnet2.py
            32,
            (16, 16, 16, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1),
            (1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 16, 16, 16),
            {"per_stage": 2},
        ),
        "resnet3": (  # GS models/resnet3.py
            64,
            (32, 16, 16, 8, 4, 2, 1),
            (1, 2, 4, 8, 16, 16, 32),
            {"block_at_full_size": False, "kernel": 7, "unit_embedding": False},
        ),
        "resnet4": (  # GS models/resnet4.py
            64,
            (16, 16, 16, 8, 4, 2, 1, 1),
            (1, 1, 2, 4, 8, 16, 16, 16),
            {"kernel": 7, "unit_embedding": False},
        ),
    }
    if architecture not in fixed:
        raise ValueError(f"there is no {architecture}; choose one of {['resnet', *fixed]}")
    factor, g, d, rest = fixed[architecture]
    if resolution < factor or resolution % factor:
        raise ValueError(f"{architecture} needs a resolution divisible by {factor}, not {resolution}")
    return Ladder(resolution // factor, g, d, **rest)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2 (GS resnet.py:145), not in place: shortcuts need the raw x."""
    return F.leaky_relu(x, 0.2)


class Block(nn.Module):
    """Pre-activation residual block (N, C, H, W) -> (N, C', H, W): s(x) + 0.1 conv(a(conv(a(x)))).

    The hidden width is min(C, C'); s is the identity or a 1x1 convolution without bias (GS resnet.py:110-142).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        hidden = min(in_channels, out_channels)
        self.conv1 = nn.Conv2d(in_channels, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, bias=False)

    @again
    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + 0.1 * self.conv2(leaky(self.conv1(leaky(x))))


class Generator(nn.Module):
    """G: z (N, latent_dim) ~ N(0, I), label (N,) or None -> images (N, 3, R, R) in [-1, 1].

    The label's embedding joins z before the first layer; nothing else is conditional. Without classes a table of
    one row remains, as in the authors' code: in resnet and resnet2 a constant +1 or -1. A float label
    (N, embed_dim) takes the place of the embedding, for interpolation between classes.

    Args:
        resolution: for resnet a power of two from 8 on, for resnet2 a multiple of 32, for the others of 64.
        width: base number of channels.
        max_width: most channels of a layer of resnet; the others have no such bound.
        latent_dim: length of z.
        n_classes: 0 for the unconditional G.
        embed_dim: length of the embedding; None takes 256, without classes 1.
        architecture: "resnet", "resnet2", "resnet3" or "resnet4".
        channels: colours of the images.
    """

    def __init__(
        self,
        resolution: int = 256,
        width: int = 64,
        max_width: int = 512,
        latent_dim: int = 256,
        n_classes: int = 0,
        embed_dim: int | None = None,
        architecture: Architecture = "resnet",
        channels: int = 3,
    ) -> None:
        super().__init__()
        plan = ladder(architecture, resolution)
        maps = widths(plan.g, width, max_width if architecture == "resnet" else None)
        embed_dim = embed_dim or (256 if n_classes else 1)
        self.base, self.unit_embedding = plan.base, plan.unit_embedding
        self.embedding = nn.Embedding(max(n_classes, 1), embed_dim)
        self.dense = nn.Linear(latent_dim + embed_dim, maps[0] * plan.base**2)
        self.blocks = nn.ModuleList(Block(i, o) for i, o in pairwise(maps))
        self.conv = nn.Conv2d(maps[-1], channels, plan.kernel, padding=plan.kernel // 2)
        ends = range(1, len(self.blocks) + 1)  # is there an upsampling behind the block?
        self.up = [i % plan.per_stage == 0 and (i < ends[-1] or not plan.block_at_full_size) for i in ends]

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            label = torch.zeros(z.shape[0], dtype=torch.int64, device=z.device)
        embedding = label if label.is_floating_point() else self.embedding(label)
        if self.unit_embedding:
            embedding = embedding / embedding.norm(dim=1, keepdim=True)
        h = self.dense(torch.cat([z, embedding], 1)).unflatten(1, (-1, self.base, self.base))
        for block, up in zip(self.blocks, self.up, strict=True):
            h = block(h)
            if up:
                h = F.interpolate(h, scale_factor=2.0)
        return torch.tanh(self.conv(leaky(h)))


class Trunk(nn.Module):
    """D without its head: images (N, 3, R, R) -> features (N, C, base, base), not activated."""

    def __init__(
        self,
        resolution: int,
        width: int,
        max_width: int,
        architecture: Architecture = "resnet",
        channels: int = 3,
    ) -> None:
        super().__init__()
        plan = ladder(architecture, resolution)
        maps = widths(plan.d, width, max_width if architecture == "resnet" else None)
        self.conv = nn.Conv2d(channels, maps[0], plan.kernel, padding=plan.kernel // 2)
        self.blocks = nn.ModuleList(Block(i, o) for i, o in pairwise(maps))
        starts = range(len(self.blocks))  # is there a pooling before the block?
        self.down = [i % plan.per_stage == 0 and (i > 0 or not plan.block_at_full_size) for i in starts]
        self.out_channels, self.out_size = maps[-1], plan.base

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x)
        for block, down in zip(self.blocks, self.down, strict=True):
            if down:
                h = F.avg_pool2d(h, 3, 2, 1)  # divides by 9 at the borders too: padding counts
            h = block(h)
        return h


class Head(nn.Linear):
    """Features (N, C, S, S) -> logits (N, max(n_classes, 1)): leaky ReLU, then one linear layer."""

    def __init__(self, channels: int, size: int, n_classes: int) -> None:
        super().__init__(channels * size**2, max(n_classes, 1))

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(leaky(features.flatten(1)))


def pick(logits: Tensor, label: Tensor | None) -> Tensor:
    """Each image's logit (N,) of its own class from (N, n_classes); the first one without a label."""
    return logits[:, 0] if label is None else logits.gather(1, label[:, None]).squeeze(1)


class Discriminator(nn.Module):
    """D: images (N, 3, R, R), label (N,) or None -> logits (N,), each the output that belongs to its class.

    Arguments as for `Generator`.
    """

    def __init__(
        self,
        resolution: int = 256,
        width: int = 64,
        max_width: int = 1024,
        n_classes: int = 0,
        architecture: Architecture = "resnet",
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(resolution, width, max_width, architecture, channels)
        self.head = Head(self.trunk.out_channels, self.trunk.out_size, n_classes)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return pick(self.head(self.trunk(x)), label)


def widths(multipliers: tuple[int, ...], width: int, most: int | None) -> list[int]:
    """Channels of each layer: width times multiplier, at most `most`."""
    return [min(width * m, most or width * m) for m in multipliers]
