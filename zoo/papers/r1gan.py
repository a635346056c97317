"""Which Training Methods for GANs do actually Converge? (Mescheder, Geiger, Nowozin, ICML 2018).

arXiv 1801.04406. Official code: LMescheder/GAN_stability @ c1f64c9 ("GS").

    python reproductions/r1gan.py                                                # ImageNet 128 px, conditional
    python reproductions/r1gan.py --config reproductions/r1gan/celebahq.yaml
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.networks import r1gan as networks
from zoo.networks.modes import frozen
from zoo.objectives.losses import ADVERSARIAL
from zoo.objectives.penalties import between, r1, r2, wgan_gp
from zoo.options.ranges import BatchSize, ClassCount, Decay, NonNegativeFloat, PositiveFloat, Side, Width

#: as GS config.py:80-114 builds them; partials and no lambdas, so that the module can be pickled
OPTIMIZERS = {
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.99, eps=1e-8),
    "adam": partial(AdamEpsilonHat, betas=(0.0, 0.99), eps=1e-8),  # as PyTorch before 1.3 computed it
    "sgd": torch.optim.SGD,
}


def on_real(D: nn.Module, real: Tensor, real_logits: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
    return r1(real_logits, real)  # on the pass that the loss has made


def on_fake(D: nn.Module, real: Tensor, real_logits: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
    fake = fake.detach().requires_grad_()
    return r2(D(fake, label), fake)


def norm_1_between(D: nn.Module, real: Tensor, real_logits: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
    x = between(real, fake)
    return wgan_gp(D(x, label), x)


def norm_0_between(D: nn.Module, real: Tensor, real_logits: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
    x = between(real, fake)
    return r1(D(x, label), x)


#: name in recipes -> the terms of which gamma/2 times the sum is added to D's loss (GS train.py:53, 68)
PENALTIES = {
    "none": (),
    "r1": (on_real,),
    "r2": (on_fake,),
    "r1+r2": (on_real, on_fake),
    "wgan_gp": (norm_1_between,),
    "wgan_gp0": (norm_0_between,),
}


class R1GAN(GAN):
    """Non-saturating GAN whose discriminator pays gamma/2 * E ||grad_x D(x)||^2 on real images (R1, eq. 9).

    One iteration is a D step and a G step, each on latents of its own; fakes take the classes of the real batch
    (GS train.py:185-192). No network has a normalisation layer.

    Args:
        resolution: for resnet a power of two from 8 on, for resnet2 a multiple of 32, for the others of 64.
        n_classes: 0 for the unconditional model.
        architecture: "resnet" (celebA-HQ, LSUN), "resnet2" (ImageNet), "resnet3" and "resnet4" (the released
            models of LSUN and celebA).
        width_g: base number of channels of G.
        width_d: base number of channels of D.
        max_width: most channels of a layer of "resnet".
        embed_dim: length of the class embedding; None takes 256, without classes 1.
        latent_dim: length of z.
        loss: "nonsaturating" (standard) or "wasserstein".
        penalty: where D's input gradient is held: on real images ("r1"), on fakes ("r2"), on both, or between them
            at norm 1 ("wgan_gp") or 0 ("wgan_gp0").
        gamma: the penalty counts gamma/2 times (eq. 9). The code has reg_param and no 1/2: gamma = 2 reg_param.
        optimizer: "rmsprop" (alpha 0.99), "adam" (betas 0 and 0.99) or "sgd" (no momentum).
        lr: learning rate of both networks.
        ema_decay: decay of the average of G at each of its steps.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: Side = 128,
        n_classes: ClassCount = 1000,
        architecture: networks.Architecture = "resnet2",
        width_g: Width = 64,
        width_d: Width = 64,
        max_width: Width = 1024,
        embed_dim: Width | None = None,
        latent_dim: Width = 256,
        loss: Literal["nonsaturating", "wasserstein"] = "nonsaturating",
        penalty: Literal["none", "r1", "r2", "r1+r2", "wgan_gp", "wgan_gp0"] = "r1",
        gamma: NonNegativeFloat = 20.0,
        optimizer: Literal["rmsprop", "adam", "sgd"] = "adam",
        lr: PositiveFloat = 1e-4,
        ema_decay: Decay = 0.999,
        batch_size: BatchSize = 128,
        total_kimg: PositiveFloat = 64_000,
    ) -> None:
        super().__init__(
            networks.Generator(
                resolution, width_g, max_width, latent_dim, n_classes, embed_dim, architecture=architecture
            ),
            networks.Discriminator(resolution, width_d, max_width, n_classes, architecture=architecture),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            ema=EMA(decay=ema_decay),
        )
        self.save_hyperparameters()
        self.loss_d, self.loss_g = ADVERSARIAL[loss]
        self.penalties, self.gamma = PENALTIES[penalty], gamma
        self.optimizer, self.lr = OPTIMIZERS[optimizer], lr

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.optimizer(net.parameters(), self.lr) for net in (self.G, self.D)]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        label = label if self.n_classes else None
        self.seed_step()

        # discriminator; what is differentiated twice runs in float32
        with torch.no_grad():
            fake = self.G(self.latents(len(real)), label)
        fake_logits = self.D(fake, label)
        with self.differentiated_twice():
            real = real.requires_grad_()
            real_logits = self.D(real, label)
            fake = fake.to(real.dtype)
            penalty = sum(term(self.D, real, real_logits, fake, label) for term in self.penalties)
        loss_d = self.loss_d(real_logits, fake_logits)
        self.update(self.opt_d, loss_d + 0.5 * self.gamma * penalty)

        # generator, against the updated discriminator
        with frozen(self.D):
            fake_logits_g = self.D(self.G(self.latents(len(real)), label), label)
            loss_g = self.loss_g(fake_logits_g)
            self.update(self.opt_g, loss_g)

        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "penalty/gradient": penalty,
            }
        )
