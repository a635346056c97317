"""What each paper and baseline needs on points: networks, rates, and the papers' own toys where they are known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo.baselines import BASELINES
from zoo.engine.gan import GAN
from zoo.networks.conopt import MLP
from zoo.networks.mlp import (
    LevelCritic,
    LevelGenerator,
    PairCritic,
    PointCoder,
    PointCritic,
    PointEncoder,
    PointGenerator,
    PointStyleGenerator,
    PointTrunk,
    SpectralCritic,
    SpectralGenerator,
    ToyCritic,
    ToyGenerator,
)
from zoo.networks.vgan import Discriminator
from zoo.objectives.losses import gaussian_kl

LATENT_DIM = 2


def bottleneck(dim: int) -> nn.Module:
    return Discriminator(code_channels=8, trunk=PointTrunk(dim))


def logits(gan: GAN, x: Tensor) -> Tensor:
    return gan.D(x)


def logits_of_one_class(gan: GAN, x: Tensor) -> Tensor:
    return gan.D(x, x.new_zeros(len(x), dtype=torch.int64))


def logits_of_mean_code(gan: GAN, x: Tensor) -> Tensor:
    return gan.D(x, sample=False)


def logits_of_pair(gan: GAN, x: Tensor) -> Tensor:
    """BiGAN's D sees a point with its code."""
    x = gan.to_native(x)
    return gan.D(x, gan.E(x))


def minus_kl(gan: GAN, x: Tensor) -> Tensor:
    """IntroVAE's encoder sees points in [0, 1]; the less likely a point is, the larger its KL."""
    mean, logvar = gan.D(gan.to_native(x))
    return -gaussian_kl(mean, logvar / 2)


def orthogonal(net: nn.Module) -> nn.Module:
    """Orthogonal weights of gain 0.8, as the toy of Nagarajan and Kolter starts."""
    for layer in net.layers:
        nn.init.orthogonal_(layer.weight, 0.8)
    return net


@dataclass(frozen=True)
class Setting:
    """What one paper needs on points.

    Args:
        options: arguments of its LightningModule: networks small enough to be thrown away, and rates and weights
            for a run of a minute. None is a setting of the paper unless it says so.
        generator: dimension of the points -> its generator.
        critic: dimension of the points -> its discriminator.
        judge: how the picture asks the discriminator, (model, points) -> logits without randomness.
        latent_dim: length of z.
        encoder: dimension of the points -> its encoder, for a paper that has one beside G and D.
    """

    options: dict[str, Any] = field(default_factory=dict)
    generator: Callable[[int], nn.Module] = PointGenerator
    critic: Callable[[int], nn.Module] = PointCritic
    judge: Callable[[GAN, Tensor], Tensor] = logits
    latent_dim: int = LATENT_DIM
    encoder: Callable[[int], nn.Module] | None = None


def thrown_away(**options: Any) -> dict[str, Any]:
    """What makes a paper's own networks cheap to build, before they are replaced."""
    return {"width_g": 1, "width_d": 1, **options}


