"""GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (NIPS 2017).

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, arXiv 1706.08500. Code: bioinf-jku/TTUR @ 73ab375 ("T").

    python reproductions/ttur.py                                                  # CelebA 64 px, DCGAN
    python reproductions/ttur.py --config reproductions/ttur/cifar10-wgangp.yaml  # CIFAR-10, WGAN-GP
    zoo lab saddle                                                                # the toy problem
"""

from typing import Literal

import torch
from torch import Tensor, nn

from zoo.engine.checks import check_parts_of
from zoo.engine.gan import GAN
from zoo.engine.latents import normal, uniform
from zoo.engine.optim import AdamEpsilonHat
from zoo.networks import ttur as networks
from zoo.networks.modes import frozen
from zoo.networks.rothgan import check_resolution
from zoo.networks.wgan_gp import GoodCritic, GoodGenerator
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g, wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, wgan_gp
from zoo.options.ranges import BatchSize, Decay, NonNegativeFloat, PositiveFloat, PositiveInt, Side, Width

PRIORS = {"dcgan": uniform, "wgan-gp": normal}


def dcgan_networks(
    resolution: int, width_g: int | None, width_d: int | None, latent_dim: int, pack: int
) -> tuple[nn.Module, nn.Module]:
    if pack > 1:
        raise ValueError("only the critic of game wgan-gp packs images: set pack to 1")
    G = networks.generator(resolution, width_g or 64, latent_dim)
    return G, networks.discriminator(resolution, width_d or 64)


def wgan_gp_networks(
    resolution: int, width_g: int | None, width_d: int | None, latent_dim: int, pack: int
) -> tuple[nn.Module, nn.Module]:
    check_resolution(resolution)
    G = GoodGenerator(resolution, width_g or resolution, latent_dim)
    return G, GoodCritic(resolution, width_d or resolution, pack=pack)


NETWORKS = {"dcgan": dcgan_networks, "wgan-gp": wgan_gp_networks}


class TTUR(GAN):
    """D and G learn at two constant rates, b and a, with one update each ("TTUR b, a": D's rate comes first).

    The faster player keeps up with the slower one, which makes the pair converge to a stationary local Nash
    equilibrium (Theorem 1); with one rate, D needs several updates for each of G instead. The rule is shown on two
    games, each with networks of its own: the non-saturating DCGAN and WGAN-GP. The original runs that it is
    compared with are the same games with `lr_d` = `lr_g` and, for WGAN-GP, `n_dis` = 5.

    Args:
        resolution: divisible by 16; 64 (CelebA, LSUN) or 32 (CIFAR-10, SVHN) in the paper.
        game: "dcgan" (z uniform, D's step first) or "wgan-gp" (z normal, G's step first).
        width_g: base number of channels of G; None takes the paper's: 64, for WGAN-GP the resolution.
        width_d: base number of channels of D; None takes the paper's.
        latent_dim: length of z.
        pack: so many consecutive images share one score of WGAN-GP's critic; T's code has 4 at 32 px by accident.
        lr_d: b, Adam's alpha for D.
        lr_g: a, Adam's alpha for G.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        n_dis: D steps per G step.
        lambda_gp: weight of WGAN-GP's gradient penalty.
        batch_size: real images in one D step, and fakes in one G step, over all ranks.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.

    Raises:
        ValueError: if the resolution does not divide, or pack does not fit the game or divide the batch.
    """

    def __init__(
        self,
        resolution: Side = 64,
        game: Literal["dcgan", "wgan-gp"] = "dcgan",
        width_g: Width | None = None,
        width_d: Width | None = None,
        latent_dim: Width = 100,
        pack: PositiveInt = 1,
        lr_d: PositiveFloat = 1e-5,
        lr_g: PositiveFloat = 5e-4,
        beta1: Decay = 0.5,
        beta2: Decay = 0.999,
        n_dis: PositiveInt = 1,
        lambda_gp: NonNegativeFloat = 10.0,
        batch_size: BatchSize = 64,
        total_kimg: PositiveFloat = 16_410,
    ) -> None:
        super().__init__(
            *NETWORKS[game](resolution, width_g, width_d, latent_dim, pack),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            block=pack,
            total_kimg=total_kimg,
        )
        self.save_hyperparameters()
        check_parts_of(pack=pack, batch_size=batch_size)
        self.prior, self.iteration = PRIORS[game], {"dcgan": self.dcgan, "wgan-gp": self.wgan_gp}[game]
        self.lr_d, self.lr_g, self.betas = lr_d, lr_g, (beta1, beta2)
        self.n_dis, self.lambda_gp, self.batch_size, self.pack = n_dis, lambda_gp, batch_size, pack

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [
            AdamEpsilonHat(self.G.parameters(), self.lr_g, self.betas),
            AdamEpsilonHat(self.D.parameters(), self.lr_d, self.betas),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, _ = batch
        self.seed_step()
        self.report(self.iteration(real))

    def dcgan(self, real: Tensor) -> dict[str, Tensor]:
        """D, then G on the same latents (T: DCGAN_FID_batched/model.py:336-350)."""
        for x in real.tensor_split(self.n_dis):
            z = self.latents(len(x))
            with torch.no_grad():
                fake = self.G(z)
            real_logits, fake_logits = self.D(x), self.D(fake)
            loss_d = nonsaturating_d(real_logits, fake_logits)
            self.update(self.opt_d, loss_d)

        with frozen(self.D):
            loss_g = nonsaturating_g(self.D(self.G(z)))
            self.update(self.opt_g, loss_g)
            with torch.no_grad():  # the losses after both steps, told by T's log, move G's running averages twice
                for _ in range(2):
                    self.G(z)
        return self.scalars_of(loss_d, real_logits, fake_logits) | {"loss/g": loss_g}

    def wgan_gp(self, real: Tensor) -> dict[str, Tensor]:
        """G, not at the very first iteration, then the critic, on new latents (T: WGAN_GP/gan_64x64_FID.py)."""
        scalars = {}
        if self.nimg:
            with frozen(self.D):
                loss_g = wasserstein_g(self.D(self.G(self.latents(self.share(self.batch_size)))))
                self.update(self.opt_g, loss_g)
            scalars["loss/g"] = loss_g

        for x in real.tensor_split(self.n_dis):
            with torch.no_grad():
                fake = self.G(self.latents(len(x)))
            real_logits, fake_logits = self.D(x), self.D(fake)
            loss_d = wasserstein_d(real_logits, fake_logits)
            with self.differentiated_twice():
                points = between(x, fake.to(x.dtype))
                penalty = wgan_gp(self.D(points), points)  # one norm per image, also where images share a score
            self.update(self.opt_d, loss_d + self.lambda_gp * penalty)
        return scalars | self.scalars_of(loss_d, real_logits, fake_logits) | {"penalty/gradient": penalty}

    @staticmethod
    def scalars_of(loss_d: Tensor, real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
        return {"loss/d": loss_d, "logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
