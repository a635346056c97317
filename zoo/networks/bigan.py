"""BiGAN's networks for MNIST (Donahue et al. 2017): dense layers that know nothing of the pixels' places.

As in jeffdonahue/bigan @ 06342ee, train_mnist.sh. x is (N, C, R, R) in [0, 1], z (N, latent_dim) ~ U(-1, 1), logits
(N,). Nothing has a bias or a gain; batch norm has eps 1e-8; weights start as N(0, 0.02^2).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.cgan import plain_norm
from zoo.networks.dcgan import start_normal
from zoo.networks.rothgan import leaky_relu


def dense(n_in: int, n_out: int) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=False)


class Generator(nn.Module):
    """G: z -> (N, C, R, R) in [0, 1]; z enters twice.

    Args:
        shape: (C, R, R) of an image (paper: 1, 28, 28).
        width: hidden units (paper: 1024).
        latent_dim: length of z (paper: 50).
    """

    def __init__(self, shape: tuple[int, int, int] = (1, 28, 28), width: int = 1024, latent_dim: int = 50) -> None:
        super().__init__()
        self.shape = shape
        self.dense1, self.dense2, self.again = (dense(n, width) for n in (latent_dim, width, latent_dim))
        self.out = dense(width, shape[0] * shape[1] * shape[2])
        self.norms = nn.ModuleList([plain_norm(width, 1), plain_norm(width, 1)])
        start_normal(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.relu(self.norms[0](self.dense1(z)))
        h = F.relu(self.norms[1](self.dense2(h) + self.again(z)))
        return torch.sigmoid(self.out(h)).unflatten(1, self.shape)


class Encoder(nn.Module):
    """E: x -> z (N, latent_dim) in (-1, 1); arguments as G's."""

    def __init__(self, shape: tuple[int, int, int] = (1, 28, 28), width: int = 1024, latent_dim: int = 50) -> None:
        super().__init__()
        self.dense1, self.dense2 = dense(shape[0] * shape[1] * shape[2], width), dense(width, width)
        self.out, self.norm = dense(width, latent_dim), plain_norm(width, 1)
        start_normal(self)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees, (N, width): the paper's features of MNIST."""
        h = leaky_relu(self.dense1(x.flatten(1)))
        return leaky_relu(self.norm(self.dense2(h)))

    def forward(self, x: Tensor) -> Tensor:
        return 2 * torch.sigmoid(self.out(self.features(x))) - 1


class Discriminator(nn.Module):
    """D: a pair of x and z -> logit (N,) of "x came first"; z joins behind the first layer. Arguments as G's."""

    def __init__(self, shape: tuple[int, int, int] = (1, 28, 28), width: int = 1024, latent_dim: int = 50) -> None:
        super().__init__()
        self.dense1, self.dense2 = dense(shape[0] * shape[1] * shape[2], width), dense(width, width)
        self.of_z, self.out, self.norm = dense(latent_dim, width), dense(width, 1), plain_norm(width, 1)
        start_normal(self)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = leaky_relu(self.dense1(x.flatten(1)))
        h = leaky_relu(self.norm(self.dense2(h) + self.of_z(z)))
        return self.out(h).squeeze(1)
