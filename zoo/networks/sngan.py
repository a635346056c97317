"""Networks of SNGAN and of the projection discriminator (Miyato et al. 2018, arXiv 1802.05957 and 1802.05637).

ResNets as in the authors' code (pfnet-research/sngan_projection @ e84b1a5, "SP"), the standard CNN of Table 3,
and the slightly different CNN of the authors' chainer-gan-lib ("CGL"). Images are (N, 3, R, R) in [-1, 1],
logits (N,). Weights are named as in PyTorch; `zoo.official.sngan` maps the authors' names to these.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.layers import ConditionalBatchNorm2d, SNConv2d, SNEmbedding, SNLinear

BN = {"eps": 2e-5, "momentum": 0.1}  # Chainer's BatchNormalization: eps 2e-5, decay 0.9

# resolution: (default width, size of the first map, its channels / width, channels / width of each up block)
GENERATORS = {
    32: (256, 4, 1, (1, 1, 1)),  # SP gen_models/resnet_32.py
    48: (64, 6, 8, (4, 2, 1)),  # paper Table 5
    64: (64, 4, 16, (8, 4, 2, 1)),  # SP gen_models/resnet_64.py
    128: (64, 4, 16, (16, 8, 4, 2, 1)),  # SP gen_models/resnet.py
    256: (32, 4, 16, (16, 8, 8, 4, 2, 1)),  # SP gen_models/resnet_256.py, width of its configuration
}
SMALL_GENERATORS = {128: (64, 4, 8, (8, 4, 4, 2, 1))}  # SP gen_models/resnet_small.py

# resolution: (default width, channels / width of each block, how many of them halve the size)
DISCRIMINATORS = {
    32: (128, (1, 1, 1, 1), 2),  # SP dis_models/snresnet_32.py
    48: (64, (1, 2, 4, 8, 16), 4),  # paper Table 5
    64: (64, (1, 2, 4, 8, 16), 5),  # SP dis_models/snresnet_64.py
    128: (64, (1, 2, 4, 8, 16, 16), 5),  # SP dis_models/snresnet.py
    256: (32, (1, 2, 4, 8, 8, 16, 16), 6),  # SP dis_models/snresnet_256.py, width of its configuration
}
# SP dis_models/snresnet_small.py, read under its name at df2f072: snresnet_dog_and_cat_128.py
SMALL_DISCRIMINATORS = {128: (64, (1, 2, 4, 4, 8, 8), 5)}


def layout(table: dict, resolution: int) -> tuple:
    """The row of `table` for `resolution`; ValueError names the resolutions there are."""
    if resolution not in table:
        raise ValueError(f"SNGAN has no network at {resolution} px; choose one of {sorted(table)}")
    return table[resolution]


def glorot(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    """Glorot-uniform weight with the given gain and zero bias, Chainer's initialisation in SP."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)
    return layer


def start_variance_at_zero(module: nn.Module) -> None:
    """Chainer starts the running variance at 0, PyTorch at 1."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        nn.init.zeros_(module.running_var)


class UpBlock(nn.Module):
    """G's residual block, (N, C, H, W) -> (N, C', 2H, 2W) (SP gen_models/resblocks.py; paper Figure 8a)."""

    def __init__(self, in_channels: int, out_channels: int, n_classes: int = 0) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(in_channels, n_classes, **BN)
        self.conv1 = glorot(nn.Conv2d(in_channels, out_channels, 3, padding=1), math.sqrt(2))
        self.norm2 = ConditionalBatchNorm2d(out_channels, n_classes, **BN)
        self.conv2 = glorot(nn.Conv2d(out_channels, out_channels, 3, padding=1), math.sqrt(2))
        self.shortcut = glorot(nn.Conv2d(in_channels, out_channels, 1))

    @again
    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.interpolate(F.relu(self.norm1(x, label)), scale_factor=2.0)
        h = self.conv2(F.relu(self.norm2(self.conv1(h), label)))
        # the official order is upsample, then 1x1 convolution; they commute for nearest neighbours
        return h + F.interpolate(self.shortcut(x), scale_factor=2.0)


class ResNetGenerator(nn.Module):
    """G: z (N, latent_dim) ~ N(0, I), label (N,) or None -> images (N, 3, R, R) in [-1, 1].

    Args:
        resolution: 32, 48, 64, 128 or 256 px.
        width: base number of channels; None takes the paper's (256 at 32 px, 32 at 256 px, else 64).
        latent_dim: length of z (paper: 128).
        n_classes: 0 for the unconditional G; else batch norms are class-conditional, all but the last.
        channels: colours of the images.
        small: the narrower one of the authors' dogs and cats at 128 px, which exists there alone.

    Raises:
        ValueError: for a resolution the papers have no network for.
    """

    def __init__(
        self,
        resolution: int = 32,
        width: int | None = None,
        latent_dim: int = 128,
        n_classes: int = 0,
        channels: int = 3,
        small: bool = False,
    ) -> None:
        super().__init__()
        table = SMALL_GENERATORS if small else GENERATORS
        default, self.base, first, multipliers = layout(table, resolution)
        width = width or default
        plan = [width * m for m in (first, *multipliers)]
        self.dense = glorot(nn.Linear(latent_dim, plan[0] * self.base**2))
        self.blocks = nn.ModuleList(UpBlock(i, o, n_classes) for i, o in pairwise(plan))
        self.norm = ConditionalBatchNorm2d(plan[-1], **BN)
        self.conv = glorot(nn.Conv2d(plan[-1], channels, 3, padding=1))
        self.apply(start_variance_at_zero)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, self.base, self.base))
        for block in self.blocks:
            h = block(h, label)
        return torch.tanh(self.conv(F.relu(self.norm(h))))


class DownBlock(nn.Module):
    """D's residual block, (N, C, H, W) -> (N, C', H/2, W/2), or same size (SP dis_models/resblocks.py).

    The hidden width equals the input's. ReLU must not work in place: the shortcut takes the un-rectified x.
    """

    def __init__(self, in_channels: int, out_channels: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = glorot(SNConv2d(in_channels, in_channels, 3, padding=1), math.sqrt(2))
        self.conv2 = glorot(SNConv2d(in_channels, out_channels, 3, padding=1), math.sqrt(2))
        learned = down or in_channels != out_channels
        self.shortcut = glorot(SNConv2d(in_channels, out_channels, 1)) if learned else nn.Identity()

    @again
    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(F.relu(x)))) + self.shortcut(x)
        return F.avg_pool2d(h, 2) if self.down else h  # pooling is linear: once for residual and shortcut


class FirstBlock(nn.Module):
    """D's first block: no ReLU on the image, shortcut pooled before its convolution (SP resblocks.py:51-75)."""

    def __init__(self, out_channels: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = glorot(SNConv2d(in_channels, out_channels, 3, padding=1), math.sqrt(2))
        self.conv2 = glorot(SNConv2d(out_channels, out_channels, 3, padding=1), math.sqrt(2))
        self.shortcut = glorot(SNConv2d(in_channels, out_channels, 1))

    @again
    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x)))
        return F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))


