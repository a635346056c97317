"""CT-GAN's networks for LSUN bedrooms at 128 px (biuyq/CT-GAN @ 5ebc7e1, wgan_LSUN_Bedrooms128.py:87-205).

The script was read, not run: no golden vectors. Biases of the blocks' convolutions and the start of weights, but
for the gain of 0.5, are unverified: as in the 64 px script's networks, `zoo.networks.wgan_gp`.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import Dropout
from zoo.networks.layers import ConditionalBatchNorm2d, SameConv2d
from zoo.networks.wgan_gp import HE, NO_DROPOUT, Critic, DownBlock, UpBlock, layer_norm, start

GAIN = 0.5  # on the start of convolutions behind an upsampling


class StridedBlock(nn.Module):
    """The critic's residual block, (N, C, H, W) -> (N, C', H/2, W/2): its second convolution has stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer_norm(in_channels), layer_norm(in_channels)
        self.conv1 = start(nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False), HE)
        self.conv2 = start(SameConv2d(in_channels, out_channels, 3, 2), HE)
        self.shortcut = start(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return h + self.shortcut(F.avg_pool2d(x, 2))


class Generator128(nn.Module):
    """G: z (N, latent_dim) -> images (N, 3, 128, 128) in [-1, 1]; four up blocks, then one more doubling.

    Args:
        width: channels of the last map (paper: 64; the first has 8 times as many).
        latent_dim: length of z (paper: 128).
    """

    def __init__(self, width: int = 64, latent_dim: int = 128) -> None:
        super().__init__()
        channels = [width * m for m in (8, 8, 4, 2, 1)]
        self.dense = start(nn.Linear(latent_dim, channels[0] * 4 * 4))
        self.blocks = nn.ModuleList(UpBlock(i, o, bias=False) for i, o in pairwise(channels))
        for block in self.blocks:
            start(block.conv1, GAIN * HE)
        self.norm = ConditionalBatchNorm2d(width)
        self.conv = start(nn.Conv2d(width, 3, 5, padding=2), GAIN * HE)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            h = block(h)
        return torch.tanh(self.conv(F.interpolate(F.relu(self.norm(h)), scale_factor=2.0)))


class Critic128(Critic):
    """Critic (N, 3, 128, 128) -> (N,): three blocks halve the map, two keep it; the features are means over it.

    Args:
        width: channels behind the first convolution (paper: 128; the last map has 8 times as many).
        dropout: drop probabilities behind the third, fourth and fifth block (CT-GAN: 0.2, 0.5, 0.5).
    """

    def __init__(self, width: int = 128, dropout: Sequence[float] = NO_DROPOUT) -> None:
        super().__init__()
        channels = [width * m for m in (1, 2, 4, 8)]
        self.conv = start(SameConv2d(3, width, 5, 2), HE)
        self.blocks = nn.ModuleList(StridedBlock(i, o) for i, o in pairwise(channels))
        same = {"down": False, "norm": layer_norm, "bias": False}
        self.blocks.extend(DownBlock(channels[-1], channels[-1], **same) for _ in range(2))
        self.dropouts = nn.ModuleList(Dropout(p) for p in dropout)
        self.linear = start(nn.Linear(channels[-1], 1))

    def features(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i >= 2:
                x = self.dropouts[i - 2](x)
        return x.mean((2, 3))