#: 128 points of each kind in a step, 3,000 steps: less than a minute of a core; a dearer step gets fewer
LENGTH = {"batch_size": 128, "total_kimg": 384}
SETTINGS = {
    # one class for all: BigGAN is conditional. Layer norm needs no standing statistics. Two D steps, the
    # paper's: with one, G runs after D round the circle
    "biggan": Setting(
        {"resolution": 32, "n_classes": 1, "width_g": 1, "width_d": 1, "latent_dim": 8, "shared_dim": 4}
        | {"batch_size_g": 128, "d_steps": 2, "lr_g": 1e-3, "lr_d": 2e-3, "beta1": 0.0, "init": "normal"}
        | {"ema_decay": 0.99, "standing_passes": 0, "watch_kimg": 0}
        | LENGTH,
        generator=SpectralGenerator,
        critic=SpectralCritic,
    ),
    # lambda of igul222's gan_toy.py; two critic steps where it takes five
    "ctgan": Setting(
        thrown_away(architecture="cnn", n_classes=0)
        | {"lambda_gp": 0.1, "lambda_ct": 0.1, "n_dis": 2, "lr": 2e-3, "beta1": 0.5, "bn_groups": 1}
        | {"decay_start_kimg": 0, "batch_size_g": 128}
        | LENGTH,
        critic=partial(PointCritic, dropout=(0.0, 0.1, 0.1)),
    ),
    # a squared error of points needs a large weight beside a KL, but 100 leaves one or two modes of the ring and 5
    # half of them; the margin fits two latent numbers
    "introvae": Setting(
        {"resolution": 8, "widths": [1], "latent_dim": 2, "margin": 5.0, "vae_kimg": 0.0}
        | {"weight_rec": 20.0, "weight_neg": 0.5, "lr": 1e-3}
        | LENGTH,
        critic=PointEncoder,
        judge=minus_kl,
    ),
    # one level; gamma undoes the factor of an image that is resolution / 2 times too small
    "pggan": Setting(
        {"resolution": 4, "fmap_base": 4, "fmap_max": 1, "latent_dim": 2, "gamma": 0.5, "lambda_gp": 0.1}
        | {"rampup_kimg": 0.0, "lr": 2e-3, "ema_decay": 0.99, "stddev_group": 1}
        | LENGTH,
        generator=LevelGenerator,
        critic=LevelCritic,
    ),
    "r1gan": Setting(
        thrown_away(resolution=8, architecture="resnet", n_classes=0)
        | {"gamma": 0.05, "optimizer": "adam", "lr": 3e-3, "ema_decay": 0.99}
        | LENGTH
    ),
    # gamma as in Roth's toy, annealed as its flag does
    "rothgan": Setting(thrown_away(resolution=16) | {"gamma": 0.1, "annealing": 0.01, "lr": 2e-3} | LENGTH),
    "sngan": Setting(
        thrown_away(resolution=32, architecture="cnn", n_classes=0)
        | {"n_dis": 2, "batch_size_g": 128, "lr": 2e-3, "decay_start_kimg": 0}
        | LENGTH,
        critic=SpectralCritic,
    ),
    "stylegan": Setting(
        {"resolution": 8, "start_resolution": 8, "fmap_base": 4, "fmap_max": 1, "latent_dim": 2, "w_dim": 1}
        | {"mapping_width": 1, "batch_size_at": {}, "lr_at": {}, "lr": 2e-3, "gamma": 0.05, "stddev_group": 1}
        | {"ema_half_life_kimg": 5.0, "truncation_cutoff": None}
        | LENGTH,
        generator=PointStyleGenerator,
        critic=LevelCritic,
    ),
    # D's rate is the lower one, as in the paper's DCGANs
    "ttur": Setting(thrown_away(resolution=16, game="dcgan") | {"lr_d": 1e-3, "lr_g": 2e-3} | LENGTH),
    "vgan": Setting(
        thrown_away(resolution=8, max_width=1, code_channels=1)
        | {"information": 1.0, "beta": 0.01, "beta_step": 1e-4, "gamma": 0.05, "lr": 1e-3, "ema_decay": 0.99}
        | LENGTH
        | {"total_kimg": 192},
        critic=bottleneck,
        judge=logits_of_mean_code,
    ),
    # gamma is ours: with the paper's 10 these wider networks are still between the modes after 1,000 steps
    "conopt": Setting(thrown_away(resolution=16) | {"gamma": 1.0, "lr": 1e-3} | LENGTH),
    # eta of 0.5, the paper's for its own small networks, holds these back: no mode of the ring in 1,000 steps
    "nk17": Setting(thrown_away(resolution=16) | {"loss": "nonsaturating", "eta": 0.003, "lr": 3e-3} | LENGTH),
}


def small_baseline(**options: Any) -> Setting:
    """A baseline whose own networks are 64 px wide and thrown away; rates and weights are ours."""
    return Setting({"resolution": 64, "width_g": 1, "width_d": 1} | LENGTH | options)


