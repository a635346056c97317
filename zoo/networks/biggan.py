"""BigGAN and BigGAN-deep (Brock et al. 2019, arXiv 1809.11096, appendix B), 32 to 512 px.

As in the authors' PyTorch code, ajbrock/BigGAN-PyTorch @ 9845943 ("BP", BigGAN.py and BigGANdeep.py); 512 px, which
it has no discriminator for, as in google/compare_gan @ 19922d3 ("CG"). Images are (N, channels, R, R) in [-1, 1],
logits (N,). `zoo.official.biggan` maps the authors' names to these.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.biggan_layers import (
    Attention,
    BatchNorm2d,
    ConditionalNorm,
    Init,
    SNConv2d,
    SNEmbedding,
    SNLinear,
    settle,
)

# resolution: channels / width before and after each stage of G, all of which double the size from 4 px on
GENERATORS = {
    32: (4, 4, 4, 4),  # BP only
    64: (16, 16, 8, 4, 2),  # BP only
    128: (16, 16, 8, 4, 2, 1),  # Table 4
    256: (16, 16, 8, 8, 4, 2, 1),  # Table 5
    512: (16, 16, 8, 8, 4, 2, 1, 1),  # Table 6
}

# resolution: channels / width after each block of D, and the size of its output in px as BP labels it
DISCRIMINATORS = {
    32: ((4, 4, 4, 4), (16, 16, 16, 16), 2),  # BP's labels; the true sizes are 16, 8, 8, 8
    64: ((1, 2, 4, 8, 16), (32, 16, 8, 4, 4), 4),
    128: ((1, 2, 4, 8, 16, 16), (64, 32, 16, 8, 4, 4), 5),
    256: ((1, 2, 4, 8, 8, 16, 16), (128, 64, 32, 16, 8, 4, 4), 6),
    512: ((1, 1, 2, 4, 8, 8, 16, 16), (256, 128, 64, 32, 16, 8, 4, 4), 7),  # CG
}

# sizes in px of the maps that attention follows: G, D
ATTENTION = {32: ((), ()), 64: ((), ()), 128: ((64,), (64,)), 256: ((128,), (64,)), 512: ((64,), (64,))}


def layout(table: dict, resolution: int) -> tuple:
    """The row of `table` for `resolution`; ValueError names the resolutions there are."""
    if resolution not in table:
        raise ValueError(f"BigGAN has no network at {resolution} px; choose one of {sorted(table)}")
    return table[resolution]


class UpBlock(nn.Module):
    """G's residual block (N, C, H, W) -> (N, C', 2H, 2W) (BP layers.py:375-409)."""

    def __init__(self, in_channels: int, out_channels: int, **norm) -> None:
        super().__init__()
        self.norm1 = ConditionalNorm(in_channels, **norm)
        self.norm2 = ConditionalNorm(out_channels, **norm)
        self.conv1 = SNConv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = SNConv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = SNConv2d(in_channels, out_channels, 1)

    @again
    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.conv1(F.interpolate(F.relu(self.norm1(x, c)), scale_factor=2.0))
        h = self.conv2(F.relu(self.norm2(h, c)))
        # the official order is upsample, then 1x1 convolution; they commute for nearest neighbours
        return h + F.interpolate(self.shortcut(x), scale_factor=2.0)


class Stage(nn.Module):
    """Blocks under one condition, then attention or nothing: (N, C, H, W), c -> (N, C', H', W')."""

    def __init__(self, blocks: Sequence[nn.Module], channels: int, attention: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.attention = Attention(channels) if attention else nn.Identity()

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, *condition)
        return self.attention(x)


class Generator(nn.Module):
    """G: z (N, latent_dim) ~ N(0, I), label (N,) int64 -> images (N, channels, R, R) in [-1, 1].

    A shared embedding e of the class and one chunk of z steer each stage's batch norms; the first chunk feeds the
    first layer. A float label (N, shared_dim) takes the place of e, for interpolation between classes.

    Args:
        resolution: 32, 64, 128, 256 or 512 px.
        width: ch, the base number of channels.
        latent_dim: length of z; hierarchical, a multiple of the number of stages + 1 (see `latent_length`).
        n_classes: at least 1.
        shared_dim: length of the shared embedding; 0 for tables of gains and biases in every layer instead.
        hierarchical: skip-z: z goes in chunks to all stages, not as a whole to the first layer.
        attention: sizes in px of the maps that attention follows; None takes the paper's.
        bn_eps: of the conditional batch norms; the last one keeps 1e-5 (BP BigGAN.py:178 passes none).
        sn_eps: of the power iteration.
        init: start of the weights.
        channels: colours of the images.

    Raises:
        ValueError: for a resolution there is no network for, or no classes, or a latent_dim that has no chunks.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int = 96,
        latent_dim: int = 120,
        n_classes: int = 1000,
        shared_dim: int = 128,
        hierarchical: bool = True,
        attention: Sequence[int] | None = None,
        bn_eps: float = 1e-4,
        sn_eps: float = 1e-4,
        init: Init = "orthogonal",
        channels: int = 3,
    ) -> None:
        super().__init__()
        plan = [width * m for m in layout(GENERATORS, resolution)]
        attention = ATTENTION[resolution][0] if attention is None else attention
        check_classes(n_classes, shared_dim, hierarchical)
        check_attention(attention, [8 * 2**k for k in range(len(plan) - 1)], "g")
        first, condition = self.split(latent_dim, len(plan) - 1, shared_dim, hierarchical)
        self.hierarchical, self.latent_dim = hierarchical, latent_dim
        self.embedding = nn.Embedding(n_classes, shared_dim) if shared_dim else None
        self.dense = SNLinear(first, 16 * plan[0])
        norm = {"condition_dim": condition, "n_classes": n_classes, "eps": bn_eps}
        self.stages = nn.ModuleList(
            Stage(self.blocks(i, o, norm), o, 8 * 2**k in attention) for k, (i, o) in enumerate(pairwise(plan))
        )
        self.norm = BatchNorm2d(plan[-1], affine=True)
        self.conv = SNConv2d(plan[-1], channels, 3, padding=1)
        settle(self, sn_eps, init)

    def split(self, latent_dim: int, stages: int, shared_dim: int, hierarchical: bool) -> tuple[int, int]:
        """Inputs of the first layer, and length of each stage's condition."""
        if not hierarchical:
            return latent_dim, shared_dim
        if latent_length(latent_dim, stages) != latent_dim or latent_dim == 0:
            raise ValueError(
                f"latent_dim {latent_dim} does not fall into {stages + 1} equal chunks: take a multiple"
            )
        return latent_dim // (stages + 1), latent_dim // (stages + 1) + shared_dim

    def blocks(self, in_channels: int, out_channels: int, norm: dict) -> list[nn.Module]:
        return [UpBlock(in_channels, out_channels, **norm)]

    def conditions(self, z: Tensor, e: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the first layer and each stage is given, [e, z_i] for stage i, in BP's order."""
        if not self.hierarchical:
            return z, [e] * len(self.stages)
        first, *chunks = z.chunk(len(self.stages) + 1, 1)
        return first, [torch.cat([e, chunk], 1) for chunk in chunks]

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        if label is None:
            raise ValueError("BigGAN is class-conditional: give a label to every image")
        e = label if self.embedding is None or label.is_floating_point() else self.embedding(label)
        first, conditions = self.conditions(z, e)
        h = self.dense(first).unflatten(1, (-1, 4, 4))
        for stage, c in zip(self.stages, conditions, strict=True):
            h = stage(h, c)
        return torch.tanh(self.conv(F.relu(self.norm(h))))


def latent_length(latent_dim: int, stages: int) -> int:
    """The largest multiple of the number of chunks, stages + 1, that is not above latent_dim (BP BigGAN.py:107)."""
    return latent_dim // (stages + 1) * (stages + 1)


def check_attention(attention: Sequence[int], sizes: Sequence[int], net: str) -> None:
    """Raises ValueError for a side that no map of G or D has."""
    if absent := [side for side in attention if side not in sizes]:
        there = ", ".join(map(str, sorted(set(sizes))))
        raise ValueError(
            f"attention_{net} {absent[0]}: no map has that side; those of {net.upper()} are {there} px"
        )


def check_classes(n_classes: int, shared_dim: int, hierarchical: bool) -> None:
    """Raises ValueError for what the architecture cannot be."""
    if n_classes < 1:
        raise ValueError("BigGAN is class-conditional: it needs n_classes >= 1 and data with labels")
    if hierarchical and not shared_dim:
        raise ValueError("hierarchical z joins the shared embedding: set shared_dim, or hierarchical to false")


class DownBlock(nn.Module):
    """D's residual block (N, C, H, W) -> (N, C', H/2, W/2), or same size (BP layers.py:412-456).

    The first one has no ReLU on the image and pools before its shortcut's convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, down: bool, first: bool, wide: bool) -> None:
        super().__init__()
        self.down, self.first = down, first
        hidden = out_channels if wide else in_channels
        self.conv1 = SNConv2d(in_channels, hidden, 3, padding=1)
        self.conv2 = SNConv2d(hidden, out_channels, 3, padding=1)
        learned = down or in_channels != out_channels
        self.shortcut = SNConv2d(in_channels, out_channels, 1) if learned else nn.Identity()

    @again
    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.first:
            return F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))
        h = h + self.shortcut(x)
        return F.avg_pool2d(h, 2) if self.down else h  # pooling is linear: once for residual and shortcut


class Discriminator(nn.Module):
    """D: images (N, channels, R, R), label (N,) int64 -> logits (N,), every weight spectrally normalised.

    logit = <w, h> + b + <embed(y), h>, h the ReLU of the last map summed over space (arXiv 1802.05637).

    Args:
        wide: hidden channels of a block are its output's; false takes its input's, as SNGAN does (BP D_thin).
        resolution, width, n_classes, attention, sn_eps, init, channels: as for `Generator`.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int = 96,
        n_classes: int = 1000,
        attention: Sequence[int] | None = None,
        wide: bool = True,
        sn_eps: float = 1e-4,
        init: Init = "orthogonal",
        channels: int = 3,
    ) -> None:
        super().__init__()
        multipliers, sizes, n_down = layout(DISCRIMINATORS, resolution)
        attention = ATTENTION[resolution][1] if attention is None else attention
        check_attention(attention, sizes, "d")
        plan = [channels, *(width * m for m in multipliers)]
        self.stages = nn.Sequential(
            *(
                Stage([DownBlock(i, o, k < n_down, k == 0, wide)], o, sizes[k] in attention)
                for k, (i, o) in enumerate(pairwise(plan))
            )
        )
        self.linear = SNLinear(plan[-1], 1)
        self.embedding = SNEmbedding(n_classes, plan[-1])
        settle(self, sn_eps, init)

    def trunk(self, x: Tensor) -> Tensor:
        return self.stages(x)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = F.relu(self.trunk(x)).sum((2, 3))
        return self.linear(h).squeeze(1) + (self.embedding(label) * h).sum(1)
