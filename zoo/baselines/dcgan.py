"""Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks (ICLR 2016).

Radford, Metz, Chintala, arXiv 1511.06434. Code: Newmu/dcgan_code @ ee12b2d ("D", Theano) and soumith/dcgan.torch
@ 6eaac63 ("T"). The paper's text was not at hand.

    python reproductions/dcgan.py                                                # faces 64 px, as D trains
    python reproductions/dcgan.py --config reproductions/dcgan/torch.yaml        # as T trains
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.latents import PRIORS
from zoo.engine.pixels import Pixels
from zoo.engine.schedules import linear_decay
from zoo.networks.modes import frozen
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g
from zoo.options import ranges


class DCGAN(GAN):
    """Non-saturating GAN of strided convolutions and batch norm. D's loss is a sum of two means, not halved.

    D's authors give every other minibatch to G alone, which needs no images: here one iteration is such a pair, G
    first, and only D's images count. T updates D, then G on the same fakes; T keeps D's activations from before its
    update, here D looks at the fakes again.

    Args:
        resolution: side of the images.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: D's normalisation.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of D.
        latent_dim: length of z.
        prior: z ~ U(-1, 1), U(0, 1) ("unit_uniform") or N(0, 1) ("normal").
        order: "theano" (G, then D on new fakes) or "torch" (D, then G on the same latents).
        lr: Adam's rate, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        l2: times each parameter, batch norms' too, added to its gradient (D lib/updates.py:130-133; whether the
            paper says so is unverified).
        decay_start_kimg: images after which the rate falls linearly to 0 at `total_kimg`; None for a constant one.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 64,
        architecture: Architecture = "theano",
        norm_d: NormName = "batch",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 100,
        prior: Literal["uniform", "unit_uniform", "normal"] = "uniform",
        order: Literal["theano", "torch"] = "theano",
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        l2: ranges.NonNegativeFloat = 1e-5,
        decay_start_kimg: ranges.NonNegativeFloat | None = None,
        batch_size: ranges.BatchSize = 128,
        total_kimg: ranges.PositiveFloat = 2_532,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, latent_dim, channels, width_g, width_d, norm_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=architecture == "cnn" and resolution == 28),
        )
        self.save_hyperparameters()
        self.prior, self.iteration = PRIORS[prior], {"theano": self.theano, "torch": self.torch}[order]
        self.lr, self.betas, self.l2, self.decay_start_kimg = lr, (beta1, beta2), l2, decay_start_kimg

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        options = {"lr": self.lr, "betas": self.betas, "weight_decay": self.l2}
        return [torch.optim.Adam(net.parameters(), **options) for net in (self.G, self.D)]

    def discriminator_step(self, real: Tensor, z: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(z)
        real_logits, fake_logits = self.D(real), self.D(fake)  # apart: each has batch statistics of its own
        loss_d = nonsaturating_d(real_logits, fake_logits)
        self.update(self.opt_d, loss_d)
        return {"loss/d": loss_d, "logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}

    def generator_step(self, z: Tensor) -> dict[str, Tensor]:
        with frozen(self.D):
            loss_g = nonsaturating_g(self.D(self.G(z)))
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def theano(self, real: Tensor) -> dict[str, Tensor]:
        n = len(real)
        return self.generator_step(self.latents(n)) | self.discriminator_step(real, self.latents(n))

    def torch(self, real: Tensor) -> dict[str, Tensor]:
        z = self.latents(len(real))
        return self.discriminator_step(real, z) | self.generator_step(z)

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        if self.decay_start_kimg is not None:
            factor = linear_decay(self.nimg, self.decay_start_kimg, self.total_kimg)
            for optimizer in self.optimizers():
                self.set_lr(optimizer, self.lr * factor)
        self.report(self.iteration(real))
