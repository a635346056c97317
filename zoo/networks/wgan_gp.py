"""Networks of igul222/improved_wgan_training @ fa66c57 ("I") and of its forks that CT-GAN and others train.

The CIFAR-10 ResNet and the 64 px ResNet ("Good"); the small CNNs are in `zoo.networks.wgan_gp_cnn`. z is
(N, latent_dim) ~ N(0, I); images are (N, 3, R, R) in [-1, 1]; scores are (N,). A critic is
`score(features(x))`: the features are its second-to-last layer, D_ of CT-GAN. `zoo.official.ctgan` maps the
authors' names to these.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import Dropout
from zoo.networks.layers import ConditionalBatchNorm2d

HE = math.sqrt(2)  # the gain of I's "he_init", the default of its convolutions
NO_DROPOUT = (0.0, 0.0, 0.0)


def start(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    """Uniform weight of standard deviation gain * sqrt(2 / (fan_in + fan_out)), zero bias (I: tflib/ops).

    The fans count the kernel, and the stride divides that of the larger map: out for a convolution, in for a
    transposed one.
    """
    fan_in = fan_out = 1.0
    if isinstance(layer, nn.Linear):
        fan_in, fan_out = layer.in_features, layer.out_features
    else:
        area, thinned = math.prod(layer.kernel_size), math.prod(layer.stride)
        fan_in, fan_out = layer.in_channels * area, layer.out_channels * area
        if isinstance(layer, nn.ConvTranspose2d):
            fan_in /= thinned
        else:
            fan_out /= thinned
    return uniform(layer, gain * math.sqrt(2 / (fan_in + fan_out)))


def uniform(layer: nn.Module, std: float) -> nn.Module:
    """Uniform weight of the given standard deviation, zero bias."""
    nn.init.uniform_(layer.weight, -math.sqrt(3) * std, math.sqrt(3) * std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def layer_norm(channels: int) -> nn.GroupNorm:
    """I's layer norm: one mean and variance per sample over (C, H, W), one gain and bias per channel."""
    return nn.GroupNorm(1, channels)


