"""Stabilizing Training of Generative Adversarial Networks through Regularization (Roth et al., NIPS 2017).

Roth, Lucchi, Nowozin, Hofmann, arXiv 1705.09367. Official code: rothk/Stabilizing_GANs @ 023b84d ("R"), which
has the regulariser of the standard GAN only; the general form was derived anew, the paper's text not being at hand.

    python reproductions/rothgan.py                                           # LSUN bedrooms 64 px, DCGAN
    python reproductions/rothgan.py --model.architecture mlp                  # one of the fragile architectures
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import exponential_decay
from zoo.networks import rothgan as networks
from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.modes import frozen
from zoo.networks.wgan_gp import GoodCritic, GoodGenerator
from zoo.objectives.divergences import DIVERGENCES, f_gan_d, f_gan_g
from zoo.objectives.penalties import f_gan_regularizer, js_regularizer
from zoo.options.ranges import BatchSize, Decay, Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Side, Width
from zoo.ranks import share

Architecture = Literal["dcgan", "resnet", "constant", "mlp", "no-norm", "gated", "tanh"]
DivergenceName = Literal["gan", "js", "kl", "reverse_kl", "pearson_chi2", "neyman_chi2", "squared_hellinger"]


def build(
    architecture: Architecture, resolution: int, latent_dim: int, width_g: int | None, width_d: int | None
) -> tuple[nn.Module, nn.Module]:
    """G and D of one of the paper's architectures; widths of None are the paper's.

    Raises:
        ValueError: if the resolution is not divisible by 16.
    """
    networks.check_resolution(resolution)
    G = partial(networks.DCGANGenerator, resolution, width_g or 64, latent_dim)
    D = partial(networks.DCGANDiscriminator, resolution, width_d or 64)
    if architecture == "resnet":
        G = partial(GoodGenerator, resolution, width_g or 64, latent_dim)
        D = partial(GoodCritic, resolution, width_d or 64, norm=BatchNorm2d)
    elif architecture == "constant":
        G = partial(networks.ConstantGenerator, resolution, width_g or 64, latent_dim)
    elif architecture == "mlp":
        G = partial(networks.MLPGenerator, resolution, width_g or 512, latent_dim)
    elif architecture == "no-norm":
        G, D = partial(G, norm=nn.Identity), partial(D, norm=nn.Identity)
    elif architecture in ("gated", "tanh"):
        G, D = partial(G, activation=architecture), partial(D, activation=architecture)
    return G(), D()


class RothGAN(GAN):
    """f-GAN whose discriminator pays what normal noise on both distributions would cost it, without drawing noise.

    Noise of variance gamma makes the supports overlap; to first order in gamma it is a penalty on D's input
    gradient with a weight given by the divergence, gamma / 2 * Omega. gamma falls geometrically in training. One
    iteration is a G step, skipped at the very first, and then `n_dis` D steps (R igul222_GANs/gan_64x64.py).

    Args:
        resolution: divisible by 16.
        architecture: "dcgan", "resnet" (batch norm in both networks), "constant" (all of G's layers equally wide),
            "mlp" (G of dense layers), "no-norm" (DCGAN without batch norm), "gated" or "tanh" (DCGAN with other
            activations).
        width_g: base number of channels of G; None takes the paper's.
        width_d: base number of channels of D; None takes the paper's.
        latent_dim: length of z.
        divergence: which f-divergence D estimates; "gan" is the standard game.
        saturating: G minimises D's own objective instead of the non-saturating loss.
        regularizer: "js" (the authors' two-sided form, for "gan" and "js"), "generic" (Omega_f on fakes, for every
            divergence), "noise" (no penalty but noise of variance gamma on all that D sees) or "none".
        gamma: variance of the noise that the penalty stands for, at the start.
        annealing: gamma's last value as a fraction of the first; 1 for a constant gamma.
        n_dis: D steps per G step.
        batch_size: real images in one D step, and fakes in one G step, over all ranks.
        lr: Adam's alpha, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.

    Raises:
        ValueError: for regularizer "js" with another divergence.
    """

    def __init__(
        self,
        resolution: Side = 64,
        architecture: Architecture = "dcgan",
        width_g: Width | None = None,
        width_d: Width | None = None,
        latent_dim: Width = 128,
        divergence: DivergenceName = "gan",
        saturating: bool = False,
        regularizer: Literal["js", "generic", "noise", "none"] = "js",
        gamma: NonNegativeFloat = 2.0,
        annealing: Fraction = 0.01,
        n_dis: PositiveInt = 1,
        batch_size: BatchSize = 64,
        lr: PositiveFloat = 2e-4,
        beta1: Decay = 0.5,
        beta2: Decay = 0.999,
        total_kimg: PositiveFloat = 6_400,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, latent_dim, width_g, width_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
        )
        self.save_hyperparameters()
        if regularizer == "js" and divergence not in ("gan", "js"):
            raise ValueError(f"regularizer js belongs to the divergences gan and js, not {divergence}: set generic")
        self.divergence, self.saturating, self.regularizer = DIVERGENCES[divergence], saturating, regularizer
        self.gamma, self.annealing = gamma, annealing
        self.n_dis, self.batch_size, self.lr, self.betas = n_dis, batch_size, lr, (beta1, beta2)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def omega(self, real_logits: Tensor, real: Tensor, fake_logits: Tensor, fake: Tensor) -> Tensor:
        """The regulariser without gamma / 2."""
        if self.regularizer == "js":
            return js_regularizer(real_logits, real, fake_logits, fake)
        if self.regularizer == "generic":
            return f_gan_regularizer(self.divergence, fake_logits, fake)
        return torch.zeros((), device=real.device)

    def noisy(self, x: Tensor, gamma: float) -> Tensor:
        """What D sees of x: itself, or with explicit noise of variance gamma."""
        return x + gamma**0.5 * share.randn(x) if self.regularizer == "noise" else x

    def generator_step(self, gamma: float) -> dict[str, Tensor]:
        with frozen(self.D):
            logits = self.D(self.noisy(self.G(self.latents(self.share(self.batch_size))), gamma))
            loss_g = f_gan_g(self.divergence, logits, self.saturating)
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def discriminator_step(self, real: Tensor, gamma: float) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.noisy(self.G(self.latents(len(real))), gamma)
            real = self.noisy(real, gamma)
        # real and fake apart, each with its own batch statistics; float32 throughout for the second derivative
        with self.differentiated_twice():
            real, fake = real.detach().requires_grad_(), fake.to(real.dtype).requires_grad_()
            real_logits, fake_logits = self.D(real), self.D(fake)
            loss_d = f_gan_d(self.divergence, real_logits, fake_logits)
            omega = self.omega(real_logits, real, fake_logits, fake)
        self.update(self.opt_d, loss_d + gamma / 2 * omega)
        return {
            "loss/d": loss_d,
            "penalty/omega": omega,
            "logits/real": real_logits.mean(),
            "logits/fake": fake_logits.mean(),
        }

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, _ = batch
        if self.regularizer == "noise":
            self.seed_step()
        # exactly gamma at the first iteration, gamma * annealing at the last
        end_kimg = self.total_kimg - self.images_per_step / 1000
        gamma = self.gamma * exponential_decay(self.nimg, self.annealing, end_kimg)
        scalars = self.generator_step(gamma) if self.nimg else {}
        for x in real.tensor_split(self.n_dis):
            scalars |= self.discriminator_step(x, gamma)
        self.report(scalars | {"gamma": gamma})
