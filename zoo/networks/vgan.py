"""Discriminator of VGAN (Peng et al. 2019, arXiv 1810.00821): R1 training's ResNet with a noisy code at its end.

As in the authors' code (akanazawa/vgan @ 7f4d73c, gan_training/models/resnet.py). G is
`zoo.networks.r1gan.Generator`.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn

from zoo.networks.r1gan import Head, Trunk, pick
from zoo.objectives.bottleneck import drawn_code
from zoo.objectives.losses import gaussian_kl
from zoo.options.checked import refuse
from zoo.ranks import share

#: a 1x1 convolution
CONVOLUTION = partial(nn.Conv2d, kernel_size=1)


class GaussianBottleneck(nn.Module):
    """E(z | x) = N(mu(x), sigma(x)^2) at each position: features (N, C, S, S) -> code (N, K, S, S) and its KL.

    Two 1x1 convolutions give the mean and the logarithm of the standard deviation; with `head` nn.Linear the
    features are vectors (N, C), the code (N, K) and the KL (N,).
    """

    def __init__(
        self,
        channels: int,
        code_channels: int,
        head: Callable[[int, int], nn.Module] = CONVOLUTION,
    ) -> None:
        super().__init__()
        self.mean, self.logstd = head(channels, code_channels), head(channels, code_channels)

    def forward(self, features: Tensor, sample: bool = True) -> tuple[Tensor, Tensor]:
        """The code, drawn anew at every call, or its mean; and KL(E(z | x) || N(0, I)) in nats, (N, S, S)."""
        mean, logstd = self.mean(features), self.logstd(features)
        code = drawn_code(mean, logstd, self.noise(mean)) if sample else mean
        return code, gaussian_kl(mean, logstd)

    def noise(self, mean: Tensor) -> Tensor:
        return share.randn(mean)


class NoisyBottleneck(nn.Module):
    """The authors' "instance noise" baseline: N(0, 1) on a linear code of the features, not on the image; KL 0."""

    def __init__(self, channels: int, code_channels: int) -> None:
        super().__init__()
        self.mean = nn.Conv2d(channels, code_channels, 1)

    def forward(self, features: Tensor, sample: bool = True) -> tuple[Tensor, Tensor]:
        mean = self.mean(features)
        return mean + self.noise(mean) if sample else mean, mean.new_zeros(())

    def noise(self, mean: Tensor) -> Tensor:
        return share.randn(mean)


class NoBottleneck(nn.Module):
    """The features as they are: the plain GAN, R1 and WGAN-GP baselines."""

    def forward(self, features: Tensor, sample: bool = True) -> tuple[Tensor, Tensor]:
        return features, features.new_zeros(())


class Discriminator(nn.Module):
    """D: images (N, 3, R, R), label (N,) or None -> logits (N,) of a freshly drawn code.

    Args:
        resolution: a power of two from 8 on.
        width: base number of channels.
        max_width: most channels of a layer.
        n_classes: 0 for the unconditional D; else one output a class, of which the label's is taken.
        bottleneck: "gaussian", "noise" (of fixed strength) or "none".
        code_channels: K, channels of the code at each of the 4x4 positions.
        trunk: what finds the features (N, C, S, S) instead, with attributes `out_channels` and `out_size`.
        channels: colours of the images.
    """

    entries = ("trunk",)

    def __init__(
        self,
        resolution: int = 32,
        width: int = 32,
        max_width: int = 256,
        n_classes: int = 0,
        bottleneck: Literal["gaussian", "noise", "none"] = "gaussian",
        code_channels: int = 256,
        trunk: nn.Module | None = None,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.trunk = trunk or Trunk(resolution, width, max_width, channels=channels)
        features, size = self.trunk.out_channels, self.trunk.out_size
        refuse("bottleneck", bottleneck, Literal["gaussian", "noise", "none"])
        if bottleneck == "none":
            self.bottleneck, code_channels = NoBottleneck(), features
        else:
            kind = {"gaussian": GaussianBottleneck, "noise": NoisyBottleneck}[bottleneck]
            self.bottleneck = kind(features, code_channels)
        self.head = Head(code_channels, size, n_classes)

    def forward(self, x: Tensor, label: Tensor | None = None, sample: bool = True) -> Tensor:
        return self.logits_and_kl(x, label, sample)[0]

    def logits_and_kl(self, x: Tensor, label: Tensor | None = None, sample: bool = True) -> tuple[Tensor, Tensor]:
        """Logits (N,), and the KL of each position (N, 4, 4) in nats; 0 without a Gaussian bottleneck.

        With `sample` False the mean of the code is judged instead of a draw.
        """
        code, kl = self.bottleneck(self.trunk(x), sample)
        return pick(self.head(code), label), kl
