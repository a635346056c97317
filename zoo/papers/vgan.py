"""Variational Discriminator Bottleneck (Peng, Kanazawa, Toyer, Abbeel, Levine, ICLR 2019): VGAN and VGAN-GP.

arXiv 1810.00821. Official code: akanazawa/vgan @ 7f4d73c ("AK"), a modified LMescheder/GAN_stability.

    python reproductions/vgan.py                                             # CIFAR-10, VGAN-GP
    python reproductions/vgan.py --config reproductions/vgan/celebahq.yaml
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.networks.modes import frozen
from zoo.networks.r1gan import Generator
from zoo.networks.vgan import Discriminator
from zoo.objectives.bottleneck import dual_ascent
from zoo.objectives.losses import ADVERSARIAL
from zoo.options.ranges import BatchSize, ClassCount, Decay, NonNegativeFloat, PositiveFloat, Side, Width
from zoo.papers.r1gan import PENALTIES
from zoo.ranks.sums import of_means


class VGAN(GAN):
    """GAN whose discriminator judges a noisy code z ~ N(mu(x), sigma(x)^2) that may hold only I_c nats about x.

    D pays beta * (KL - I_c), KL the mean of KL(E(z|x) || N(0, I)) over real and fake images, and beta climbs along
    its excess: dual gradient ascent (eq. 7-10). With the penalty on real images it is VGAN-GP. One iteration is a D
    step, an update of beta and a G step; each pass of D draws a code of its own.

    Args:
        resolution: a power of two from 8 on.
        n_classes: 0 for the unconditional model.
        width_g: base number of channels of G.
        width_d: base number of channels of D.
        max_width: most channels of a layer.
        embed_dim: length of the class embedding; None takes 256, without classes 1.
        latent_dim: length of G's z.
        bottleneck: "gaussian", or for the paper's baselines "noise" (N(0, 1) on the code) or "none".
        code_channels: K, channels of the code at each of its 4x4 positions.
        information: I_c, in nats per position: the whole code may carry 16 times that.
        beta: its first value.
        beta_step: step size of the dual ascent.
        loss: "nonsaturating" (the code), "saturating" (eq. 11) or "wasserstein".
        penalty: "none", "r1" (on real images) or "wgan_gp" (between real and fake ones).
        gamma: the penalty counts gamma/2 times. The code has a factor of 10 and no 1/2: gamma = 20.
        g_sees: whether G is judged by a drawn code ("sample", the code) or by its mean ("mean", eq. 11).
        lr: RMSprop's learning rate, for both networks.
        ema_decay: decay of the average of G at each of its steps.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: Side = 32,
        n_classes: ClassCount = 0,
        width_g: Width = 32,
        width_d: Width = 32,
        max_width: Width = 256,
        embed_dim: Width | None = None,
        latent_dim: Width = 256,
        bottleneck: Literal["gaussian", "noise", "none"] = "gaussian",
        code_channels: Width = 256,
        information: NonNegativeFloat = 0.1,
        beta: NonNegativeFloat = 0.1,
        beta_step: NonNegativeFloat = 1e-5,
        loss: Literal["nonsaturating", "saturating", "wasserstein"] = "nonsaturating",
        penalty: Literal["none", "r1", "wgan_gp"] = "r1",
        gamma: NonNegativeFloat = 20.0,
        g_sees: Literal["sample", "mean"] = "sample",
        lr: PositiveFloat = 1e-4,
        ema_decay: Decay = 0.999,
        batch_size: BatchSize = 64,
        total_kimg: PositiveFloat = 20_000,
    ) -> None:
        super().__init__(
            Generator(resolution, width_g, max_width, latent_dim, n_classes, embed_dim),
            Discriminator(resolution, width_d, max_width, n_classes, bottleneck, code_channels),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            ema=EMA(decay=ema_decay),
        )
        self.save_hyperparameters()
        constrained = bottleneck == "gaussian"  # else there is no KL that beta could answer
        self.register_buffer("beta", torch.tensor(float(beta) if constrained else 0.0))
        self.beta_step, self.information = beta_step if constrained else 0.0, information
        self.loss_d, self.loss_g = ADVERSARIAL[loss]
        self.penalties, self.gamma = PENALTIES[penalty], gamma
        self.g_samples, self.lr = g_sees == "sample", lr

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.RMSprop(net.parameters(), self.lr, alpha=0.99, eps=1e-8) for net in (self.G, self.D)]

    def climb(self, kl: Tensor) -> None:
        """beta <- max(0, beta + alpha (KL - I_c)), KL of the whole batch (eq. 7-10; AK train.py:158-163)."""
        dual_ascent(self.beta, of_means(kl.detach()), self.information, self.beta_step)

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        label = label if self.n_classes else None
        self.seed_step()

        # discriminator and encoder; what is differentiated twice runs in float32
        with torch.no_grad():
            fake = self.G(self.latents(len(real)), label)
        with self.differentiated_twice():
            real = real.requires_grad_()
            real_logits, kl_real = self.D.logits_and_kl(real, label)
        fake_logits, kl_fake = self.D.logits_and_kl(fake, label)
        loss_d = self.loss_d(real_logits, fake_logits)
        kl = 0.5 * (kl_real.mean() + kl_fake.mean())
        with self.differentiated_twice():
            fake = fake.to(real.dtype)
            penalty = sum(term(self.D, real, real_logits, fake, label) for term in self.penalties)
        self.update(self.opt_d, loss_d + self.beta * kl + 0.5 * self.gamma * penalty)
        self.climb(kl)

        # generator: no KL in its loss
        with frozen(self.D):
            fake_logits_g = self.D(self.G(self.latents(len(real)), label), label, sample=self.g_samples)
            loss_g = self.loss_g(fake_logits_g)
            self.update(self.opt_g, loss_g)

        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "penalty/gradient": penalty,
                "kl/real": kl_real.mean(),
                "kl/fake": kl_fake.mean(),
                "beta": self.beta.clone(),
            }
        )
