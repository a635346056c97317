"""Pairs of G and D that any method without labels can train: the baselines' common ground.

A pair's D has batch norm, layer norm (C, H, W together, as WGAN-GP's critics) or none, so that a method may choose.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from zoo.networks import dcgan, fgan, keras_dcgan, wgan_gp
from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.rothgan import check_resolution
from zoo.networks.wgan_gp_cnn import CNNCritic, CNNGenerator
from zoo.networks.wgan_mlp import MLPCritic, MLPGenerator
from zoo.options.checked import refuse

Architecture = Literal["dcgan", "theano", "cnn", "resnet", "keras", "keras-pooled", "notebook", "mlp"]
NormName = Literal["batch", "layer", "none"]
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": BatchNorm2d,
    "layer": wgan_gp.layer_norm,
    "none": nn.Identity,
}
#: architectures whose D has the one normalisation of its code
FIXED = {"keras": "batch", "keras-pooled": "batch", "notebook": "batch", "mlp": "none"}


def check(architecture: Architecture, resolution: int, norm_d: NormName, n_classes: int) -> None:
    """Raises ValueError for names that are not known, and for a norm or classes that an architecture has not."""
    refuse("architecture", architecture, Architecture)
    refuse("norm_d", norm_d, NormName)
    if architecture in FIXED and norm_d != FIXED[architecture]:
        raise ValueError(f"architecture {architecture} has the norm {FIXED[architecture]!r} in D: set norm_d to it")
    if n_classes and (architecture, resolution) != ("resnet", 32):
        raise ValueError("only the ResNet at 32 px is conditional here: set n_classes to 0")


def build(
    architecture: Architecture,
    resolution: int,
    latent_dim: int,
    channels: int = 3,
    width_g: int | None = None,
    width_d: int | None = None,
    norm_d: NormName = "batch",
    n_classes: int = 0,
) -> tuple[nn.Module, nn.Module]:
    """G and D; widths of None are their source's.

    At 28 px "cnn" is of one channel in [0, 1]; G has batch norm if D has, or it draws dots (DCGAN, MNIST, 20 kimg).

    Args:
        architecture: "dcgan" (4x4 kernels, Torch's), "theano" (the DCGAN authors' 5x5), "cnn" (WGAN-GP's, 28 and 32
            px), "resnet" (WGAN-GP's: 32 px, or the 64 px one where 16 divides the side), "keras" and "keras-pooled"
            (Su's), "notebook" (f-GAN's), "mlp" (WGAN's, any side, without norms).
        n_classes: of the 32 px ResNet alone: G is conditional and D has a classifier (ACGAN).

    Raises:
        ValueError: for what does not exist: a resolution, a norm, classes.
    """
    check(architecture, resolution, norm_d, n_classes)
    norm = NORMS[norm_d]
    if architecture == "dcgan":
        G = dcgan.Generator(resolution, width_g or 64, latent_dim, channels)
        return G, dcgan.Discriminator(resolution, width_d or 64, channels, norm=norm)
    if architecture == "theano":
        G = dcgan.TheanoGenerator(resolution, width_g or 128, latent_dim, channels)
        own = partial(BatchNorm2d, eps=1e-8) if norm_d == "batch" else norm
        return G, dcgan.TheanoDiscriminator(resolution, width_d or 128, channels, own)
    if architecture == "cnn":
        if resolution == 28 and channels != 1:
            raise ValueError("the CNN at 28 px is MNIST's, with one channel: set channels to 1")
        width = 64 if resolution == 28 else 128
        G = CNNGenerator(resolution, width_g or width, latent_dim, channels, norm_d == "batch")
        return G, CNNCritic(resolution, width_d or width, norm=norm, channels=channels)
    if architecture in ("keras", "keras-pooled"):
        pooled = architecture == "keras-pooled"
        start = "normal" if pooled else "glorot"  # WGAN-div's starts otherwise too
        G = keras_dcgan.Generator(resolution, width_g, latent_dim, channels, start)
        return G, keras_dcgan.Critic(resolution, width_d, channels, pooled, start)
    if architecture == "notebook":
        G = fgan.Generator(resolution, width_g or 64, latent_dim, channels)
        return G, fgan.Variational(resolution, width_d or 64, channels=channels)
    if architecture == "mlp":
        G = MLPGenerator(resolution, width_g or 512, latent_dim, channels)
        return G, MLPCritic(resolution, width_d or 512, channels)
    if resolution == 32:
        if norm_d != "none":
            raise ValueError("the ResNet at 32 px has no norm in D: set norm_d to none")
        G = wgan_gp.CIFARGenerator(width_g or 128, latent_dim, n_classes, channels)
        return G, wgan_gp.CIFARCritic(width_d or 128, n_classes, channels=channels)
    check_resolution(resolution)
    G = wgan_gp.GoodGenerator(resolution, width_g or 64, latent_dim, channels)
    return G, wgan_gp.GoodCritic(resolution, width_d or 64, norm, channels=channels)
