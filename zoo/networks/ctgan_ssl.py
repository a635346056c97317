"""Networks of CT-GAN's semi-supervised classifiers: those of Improved GAN, with weight normalisation.

As listed in biuyq/CT-GAN @ 5ebc7e1, Theano_classifier ("S"): CT_MNIST.py:33-53 and CT_CIFAR.py:69-93. They work on
the scripts' own pixels: MNIST (N, 1, 28, 28) in [0, 1]; CIFAR-10 (N, 3, 32, 32), real images in [-0.5, 0.5] while G
can reach [-1, 1]. Weights start as N(0, 0.05) (CT_CIFAR.py:72-76). D gives C class logits and features for
matching; the logit of "real" is their log-sum-exp.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from zoo.networks.batchnorm import BatchNorm1d, BatchNorm2d, Dropout
from zoo.networks.layers import SameConvTranspose2d
from zoo.ranks import share


def normed(layer: nn.Module, train_scale: bool = False) -> nn.Module:
    """Weight normalisation whose scale only the first batch sets, unless `train_scale` (S nn.py:60, 406)."""
    nn.init.normal_(layer.weight, std=0.05)  # its size does not matter, only its direction
    nn.init.zeros_(layer.bias)
    # a scale for each output channel: the first batch sets the deviation of each
    layer = weight_norm(layer, dim=1 if isinstance(layer, nn.ConvTranspose2d) else 0)
    layer.parametrizations.weight.original0.requires_grad_(train_scale)
    return layer


class Noise(nn.Module):
    """x + std * N(0, 1) while training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * share.randn(x) if self.training else x


class Shift(nn.Module):
    """A bias per channel, dimension 1: what is left of a batch norm without gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.view(1, -1, *[1] * (x.ndim - 2))


class Classifier(nn.Module):
    """D: images -> features (N, K) and class logits (N, C); `forward` gives the logit of "real", (N,)."""

    layers: nn.Sequential
    head: nn.Module

    def features(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def classify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, K) that G matches, and class logits (N, C)."""
        raise NotImplementedError

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.classify(x)[1].logsumexp(1)

    #: deviation of the first logits
    head_deviation = 1.0

    def start(self, x: Tensor) -> None:
        """Start every layer on the images x: mean 0 and deviation 1, of the logits `head_deviation`."""
        layers = dict.fromkeys((m for m in self.modules() if hasattr(m, "parametrizations")), 1.0)
        start(layers | {self.head: self.head_deviation}, lambda: self.classify(x))


@torch.no_grad()
def start(deviations: Mapping[nn.Module, float], run: Callable[[], object]) -> None:
    """Give each normed layer the scale and bias with which its outputs in `run` have mean 0 and this deviation.

    Data-dependent initialisation of weight normalisation (S nn.py:85-91). Layers are started in the order of the
    forward pass, each on what those before it then give.
    """

    def hook(layer: nn.Module, inputs: tuple, out: Tensor) -> Tensor:
        dims = [d for d in range(out.ndim) if d != 1]
        std, mean = torch.std_mean(out, dims, correction=0)
        scale, std = layer.parametrizations.weight.original0, std.clamp_min(1e-6) / deviations[layer]
        scale.div_(std.view_as(scale))
        layer.bias.copy_((layer.bias - mean) / std)
        shape = [-1 if d == 1 else 1 for d in range(out.ndim)]
        return (out - mean.view(shape)) / std.view(shape)

    handles = [layer.register_forward_hook(hook) for layer in deviations]
    run()
    for handle in handles:
        handle.remove()


def batch_norm(channels: int, kind: type[nn.Module] = BatchNorm2d) -> list[nn.Module]:
    """Batch norm with a bias and without gain, eps 1e-6 (S nn.py:176-225; CT_CIFAR.py:72-75)."""
    return [kind(channels, eps=1e-6, affine=False), Shift(channels)]


class MNISTGenerator(nn.Module):
    """G: z (N, latent_dim) ~ U(0, 1) -> (N, 1, 28, 28) in [0, 1]; two hidden layers with softplus.

    Args:
        width: hidden units (S: 500).
        latent_dim: length of z (S: 100).
    """

    def __init__(self, width: int = 500, latent_dim: int = 100) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in in (latent_dim, width):
            layers += [nn.Linear(n_in, width, bias=False), *batch_norm(width, BatchNorm1d), nn.Softplus()]
        self.layers = nn.Sequential(*layers, normed(nn.Linear(width, 28 * 28), train_scale=True), nn.Sigmoid())

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(z).unflatten(1, (1, 28, 28))


