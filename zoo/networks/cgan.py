"""Networks of conditional GANs (Mirza, Osindero 2014): the paper's maxout pair, and a conditional DCGAN for MNIST.

The paper's pair after several agreeing quotations of its text. The DCGAN is Newmu/dcgan_code @ ee12b2d,
mnist/train_cond_dcgan.py:67-138: the one-hot class stands beside every layer's input. Images are in [0, 1], labels
(N,) int64, logits (N,). For other sizes `zoo.networks.dcgan.Generator` takes classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d, Dropout
from zoo.networks.dcgan import conv5, deconv5, joined, planes, start_normal
from zoo.networks.rothgan import leaky_relu


class Maxout(nn.Module):
    """(N, n_in) -> (N, units): the largest of `pieces` affine maps, unit j owning pieces j k .. j k + k - 1."""

    def __init__(self, n_in: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(n_in, units * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


def start_uniform(net: nn.Module, bound: float) -> nn.Module:
    """U(-bound, bound) weights and zero biases (goodfeli/adversarial @ 1720041, mnist.yaml; there G's last bias
    starts from the mean of each pixel)."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
    return net


class MaxoutGenerator(nn.Module):
    """G: z and class, each through a layer of its own, then a joint one, ReLU, and a sigmoid: (N, C, R, R).

    Args:
        shape: (C, R, R) of an image (paper: 1, 28, 28).
        widths: units of z's, the class's and the joint layer (paper: 200, 1000, 1200; that the joint one is a dense
            layer is our reading of an ambiguous sentence).
        latent_dim: length of z (paper: 100).
        n_classes: number of classes.
        dropout: of hidden units (paper: 0.5).
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 28, 28),
        widths: tuple[int, int, int] = (200, 1000, 1200),
        latent_dim: int = 100,
        n_classes: int = 10,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.shape, self.n_classes = shape, n_classes
        self.z, self.y = nn.Linear(latent_dim, widths[0]), nn.Linear(n_classes, widths[1])
        self.joint = nn.Linear(widths[0] + widths[1], widths[2])
        self.out = nn.Linear(widths[2], shape[0] * shape[1] * shape[2])
        self.dropout = Dropout(dropout)
        start_uniform(self, 0.05)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        y = F.relu(self.y(planes(label, self.n_classes, z)))
        h = self.dropout(torch.cat([F.relu(self.z(z)), y], 1))
        h = self.dropout(F.relu(self.joint(h)))
        return torch.sigmoid(self.out(h)).unflatten(1, self.shape)


class MaxoutDiscriminator(nn.Module):
    """D: image and class, each through a maxout layer, then a joint one and a logit.

    Args:
        n_pixels: numbers of an image (paper: 784).
        units: of the image's, the class's and the joint layer (paper: 240, 50, 240).
        pieces: of the same layers (paper: 5, 5, 4).
        n_classes: number of classes.
        dropout: of the image and of hidden units (mnist.yaml keeps 0.8 and 0.5, and scales by the inverse).
    """

    def __init__(
        self,
        n_pixels: int = 784,
        units: tuple[int, int, int] = (240, 50, 240),
        pieces: tuple[int, int, int] = (5, 5, 4),
        n_classes: int = 10,
        dropout: tuple[float, float] = (0.2, 0.5),
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.x, self.y = Maxout(n_pixels, units[0], pieces[0]), Maxout(n_classes, units[1], pieces[1])
        self.joint = Maxout(units[0] + units[1], units[2], pieces[2])
        self.out = nn.Linear(units[2], 1)
        self.dropouts = nn.ModuleList(map(Dropout, dropout))
        start_uniform(self, 0.005)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        of_input, of_hidden = self.dropouts
        x = of_input(x.flatten(1))
        h = of_hidden(torch.cat([self.x(x), self.y(planes(label, self.n_classes, x))], 1))
        return self.out(of_hidden(self.joint(h))).squeeze(1)


def plain_norm(channels: int, dims: int = 2) -> nn.Module:
    """Batch norm without gain and bias, eps 1e-8."""
    return (BatchNorm2d if dims == 2 else BatchNorm1d)(channels, eps=1e-8, affine=False)


class MNISTGenerator(nn.Module):
    """G of the conditional DCGAN: two dense layers, two transposed convolutions, a sigmoid: (N, C, R, R).

    Args:
        resolution: divisible by 4 (official: 28).
        width: channels of the last hidden map (official: 64; the one before has twice as many).
        hidden: units of the first layer (official: 1024).
        latent_dim: length of z (official: 100).
        n_classes: number of classes.
        channels: colours of an image.

    Raises:
        ValueError: for another resolution.
    """

    def __init__(
        self,
        resolution: int = 28,
        width: int = 64,
        hidden: int = 1024,
        latent_dim: int = 100,
        n_classes: int = 10,
        channels: int = 1,
    ) -> None:
        super().__init__()
        check_resolution(resolution)
        self.n_classes, self.base, k = n_classes, resolution // 4, n_classes
        self.dense1 = nn.Linear(latent_dim + k, hidden, bias=False)
        self.dense2 = nn.Linear(hidden + k, 2 * width * self.base**2, bias=False)
        self.deconv1, self.deconv2 = deconv5(2 * width + k, width), deconv5(width + k, channels)
        norms = [plain_norm(hidden, 1), plain_norm(2 * width * self.base**2, 1), plain_norm(width)]
        self.norms = nn.ModuleList(norms)
        start_normal(self)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        h = F.relu(self.norms[0](self.dense1(joined(z, label, self.n_classes))))
        h = F.relu(self.norms[1](self.dense2(joined(h, label, self.n_classes))))
        h = h.unflatten(1, (-1, self.base, self.base))
        h = F.relu(self.norms[2](self.deconv1(joined(h, label, self.n_classes))))
        return torch.sigmoid(self.deconv2(joined(h, label, self.n_classes)))


class MNISTDiscriminator(nn.Module):
    """D of the conditional DCGAN: two convolutions, then two dense layers; arguments as G's.

    Args:
        width: channels of the first map (official: 64; the second has twice as many).
        hidden: units of the dense layer (official: 1024).
    """

    def __init__(
        self, resolution: int = 28, width: int = 64, hidden: int = 1024, n_classes: int = 10, channels: int = 1
    ) -> None:
        super().__init__()
        check_resolution(resolution)
        self.n_classes, k = n_classes, n_classes
        self.conv1, self.conv2 = conv5(channels + k, width), conv5(width + k, 2 * width)
        self.dense1 = nn.Linear(2 * width * (resolution // 4) ** 2 + k, hidden, bias=False)
        self.dense2 = nn.Linear(hidden + k, 1, bias=False)
        self.norms = nn.ModuleList([plain_norm(2 * width), plain_norm(hidden, 1)])
        start_normal(self)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = leaky_relu(self.conv1(joined(x, label, self.n_classes)))
        h = leaky_relu(self.norms[0](self.conv2(joined(h, label, self.n_classes)))).flatten(1)
        h = leaky_relu(self.norms[1](self.dense1(joined(h, label, self.n_classes))))
        return self.dense2(joined(h, label, self.n_classes)).squeeze(1)


def check_resolution(resolution: int) -> None:
    if resolution % 4:
        raise ValueError(f"these networks need a resolution divisible by 4, not {resolution}")