class ResNetDiscriminator(nn.Module):
    """D: images (N, 3, R, R), label (N,) or None -> logits (N,), every weight spectrally normalised.

    Conditional: the projection of arXiv 1802.05637, logit = <w, h> + b + <embed(y), h> with h summed over space.

    Args:
        resolution: 32, 48, 64, 128 or 256 px.
        width: base number of channels; None takes the paper's (128 at 32 px, 32 at 256 px, else 64).
        n_classes: 0 for the unconditional D.
        channels: colours of the images.
        small: as for G.

    Raises:
        ValueError: for a resolution the papers have no network for.
    """

    def __init__(
        self,
        resolution: int = 32,
        width: int | None = None,
        n_classes: int = 0,
        channels: int = 3,
        small: bool = False,
    ) -> None:
        super().__init__()
        default, multipliers, n_down = layout(SMALL_DISCRIMINATORS if small else DISCRIMINATORS, resolution)
        plan = [(width or default) * m for m in multipliers]
        self.blocks = nn.ModuleList([FirstBlock(plan[0], channels)])
        for i in range(1, len(plan)):
            self.blocks.append(DownBlock(plan[i - 1], plan[i], down=i < n_down))
        # snresnet_32.py:17 has no bias here, every other size has one
        self.linear = glorot(SNLinear(plan[-1], 1, bias=resolution != 32))
        self.embedding = glorot(SNEmbedding(n_classes, plan[-1])) if n_classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x)
        h = F.relu(x).sum((2, 3))
        logit = self.linear(h).squeeze(1)
        return logit if self.embedding is None else logit + (self.embedding(label) * h).sum(1)


class ConcatDiscriminator(nn.Module):
    """D of the conditional ImageNet model of arXiv 1802.05957 (Table 6c): the class embedding is concatenated.

    As `ResNetDiscriminator` at 128 px, but a spectrally normalised embedding of `embedding_dim` numbers joins
    the 16x16 maps after the third block as constant channels (SP dis_models/snresnet.py, Concat).

    Args:
        resolution: 128, the only size there is.
        width: base number of channels (paper: 64).
        n_classes: at least 1.
        embedding_dim: length of the class embedding (paper: 128).
        channels: colours of the images.

    Raises:
        ValueError: for another resolution, or without classes.
    """

    def __init__(
        self,
        resolution: int = 128,
        width: int | None = None,
        n_classes: int = 1000,
        embedding_dim: int = 128,
        channels: int = 3,
    ) -> None:
        super().__init__()
        if resolution != 128 or not n_classes:
            raise ValueError(
                "the concat discriminator exists at 128 px and needs n_classes >= 1: else use architecture resnet"
            )
        default, multipliers, n_down = DISCRIMINATORS[128]
        plan = [(width or default) * m for m in multipliers]
        self.embedding = glorot(SNEmbedding(n_classes, embedding_dim))
        self.blocks = nn.ModuleList([FirstBlock(plan[0], channels)])
        for i in range(1, len(plan)):
            extra = embedding_dim if i == 3 else 0
            self.blocks.append(DownBlock(plan[i - 1] + extra, plan[i], down=i < n_down))
        self.linear = glorot(SNLinear(plan[-1], 1))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        for i, block in enumerate(self.blocks):
            if i == 3:
                embedded = self.embedding(label)[:, :, None, None].expand(-1, -1, *x.shape[2:])
                x = torch.cat([x, embedded.to(x.dtype)], 1)
            x = block(x)
        return self.linear(F.relu(x).sum((2, 3))).squeeze(1)
