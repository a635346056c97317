"""BigGAN-deep (Brock et al. 2019, arXiv 1809.11096, appendix B, Tables 7-9): bottleneck blocks, whole z everywhere.

As in ajbrock/BigGAN-PyTorch @ 9845943 ("BP", BigGANdeep.py, never trained by its authors); `zoo.official.biggan`
also maps the released generators (huggingface/pytorch-pretrained-BigGAN @ 1e18aed).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.biggan import Generator, Init, Stage, check_attention, layout
from zoo.networks.biggan_layers import ConditionalNorm, SNConv2d, SNEmbedding, SNLinear, settle

# resolution: channels / width before and after each stage of D, the size of its output in px as BP labels it, and
# how many of the stages halve
DISCRIMINATORS = {
    32: ((4, 4, 4, 4), (16, 16, 16), 2),  # as BP's plain D at this size; unverified, its deep table was not read
    64: ((1, 2, 4, 8, 16), (32, 16, 8, 4), 4),  # BP
    128: ((1, 2, 4, 8, 16, 16), (64, 32, 16, 8, 4), 5),  # Table 7
    256: ((1, 2, 4, 8, 8, 16, 16), (128, 64, 32, 16, 8, 4), 6),  # Table 8
    512: ((1, 1, 2, 4, 8, 8, 16, 16), (256, 128, 64, 32, 16, 8, 4), 7),  # Table 9
}


class DeepUpBlock(nn.Module):
    """G's bottleneck (N, C, H, W) -> (N, C', H, W) or (N, C', 2H, 2W); the hidden width is C/4.

    The skip keeps the first C' channels and has no convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, up: bool, **norm) -> None:
        super().__init__()
        self.out_channels, self.up, hidden = out_channels, up, in_channels // 4
        self.norm1 = ConditionalNorm(in_channels, **norm)
        self.norm2, self.norm3, self.norm4 = (ConditionalNorm(hidden, **norm) for _ in range(3))
        self.conv1 = SNConv2d(in_channels, hidden, 1)
        self.conv2 = SNConv2d(hidden, hidden, 3, padding=1)
        self.conv3 = SNConv2d(hidden, hidden, 3, padding=1)
        self.conv4 = SNConv2d(hidden, out_channels, 1)

    @again
    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.conv1(F.relu(self.norm1(x, c)))
        h, x = F.relu(self.norm2(h, c)), x[:, : self.out_channels]
        if self.up:
            h, x = F.interpolate(h, scale_factor=2.0), F.interpolate(x, scale_factor=2.0)
        h = self.conv3(F.relu(self.norm3(self.conv2(h), c)))
        return x + self.conv4(F.relu(self.norm4(h, c)))


class DeepGenerator(Generator):
    """G of BigGAN-deep: as `Generator`, but c = [e, z] goes whole to the first layer and to every batch norm.

    Args:
        depth: blocks in a stage, of which the last one doubles the size.
        latent_dim: length of z, 128 in the paper.
        attention: sizes in px of the maps that attention follows; None takes 64 (from 128 px on).
        others: as for `Generator`.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int = 128,
        latent_dim: int = 128,
        *args,
        attention: Sequence[int] | None = None,
        depth: int = 2,
        **options,
    ) -> None:
        self.depth = depth
        if attention is None:
            attention = (64,) if resolution >= 128 else ()
        super().__init__(resolution, width, latent_dim, *args, attention=attention, **options)

    def split(self, latent_dim: int, stages: int, shared_dim: int, hierarchical: bool) -> tuple[int, int]:
        return (latent_dim + shared_dim,) * 2 if hierarchical else (latent_dim, shared_dim)

    def blocks(self, in_channels: int, out_channels: int, norm: dict) -> list[nn.Module]:
        plain = [DeepUpBlock(in_channels, in_channels, False, **norm) for _ in range(self.depth - 1)]
        return [*plain, DeepUpBlock(in_channels, out_channels, True, **norm)]

    def conditions(self, z: Tensor, e: Tensor) -> tuple[Tensor, list[Tensor]]:
        if not self.hierarchical:
            return z, [e] * len(self.stages)
        c = torch.cat([e, z], 1)
        return c, [c] * len(self.stages)


class DeepDownBlock(nn.Module):
    """D's bottleneck (N, C, H, W) -> (N, C', H, W) or (N, C', H/2, W/2); the hidden width is C'/4.

    New channels of the skip come from a 1x1 convolution of the pooled input, the others are the input's.
    """

    def __init__(self, in_channels: int, out_channels: int, down: bool) -> None:
        super().__init__()
        self.down, hidden = down, out_channels // 4
        self.conv1 = SNConv2d(in_channels, hidden, 1)
        self.conv2 = SNConv2d(hidden, hidden, 3, padding=1)
        self.conv3 = SNConv2d(hidden, hidden, 3, padding=1)
        self.conv4 = SNConv2d(hidden, out_channels, 1)
        more = out_channels - in_channels
        self.shortcut = SNConv2d(in_channels, more, 1) if more else None

    @again
    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(F.relu(x)))))))
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        if self.shortcut is not None:
            x = torch.cat([x, self.shortcut(x)], 1)
        return x + self.conv4(h)


class DeepDiscriminator(nn.Module):
    """D of BigGAN-deep: a convolution to `width` maps, then stages of `depth` blocks, the first of which halves.

    The last map is summed over space as in BP's and CG's code; CG's docstring says the mean.
    Arguments as for `zoo.networks.biggan.Discriminator`.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int = 128,
        n_classes: int = 1000,
        attention: Sequence[int] | None = None,
        depth: int = 2,
        sn_eps: float = 1e-4,
        init: Init = "orthogonal",
        channels: int = 3,
    ) -> None:
        super().__init__()
        multipliers, sizes, n_down = layout(DISCRIMINATORS, resolution)
        plan = [width * m for m in multipliers]
        if attention is None:
            attention = (64,) if resolution >= 128 else ()
        check_attention(attention, sizes, "d")
        self.conv = SNConv2d(channels, plan[0], 3, padding=1)
        self.stages = nn.Sequential(
            *(
                Stage(
                    [DeepDownBlock(i, o, k < n_down), *(DeepDownBlock(o, o, False) for _ in range(depth - 1))],
                    o,
                    sizes[k] in attention,
                )
                for k, (i, o) in enumerate(pairwise(plan))
            )
        )
        self.linear = SNLinear(plan[-1], 1)
        self.embedding = SNEmbedding(n_classes, plan[-1])
        settle(self, sn_eps, init)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = F.relu(self.stages(self.conv(x))).sum((2, 3))
        return self.linear(h).squeeze(1) + (self.embedding(label) * h).sum(1)
