"""The multilayer perceptrons of martinarjovsky/WassersteinGAN @ f7a01e8, models/mlp.py, for images.

Three hidden layers with ReLU and a linear output, no normalisation. The weights start as torch draws them: that
code's own start is of convolutions and batch norms alone. z is (N, latent_dim) ~ N(0, I).
"""

from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.wgan_gp import Critic


def hidden(n_in: int, width: int) -> nn.Sequential:
    """(N, n_in) -> (N, width): three layers with ReLU."""
    layers: list[nn.Module] = []
    for a, b in pairwise([n_in, width, width, width]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers)


class MLPGenerator(nn.Module):
    """G: z (N, latent_dim) -> images (N, channels, resolution, resolution), not bounded to [-1, 1].

    Args:
        resolution: side of the images.
        width: units of each hidden layer (paper: 512).
        latent_dim: length of z.
        channels: colours of an image.
    """

    def __init__(self, resolution: int = 64, width: int = 512, latent_dim: int = 100, channels: int = 3) -> None:
        super().__init__()
        self.shape = (channels, resolution, resolution)
        self.hidden = hidden(latent_dim, width)
        self.linear = nn.Linear(width, channels * resolution**2)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.linear(self.hidden(z)).unflatten(1, self.shape)


class MLPCritic(Critic):
    """Critic: images (N, channels, resolution, resolution) -> scores (N,); arguments as `MLPGenerator`'s."""

    def __init__(self, resolution: int = 64, width: int = 512, channels: int = 3) -> None:
        super().__init__()
        self.hidden = hidden(channels * resolution**2, width)
        self.linear = nn.Linear(width, 1)

    def features(self, x: Tensor) -> Tensor:
        return self.hidden(x.flatten(1))