class MNISTClassifier(Classifier):
    """Five dense layers with normal noise on the image (0.3) and behind each layer (0.5).

    Args:
        n_classes: number of logits.
        width: units of the first layer (S: 1000; then 1/2, 1/4, 1/4, 1/4 of it).
    """

    def __init__(self, n_classes: int = 10, width: int = 1000) -> None:
        super().__init__()
        if width < 4:
            raise ValueError(f"layers of the classifier are a quarter of its width: width_d from 4 on, not {width}")
        sizes = [28 * 28, width, width // 2, width // 4, width // 4, width // 4]
        self.layers = nn.ModuleList(normed(nn.Linear(*pair)) for pair in pairwise(sizes))
        self.noises = nn.ModuleList([Noise(0.3), *(Noise(0.5) for _ in self.layers)])
        self.head = normed(nn.Linear(sizes[-1], n_classes), train_scale=True)

    def classify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.noises[0](x.flatten(1))
        for layer, noise in zip(self.layers, self.noises[1:], strict=True):
            features = F.relu(layer(h))
            h = noise(features)
        return features, self.head(h)


class CIFARGenerator(nn.Module):
    """G: z (N, latent_dim) ~ U(0, 1) -> (N, 3, 32, 32) in [-1, 1]; dense, then three 5x5 stride-2 transposed convs.

    Args:
        width: channels of the last hidden map (S: 128; the first has 4 times as many).
        latent_dim: length of z (S: 50).
    """

    def __init__(self, width: int = 128, latent_dim: int = 50) -> None:
        super().__init__()
        shape = {"kernel_size": 5, "stride": 2}
        self.layers = nn.Sequential(
            *[nn.Linear(latent_dim, 16 * 4 * width, bias=False), *batch_norm(16 * 4 * width, BatchNorm1d)],
            *[nn.ReLU(), nn.Unflatten(1, (4 * width, 4, 4))],
            *[SameConvTranspose2d(4 * width, 2 * width, **shape, bias=False), *batch_norm(2 * width), nn.ReLU()],
            *[SameConvTranspose2d(2 * width, width, **shape, bias=False), *batch_norm(width), nn.ReLU()],
            *[normed(SameConvTranspose2d(width, 3, **shape), train_scale=True), nn.Tanh()],
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear | SameConvTranspose2d) and not hasattr(layer, "parametrizations"):
                nn.init.normal_(layer.weight, std=0.05)

    def start(self, z: Tensor) -> None:
        """Start the last layer on latents z: mean 0 and deviation 0.1 before the tanh (S CT_CIFAR.py:76, 103)."""
        start({self.layers[-2]: 0.1}, lambda: self(z))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(z)


class CIFARClassifier(Classifier):
    """Nine convolutions with leaky ReLU 0.2, dropout 0.2 on the image and 0.5 behind each stride, pooled features.

    Args:
        n_classes: number of logits.
        width: channels of the first three maps (S: 128; the features have as many).
    """

    head_deviation = 0.1  # S CT_CIFAR.py:93: init_stdv

    def __init__(self, n_classes: int = 10, width: int = 128) -> None:
        super().__init__()
        w = width
        plan = [(3, w, 3, 1, 1), (w, w, 3, 1, 1), (w, w, 3, 2, 1), (w, 2 * w, 3, 1, 1), (2 * w, 2 * w, 3, 1, 1)]
        plan += [(2 * w, 2 * w, 3, 2, 1), (2 * w, 4 * w, 3, 1, 0), (4 * w, 2 * w, 1, 1, 0), (2 * w, w, 1, 1, 0)]
        layers: list[nn.Module] = [Dropout(0.2)]
        for i, o, kernel, stride, padding in plan:
            layers += [normed(nn.Conv2d(i, o, kernel, stride, padding)), nn.LeakyReLU(0.2)]
            layers += [Dropout(0.5)] if stride == 2 else []
        self.layers = nn.Sequential(*layers)
        self.head = normed(nn.Linear(w, n_classes), train_scale=True)

    def classify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(x).mean((2, 3))
        return features, self.head(features)


def grey(images: Tensor) -> Tensor:
    """[-1, 1] in three channels as [0, 1] in one."""
    return (images[:, :1] + 1) / 2


def from_grey(native: Tensor) -> Tensor:
    return (2 * native - 1).expand(-1, 3, -1, -1)


def half(images: Tensor) -> Tensor:
    """[-1, 1] as [-1/2, 1/2]."""
    return images / 2


def from_half(native: Tensor) -> Tensor:
    return (2 * native).clamp(-1, 1)


#: resolution -> G, D, and the scripts' pixels from the zoo's [-1, 1] and back
SETS = {
    28: (MNISTGenerator, MNISTClassifier, grey, from_grey),
    32: (CIFARGenerator, CIFARClassifier, half, from_half),
}


def networks(
    resolution: int, n_classes: int, latent_dim: int, width_g: int | None, width_d: int | None
) -> tuple[nn.Module, nn.Module, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """G, D, and the scripts' pixels from the zoo's [-1, 1] and back; widths of None are the paper's.

    Raises:
        ValueError: for another resolution.
    """
    if resolution not in SETS:
        raise ValueError(f"the classifiers exist at 28 px (MNIST) and 32 px, not at {resolution}")
    G, D, to_native, to_images = SETS[resolution]
    widths = [{} if width is None else {"width": width} for width in (width_g, width_d)]
    return G(latent_dim=latent_dim, **widths[0]), D(n_classes, **widths[1]), to_native, to_images