class UpBlock(nn.Module):
    """G's residual block, (N, C, H, W) -> (N, C', 2H, 2W); nearest before the first conv."""

    def __init__(self, in_channels: int, out_channels: int, n_classes: int = 0, bias: bool = True) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm2d(in_channels, n_classes)
        self.conv1 = start(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias), HE)
        self.norm2 = ConditionalBatchNorm2d(out_channels, n_classes)
        self.conv2 = start(nn.Conv2d(out_channels, out_channels, 3, padding=1), HE)
        self.shortcut = start(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.conv1(F.interpolate(F.relu(self.norm1(x, label)), scale_factor=2.0))
        h = self.conv2(F.relu(self.norm2(h, label)))
        # a 1x1 convolution and nearest neighbours commute
        return h + F.interpolate(self.shortcut(x), scale_factor=2.0)


class DownBlock(nn.Module):
    """The critic's residual block, (N, C, H, W) -> (N, C', H/2, W/2), or same size and channels.

    The hidden width is the input's. Pooling is linear and commutes with the 1x1 shortcut, so once is enough.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        down: bool = True,
        norm: Callable[[int], nn.Module] = nn.Identity,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.down = down
        self.norm1, self.norm2 = norm(in_channels), norm(in_channels)
        self.conv1 = start(nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=bias), HE)
        self.conv2 = start(nn.Conv2d(in_channels, out_channels, 3, padding=1), HE)
        self.shortcut = start(nn.Conv2d(in_channels, out_channels, 1)) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        h = h + self.shortcut(x)
        return F.avg_pool2d(h, 2) if self.down else h


class FirstBlock(nn.Module):
    """The CIFAR critic's first block: no ReLU on the image, pooled at its end (CT_gan_cifar_resnet.py:109-186)."""

    def __init__(self, out_channels: int, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = start(nn.Conv2d(channels, out_channels, 3, padding=1), HE)
        self.conv2 = start(nn.Conv2d(out_channels, out_channels, 3, padding=1), HE)
        self.shortcut = start(nn.Conv2d(channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x), 2)


class Critic(nn.Module):
    """D(x) = score(features(x)): images -> features (N, K) -> scores (N,); subclasses define both parts."""

    linear: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def score(self, features: Tensor) -> Tensor:
        return self.linear(features).squeeze(1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.score(self.features(x))


class CIFARGenerator(nn.Module):
    """G of the CIFAR-10 ResNet (CT_gan_cifar_resnet.py:109-186): z, label (N,) or None -> (N, 3, 32, 32).

    Args:
        width: channels of every map (paper: 128).
        latent_dim: length of z (paper: 128).
        n_classes: 0 for the unconditional G; else batch norms are class-conditional, all but the last.
        channels: colours of an image.
    """

    def __init__(self, width: int = 128, latent_dim: int = 128, n_classes: int = 0, channels: int = 3) -> None:
        super().__init__()
        self.dense = start(nn.Linear(latent_dim, width * 4 * 4))
        self.blocks = nn.ModuleList(UpBlock(width, width, n_classes) for _ in range(3))
        self.norm = ConditionalBatchNorm2d(width)
        self.conv = start(nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            h = block(h, label)
        return torch.tanh(self.conv(F.relu(self.norm(h))))


class CIFARCritic(Critic):
    """Critic of the CIFAR-10 ResNet (CT_gan_cifar_resnet.py:109-186), without any normalisation.

    Args:
        width: channels of every map (paper: 128); also the number of features.
        n_classes: 0, or the classes of an auxiliary classifier on the features (ACGAN).
        dropout: drop probabilities behind the second, third and fourth block (CT-GAN: 0.2, 0.5, 0.5). They act per
            element on the residual stream before its ReLU.
        channels: colours of an image.
    """

    def __init__(
        self, width: int = 128, n_classes: int = 0, dropout: Sequence[float] = NO_DROPOUT, channels: int = 3
    ) -> None:
        super().__init__()
        self.first = FirstBlock(width, channels)
        self.blocks = nn.ModuleList(DownBlock(width, width, down=i == 0) for i in range(3))
        self.dropouts = nn.ModuleList(Dropout(p) for p in dropout)
        self.linear = start(nn.Linear(width, 1))
        self.classifier = start(nn.Linear(width, n_classes)) if n_classes else None

    def features(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block, dropout in zip(self.blocks, self.dropouts, strict=True):
            x = dropout(block(x))
        return F.relu(x).mean((2, 3))


class GoodGenerator(nn.Module):
    """G of the 64 px ResNet (I: gan_64x64.py GoodGenerator): z -> (N, 3, R, R).

    Args:
        resolution: divisible by 16 (paper: 64).
        width: channels of the last map (paper: 64; the first map has 8 times as many).
        latent_dim: length of z (paper: 128).
        channels: colours of an image.
    """

    def __init__(self, resolution: int = 64, width: int = 64, latent_dim: int = 128, channels: int = 3) -> None:
        super().__init__()
        widths, self.base = [width * m for m in (8, 8, 4, 2, 1)], resolution // 16
        self.dense = start(nn.Linear(latent_dim, widths[0] * self.base**2))
        self.blocks = nn.ModuleList(UpBlock(i, o, bias=False) for i, o in pairwise(widths))
        self.norm = ConditionalBatchNorm2d(width)
        self.conv = start(nn.Conv2d(width, channels, 3, padding=1), HE)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.dense(z).unflatten(1, (-1, self.base, self.base))
        for block in self.blocks:
            h = block(h)
        return torch.tanh(self.conv(F.relu(self.norm(h))))


class GoodCritic(Critic):
    """D of the 64 px ResNet (I: gan_64x64.py GoodDiscriminator): (N, 3, R, R) -> (N,).

    Args:
        resolution: divisible by 16 (paper: 64).
        width: channels behind the first convolution (paper: 64).
        norm: `layer_norm` (WGAN-GP, CT-GAN) or `BatchNorm2d` (GANs without a penalty per sample).
        dropout: drop probabilities behind the second, third and fourth block (CT-GAN: 0.2, 0.5, 0.5).
        pack: so many consecutive images share one score, (N,) -> (N / pack,): TTUR's critic at 32 px.
        channels: colours of an image.
    """

    def __init__(
        self,
        resolution: int = 64,
        width: int = 64,
        norm: Callable[[int], nn.Module] = layer_norm,
        dropout: Sequence[float] = NO_DROPOUT,
        pack: int = 1,
        channels: int = 3,
    ) -> None:
        super().__init__()
        widths, self.pack = [width * m for m in (1, 2, 4, 8, 8)], pack
        self.conv = start(nn.Conv2d(channels, width, 3, padding=1))
        self.blocks = nn.ModuleList(DownBlock(i, o, norm=norm, bias=False) for i, o in pairwise(widths))
        self.dropouts = nn.ModuleList(Dropout(p) for p in dropout)
        self.linear = start(nn.Linear(pack * widths[-1] * (resolution // 16) ** 2, 1))

    def features(self, x: Tensor) -> Tensor:
        x = self.blocks[0](self.conv(x))
        for block, dropout in zip(self.blocks[1:], self.dropouts, strict=True):
            x = dropout(block(x))
        return x.flatten(1)

    def score(self, features: Tensor) -> Tensor:
        return super().score(features.unflatten(0, (-1, self.pack)).flatten(1))
