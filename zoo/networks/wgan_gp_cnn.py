"""The 5x5 CNNs of igul222/improved_wgan_training @ fa66c57 for CIFAR-10 and MNIST (gan_cifar.py, gan_mnist.py).

z is (N, latent_dim) ~ N(0, I); images are (N, C, 32, 32) in [-1, 1], MNIST's (N, 1, 28, 28) in [0, 1]; scores (N,).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d, Dropout
from zoo.networks.layers import SameConv2d, SameConvTranspose2d
from zoo.networks.wgan_gp import HE, NO_DROPOUT, Critic, start


class CNNGenerator(nn.Module):
    """G of the small CNNs: dense, then three 5x5 stride-2 transposed convolutions.

    Args:
        resolution: 32 (CT_gan_cifar.py: batch norm, tanh) or 28 (CT_gan_mnist.py: no norm unless `norm`, the second
            map cropped from 8x8 to 7x7, sigmoid, one channel).
        width: channels of the last hidden map (paper: 128 at 32 px, 64 at 28 px).
        latent_dim: length of z (paper: 128).
        channels: colours of an image; at 28 px always one.
        norm: batch norm at 28 px too, as gan_mnist.py's mode "wgan" has it in both networks.

    Raises:
        ValueError: for another resolution.
    """

    def __init__(
        self, resolution: int = 32, width: int = 128, latent_dim: int = 128, channels: int = 3, norm: bool = False
    ) -> None:
        super().__init__()
        if resolution not in (28, 32):
            raise ValueError(f"the CNN exists at 28 px (MNIST) and 32 px (CIFAR-10), not at {resolution}")
        self.mnist = resolution == 28
        w, shape = width, {"kernel_size": 5, "stride": 2}
        self.dense = start(nn.Linear(latent_dim, 4 * w * 4 * 4))
        norms = [nn.Identity() for _ in range(3)]
        if norm or not self.mnist:
            norms = [BatchNorm1d(4 * w * 4 * 4), BatchNorm2d(2 * w), BatchNorm2d(w)]
        self.norms = nn.ModuleList(norms)
        widths = [(4 * w, 2 * w), (2 * w, w), (w, 1 if self.mnist else channels)]
        self.deconvs = nn.ModuleList(start(SameConvTranspose2d(i, o, **shape), HE) for i, o in widths)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.relu(self.norms[0](self.dense(z))).unflatten(1, (-1, 4, 4))
        h = F.relu(self.norms[1](self.deconvs[0](h)))
        if self.mnist:
            h = h[:, :, :7, :7]
        h = F.relu(self.norms[2](self.deconvs[1](h)))
        h = self.deconvs[2](h)
        return torch.sigmoid(h) if self.mnist else torch.tanh(h)


class CNNCritic(Critic):
    """Critic of the small CNNs (CT_gan_cifar.py:58-100, CT_gan_mnist.py:62-108): three 5x5 stride-2 convolutions.

    Args:
        resolution: 32, or 28 for one-channel images.
        width: channels of the first map (paper: 128 at 32 px, 64 at 28 px).
        dropout: drop probabilities behind each leaky ReLU (CT-GAN: 0.5 each); the features lie behind the last one.
        norm: makes a normalisation layer behind the second and third convolution: `BatchNorm2d` in I's modes
            "wgan" and "dcgan".
        channels: colours of an image; at 28 px always one.
    """

    def __init__(
        self,
        resolution: int = 32,
        width: int = 128,
        dropout: Sequence[float] = NO_DROPOUT,
        norm: Callable[[int], nn.Module] = nn.Identity,
        channels: int = 3,
    ) -> None:
        super().__init__()
        widths = [1 if resolution == 28 else channels, width, 2 * width, 4 * width]
        self.convs = nn.ModuleList(start(SameConv2d(i, o, 5, 2), HE) for i, o in pairwise(widths))
        self.norms = nn.ModuleList([nn.Identity(), norm(2 * width), norm(4 * width)])
        self.dropouts = nn.ModuleList(Dropout(p) for p in dropout)
        self.linear = start(nn.Linear(4 * width * 4 * 4, 1))

    def features(self, x: Tensor) -> Tensor:
        for conv, norm, dropout in zip(self.convs, self.norms, self.dropouts, strict=True):
            x = dropout(F.leaky_relu(norm(conv(x)), 0.2))
        return x.flatten(1)
