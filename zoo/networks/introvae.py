"""Encoder and generator of IntroVAE (Huang et al. 2018, arXiv 1807.06358) as in the authors' networks.py.

One list of widths drives both networks: one entry for each halving between the image and 4 px. Images are
(N, channels, R, R), about [0, 1]: the generator's output has no activation. Weights start as PyTorch's, batch norm
is PyTorch's (eps 1e-5, momentum 0.1, gain 1). `zoo.official.introvae` maps the authors' names to these.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.again import again
from zoo.networks.batchnorm import BatchNorm2d

#: widths of run_256.sh and run_1024.sh
WIDTHS = {256: (32, 64, 128, 256, 512, 512), 1024: (16, 32, 64, 128, 256, 512, 512, 512)}


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2 (networks.py:14-41)."""
    return F.leaky_relu(x, 0.2)


def check_widths(resolution: int, widths: Sequence[int]) -> None:
    """Refuse widths that do not lead from the image to 4 px (networks.py:47, 77).

    Raises:
        ValueError: saying how many widths there must be.
    """
    halvings = (resolution // 4).bit_length() - 1
    if halvings < 1 or 4 * 2**halvings != resolution:
        raise ValueError(f"IntroVAE needs a resolution that is a power of two from 8 px on, not {resolution}")
    if len(widths) != halvings:
        raise ValueError(
            f"{resolution} px need {halvings} widths, one for each halving down to 4 px, not {len(widths)}: "
            "set --model.widths"
        )


def uniform_gain(module: nn.Module) -> None:
    """Draw a batch norm's gain from U(0, 1), for `nn.Module.apply`.

    PyTorch up to 1.1 did so, and the authors' `loss_rec.data[0]` (main.py:155) runs on 0.4 and older alone.
    """
    if isinstance(module, nn.BatchNorm2d):
        nn.init.uniform_(module.weight)


class Block(nn.Module):
    """Residual block (N, C, H, W) -> (N, C', H, W): a(norm(conv(a(norm(conv(x)))) + s(x))).

    The second batch norm acts on the sum, shortcut included (networks.py:14-41). s is the identity, or a 1x1
    convolution without bias or norm where `expand` is set.
    """

    def __init__(self, in_channels: int, out_channels: int, expand: bool) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False) if expand else nn.Identity()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = BatchNorm2d(out_channels)

    @again
    def forward(self, x: Tensor) -> Tensor:
        h = leaky(self.norm1(self.conv1(x)))
        return leaky(self.norm2(self.conv2(h) + self.shortcut(x)))


def expands(in_channels: int, out_channels: int, expand_equal_above_256: bool) -> bool:
    """Whether a block between two entries of the list of widths has a 1x1 shortcut.

    The authors compare the widths by `is not` (networks.py:20), which tells equal numbers above 256 apart when they
    were parsed from a string (main.py:62): their 512 -> 512 blocks have one.
    """
    return in_channels != out_channels or (expand_equal_above_256 and out_channels > 256)


class Encoder(nn.Module):
    """Inference model and discriminator: images (N, channels, R, R) -> posterior's mean and log variance.

    Both are (N, latent_dim); the posterior is a Gaussian with a diagonal covariance (networks.py:43-71).

    Args:
        resolution: a power of two from 8 on.
        widths: channels after the stem and after each following block.
        latent_dim: length of the latent.
        channels: colours of the images.
        expand_equal_above_256: blocks between equal widths above 256 have a learned shortcut, as in the authors'
            program.

    Raises:
        ValueError: if the number of widths does not fit the resolution.
    """

    def __init__(
        self,
        resolution: int = 1024,
        widths: Sequence[int] = WIDTHS[1024],
        latent_dim: int = 512,
        channels: int = 3,
        expand_equal_above_256: bool = True,
    ) -> None:
        super().__init__()
        check_widths(resolution, widths)
        self.conv = nn.Conv2d(channels, widths[0], 5, padding=2, bias=False)
        self.norm = BatchNorm2d(widths[0])
        self.blocks = nn.ModuleDict()  # by the size they work at
        for i, (before, after) in enumerate(pairwise(widths)):
            self.blocks[str(resolution // 2 ** (i + 1))] = Block(
                before, after, expands(before, after, expand_equal_above_256)
            )
        self.blocks["4"] = Block(widths[-1], widths[-1], expand=False)
        self.dense = nn.Linear(widths[-1] * 16, 2 * latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = leaky(self.norm(self.conv(x)))
        for block in self.blocks.values():
            h = block(F.avg_pool2d(h, 2))
        mean, logvar = self.dense(h.flatten(1)).chunk(2, 1)
        return mean, logvar


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, R, R), unbounded (networks.py:73-101).

    `label` is there for the zoo's contract; the model has no classes. Arguments as for `Encoder`.
    """

    def __init__(
        self,
        resolution: int = 1024,
        widths: Sequence[int] = WIDTHS[1024],
        latent_dim: int = 512,
        channels: int = 3,
        expand_equal_above_256: bool = True,
    ) -> None:
        super().__init__()
        check_widths(resolution, widths)
        backwards = tuple(reversed(widths))
        self.dense = nn.Linear(latent_dim, backwards[0] * 16)
        self.blocks = nn.ModuleDict({"4": Block(backwards[0], backwards[0], expand=False)})
        for i, (before, after) in enumerate(pairwise(backwards)):
            self.blocks[str(4 * 2 ** (i + 1))] = Block(
                before, after, expands(before, after, expand_equal_above_256)
            )
        self.blocks[str(resolution)] = Block(widths[0], widths[0], expand=False)
        self.conv = nn.Conv2d(widths[0], channels, 5, padding=2)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.relu(self.dense(z)).unflatten(1, (-1, 4, 4))  # not leaky
        for i, block in enumerate(self.blocks.values()):
            h = block(h if i == 0 else F.interpolate(h, scale_factor=2.0))
        return self.conv(h)


def three_networks(
    resolution: int, widths: Sequence[int], latent_dim: int = 512, expand_equal_above_256: bool = True
) -> tuple[int, int, int]:
    """Parameters of E, of G, and of the discriminator that a third network would be: E's trunk with one logit."""
    options = {"latent_dim": latent_dim, "expand_equal_above_256": expand_equal_above_256}
    with torch.device("meta"):
        E, G = Encoder(resolution, widths, **options), Generator(resolution, widths, **options)
        head = nn.Linear(E.dense.in_features, 1)
    encoder, generator, dense, logit = (sum(p.numel() for p in net.parameters()) for net in (E, G, E.dense, head))
    return encoder, generator, encoder - dense + logit


def parameters_beside_bigan(
    resolution: int, widths: Sequence[int], latent_dim: int = 512, expand_equal_above_256: bool = True
) -> tuple[int, int]:
    """Parameters of IntroVAE, and of a model with a discriminator of its own beside the same encoder and generator.

    That discriminator judges pairs (image, latent) as BiGAN's does (Donahue et al. 2017, arXiv 1605.09782): the
    encoder's convolutions, then one linear layer from their features and the latent to a logit.
    """
    encoder, generator, trunk = three_networks(resolution, widths, latent_dim, expand_equal_above_256)
    return encoder + generator, encoder + generator + trunk + latent_dim


def beside_bigan(resolution: int, widths: Sequence[int], latent_dim: int = 512) -> str:
    """`parameters_beside_bigan` as a row of a Markdown table."""
    ours, theirs = parameters_beside_bigan(resolution, widths, latent_dim)
    saved = 1 - ours / theirs
    return f"| {resolution} px, {widths[0]} to {max(widths)} channels | {ours:,} | {theirs:,} | {saved:.1%} |"
