"""Networks of f-GAN's teaching notebooks for images, nowozin/mlss2018-madrid-gan @ 186e679 ("N").

z is (N, latent_dim) ~ U(0, 1), images are (N, C, R, R), not bounded by G's last layer, V (N,) before the
divergence's activation. The 1-D pair is `zoo.networks.conopt.MLP` with one hidden layer.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d
from zoo.networks.dcgan import halvings


class Generator(nn.Module):
    """G: dense, batch norm of each single unit, then 4x4 transposed convolutions and a 3x3 convolution, no bound.

    Args:
        resolution: a power of two from 8 on (N: 32 and 64).
        width: channels of the last map (N: 64; they double towards 4 px).
        latent_dim: length of z (N: 100).
        channels: colours of an image.

    Raises:
        ValueError: for another resolution.
    """

    def __init__(self, resolution: int = 32, width: int = 64, latent_dim: int = 100, channels: int = 3) -> None:
        super().__init__()
        widths = [width * 2**i for i in reversed(range(halvings(resolution) + 1))]
        self.dense = nn.Linear(latent_dim, 16 * widths[0])
        nn.init.xavier_uniform_(self.dense.weight, gain=0.1)
        self.norms = nn.ModuleList([BatchNorm1d(16 * widths[0]), *(BatchNorm2d(w) for w in widths[1:])])
        self.deconvs = nn.ModuleList(nn.ConvTranspose2d(*pair, 4, 2, padding=1) for pair in pairwise(widths))
        self.conv = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.relu(self.norms[0](self.dense(z))).unflatten(1, (-1, 4, 4))
        for deconv, norm in zip(self.deconvs, self.norms[1:], strict=True):
            h = F.relu(norm(deconv(h)))
        return self.conv(h)


class Variational(nn.Module):
    """V: 4x4 convolutions and a dense layer, each with batch norm and ELU, then a number; arguments as G's.

    Args:
        width: channels of the first map (N: 64; they double towards 4 px).
        hidden: units of the dense layer (N: 512).
    """

    def __init__(self, resolution: int = 32, width: int = 64, hidden: int = 512, channels: int = 3) -> None:
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(halvings(resolution)))]
        self.convs = nn.ModuleList(nn.Conv2d(*pair, 4, 2, padding=1) for pair in pairwise(widths))
        self.norms = nn.ModuleList(BatchNorm2d(w) for w in widths[1:])
        self.dense, self.norm = nn.Linear(16 * widths[-1], hidden), BatchNorm1d(hidden)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.elu(norm(conv(x)))
        return self.linear(F.elu(self.norm(self.dense(x.flatten(1))))).squeeze(1)