SETTINGS |= {
    name: setting
    for name, setting in {
        # its prior is E's range; rate and no decay are ours
        "bigan": Setting(
            {"resolution": 8, "channels": 3, "width": 1, "latent_dim": 2, "lr": 1e-3, "l2": 0.0}
            | {"decay_start_kimg": LENGTH["total_kimg"]}
            | LENGTH,
            critic=PairCritic,
            judge=logits_of_pair,
            encoder=PointCoder,
        ),
        # a normal prior, so E's codes are not bounded; rate and lambda are ours, as GAN-QP's here
        "bigan_qp": Setting(
            {"resolution": 8, "channels": 3, "width": 1, "hidden": 1, "latent_dim": 2, "lambda_qp": 1.0}
            | {"n_dis": 2, "lr": 2e-3}
            | LENGTH,
            critic=PairCritic,
            judge=logits_of_pair,
            encoder=partial(PointGenerator, LATENT_DIM),
        ),
        # one class for all, as for BigGAN
        "cgan": Setting(
            {"resolution": 16, "n_classes": 1, "architecture": "dcgan", "channels": 3, "width_g": 1, "width_d": 1}
            | {"prior": "normal", "half": False, "optimizer": "adam", "lr": 2e-3}
            | LENGTH,
            judge=logits_of_one_class,
        ),
        "dcgan": small_baseline(prior="normal", lr=1e-3, l2=0.0),
        "fgan": small_baseline(resolution=32, prior="normal", lr=3e-3, beta1=0.0),
        "gan_qp": small_baseline(resolution=8, lr=2e-3, lambda_qp=1.0),
        "wgan": small_baseline(clip=0.1, lr=1e-3, n_critic=2, n_critic_long=None),
        "wgan_div": small_baseline(n_dis=2, lr=2e-3),
        "wgan_gp": small_baseline(
            resolution=32, n_classes=0, n_dis=2, lambda_gp=0.1, lr=2e-3, beta1=0.5, batch_size_g=128, bn_groups=1
        ),
    }.items()
    if name in BASELINES
}


def m17(**options: Any) -> Setting:
    """The ring of the notebook mog-eigval-dist: four layers of 16 units, RMSProp 1e-4, 512 points, 50,000 steps.

    Ours is shorter: the command's `--kimg 25600` is the notebook's length.
    """
    return Setting(
        thrown_away(resolution=16) | {"lr": 1e-4, "batch_size": 512, "total_kimg": 1536} | options,
        generator=lambda dim: MLP(16, dim, 16, 4),
        critic=lambda dim: MLP(dim, None, 16, 4),
        latent_dim=16,
    )


#: (paper, data) -> what the paper itself took on these points, shorter
PUBLISHED = {
    # rothk/Stabilizing_GANs @ 023b84d, 3DGAN/3DGAN.py: networks, rates, the saturating loss, gamma with the flag
    # that anneals it. Ours: 3,000 steps of 128 points for 100,000 of 512, and G before D, as for its images.
    ("rothgan", "submanifold"): Setting(
        thrown_away(resolution=16)
        | {"gamma": 0.1, "annealing": 0.01, "saturating": True, "lr": 1e-3, "beta1": 0.5}
        | LENGTH,
        generator=ToyGenerator,
        critic=ToyCritic,
    ),
    ("conopt", "ring-m17"): m17(),
    # locuslab/gradient_regularized_gan @ c1f6127, gaussian-toy-regularized.py: saturating, eta 0.5, Adam 1e-4 with
    # beta1 0.5, G 2 x 128, D of a quarter of its input 1 x 128; 100,001 iterations there
    ("nk17", "ring-nk17"): Setting(
        thrown_away(resolution=16) | {"batch_size": 512, "total_kimg": 1536},
        generator=lambda dim: orthogonal(MLP(256, dim, 128, 2)),
        critic=lambda dim: orthogonal(MLP(dim, None, 128, 1, scale=4.0)),
        latent_dim=256,
    ),
}


def setting_of(paper: str, data: str) -> Setting:
    """The paper's own setting on these points where it has one, else ours.

    Raises:
        ValueError: for a paper without one.
    """
    if paper not in SETTINGS:
        raise ValueError(f"{paper} has no setting for points; there are {', '.join(SETTINGS)}")
    return PUBLISHED.get((paper, data), SETTINGS[paper])
