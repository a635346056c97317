"""BigGAN's networks by its settings, and the two ways to call D on a batch of fakes and reals.

BP = ajbrock/BigGAN-PyTorch @ 9845943.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.networks import biggan
from zoo.networks import biggan_deep as deep
from zoo.networks.biggan_layers import BatchNorm2d
from zoo.options import ranges
from zoo.options.checked import refuse


def networks(
    resolution: int,
    n_classes: int,
    latent_dim: int,
    *,
    architecture: Literal["biggan", "deep"] = "biggan",
    width_g: ranges.Width = 96,
    width_d: ranges.Width = 96,
    shared_dim: ranges.NonNegativeInt = 128,
    hierarchical: bool = True,
    attention_g: Sequence[ranges.Side] | None = None,
    attention_d: Sequence[ranges.Side] | None = None,
    bn_eps: ranges.PositiveFloat = 1e-4,
    sn_eps: ranges.PositiveFloat = 1e-4,
    init: biggan.Init = "orthogonal",
    cross_replica: bool = True,
) -> tuple[nn.Module, nn.Module]:
    """G and D.

    Args:
        resolution, n_classes, latent_dim: as BigGAN's.
        architecture: "biggan", or "deep" for BigGAN-deep.
        width_g: ch of G.
        width_d: ch of D.
        shared_dim: length of the shared class embedding; 0 for tables in every layer (the authors' CIFAR model).
        hierarchical: skip-z, z in chunks to all stages (deep: whole z to all).
        attention_g: sizes in px of G's maps that attention follows; None takes the paper's.
        attention_d: likewise in D.
        bn_eps: of G's conditional batch norms.
        sn_eps: of the power iterations.
        init: start of the weights, "orthogonal", "normal" (0.02) or "xavier" (Glorot's uniform one).
        cross_replica: whether G's batch norm takes its statistics over all processes.
    """
    refuse("architecture", architecture, Literal["biggan", "deep"])
    Generator = {"biggan": biggan.Generator, "deep": deep.DeepGenerator}[architecture]
    Discriminator = {"biggan": biggan.Discriminator, "deep": deep.DeepDiscriminator}[architecture]
    latents, common = (latent_dim, n_classes, shared_dim, hierarchical), {"sn_eps": sn_eps, "init": init}
    G = Generator(resolution, width_g, *latents, attention=attention_g, bn_eps=bn_eps, **common)
    for norm in G.modules():
        if isinstance(norm, BatchNorm2d):
            norm.sync = cross_replica
    return G, Discriminator(resolution, width_d, n_classes, attention_d, **common)


def together(D: nn.Module, fake: Tensor, fake_label: Tensor, real: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """One call of D, fakes first, moves its power iteration once (BP BigGAN.py G_D)."""
    logits = D(torch.cat([fake, real]), torch.cat([fake_label, label]))
    return logits[: len(fake)], logits[len(fake) :]


def apart(D: nn.Module, fake: Tensor, fake_label: Tensor, real: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Two calls of D, which need half of the memory and move its power iteration twice (BP --split_D)."""
    return D(fake, fake_label), D(real, label)
