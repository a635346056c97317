"""Generator and critic of each of CT-GAN's architectures (biuyq/CT-GAN @ 5ebc7e1)."""

from typing import Literal

from torch import nn

from zoo.networks import wgan_gp as networks
from zoo.networks.ctgan128 import Critic128, Generator128
from zoo.networks.wgan_gp_cnn import CNNCritic, CNNGenerator
from zoo.options.checked import refuse

Architecture = Literal["resnet", "cnn"]


def build(
    architecture: Architecture,
    resolution: int,
    n_classes: int,
    latent_dim: int,
    width_g: int | None,
    width_d: int | None,
    dropout: tuple[float, float, float] | None,
) -> tuple[nn.Module, networks.Critic]:
    """G and critic of one of the paper's architectures; widths or a dropout of None are the paper's.

    Raises:
        ValueError: if the architecture does not exist for this resolution or with these classes.
    """
    refuse("architecture", architecture, Architecture)
    if n_classes and (architecture, resolution) != ("resnet", 32):
        raise ValueError("only the ResNet at 32 px is conditional: set n_classes to 0")
    if architecture == "cnn":
        paper = 64 if resolution == 28 else 128
        G = CNNGenerator(resolution, width_g or paper, latent_dim)
        return G, CNNCritic(resolution, width_d or paper, dropout or (0.5, 0.5, 0.5))
    dropout = dropout or (0.2, 0.5, 0.5)
    if resolution == 32:
        G = networks.CIFARGenerator(width_g or 128, latent_dim, n_classes)
        return G, networks.CIFARCritic(width_d or 128, n_classes, dropout)
    if resolution == 128:
        return Generator128(width_g or 64, latent_dim), Critic128(width_d or 128, dropout)
    if resolution != 64:
        raise ValueError(f"CT-GAN has no ResNet at {resolution} px; choose 32, 64 or 128")
    G = networks.GoodGenerator(64, width_g or 64, latent_dim)
    return G, networks.GoodCritic(64, width_d or 64, dropout=dropout)
