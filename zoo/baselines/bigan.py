"""Adversarial Feature Learning (Donahue, Krähenbühl, Darrell, ICLR 2017): bidirectional GAN.

arXiv 1605.09782. Official code: jeffdonahue/bigan @ 06342ee ("B").

    python reproductions/bigan.py                                                # MNIST, dense layers
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.engine.gan import GAN
from zoo.engine.latents import PRIORS
from zoo.engine.pixels import Pixels
from zoo.engine.schedules import exponential_decay
from zoo.evaluation import accuracy, reconstruction
from zoo.networks import bigan as networks
from zoo.networks.modes import evaluating, frozen
from zoo.objectives.losses import nonsaturating_d
from zoo.options import ranges


class BiGAN(GAN):
    """An encoder E beside G, and a discriminator of pairs: (x, E(x)) against (G(z), z).

    E and G together lower the loss with the labels swapped, the non-saturating form, for both terms. All three
    networks move at once, by gradients of one set of parameters. At the optimum E inverts G.

    Args:
        resolution: side of the images (paper, MNIST: 28).
        channels: 1 for grey images.
        width: hidden units of all three networks.
        latent_dim: length of z.
        prior: z ~ U(-1, 1), E's range, so that no other will do.
        lr: Adam's rate at the start, for all networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        l2: times each weight, added to its gradient (B train_gan.py:173).
        decay_start_kimg: images after which the rate falls, geometrically.
        decay: its last value as a part of the first, at `total_kimg`.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 28,
        channels: Literal[1, 3] = 1,
        width: ranges.Width = 1024,
        latent_dim: ranges.Width = 50,
        prior: Literal["uniform"] = "uniform",
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        l2: ranges.NonNegativeFloat = 2.5e-5,
        decay_start_kimg: ranges.NonNegativeFloat = 12_000,
        decay: ranges.Fraction = 0.01,
        batch_size: ranges.BatchSize = 128,
        total_kimg: ranges.PositiveFloat = 24_000,
    ) -> None:
        shape = (channels, resolution, resolution)
        super().__init__(
            networks.Generator(shape, width, latent_dim),
            networks.Discriminator(shape, width, latent_dim),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=True),
        )
        self.E = networks.Encoder(shape, width, latent_dim)
        self.save_hyperparameters()
        self.prior, self.lr, self.betas, self.l2 = PRIORS[prior], lr, (beta1, beta2), l2
        self.decay_start_kimg, self.decay = decay_start_kimg, decay

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        players = [[*self.G.parameters(), *self.E.parameters()], self.D.parameters()]
        return [torch.optim.Adam(player, self.lr, self.betas, weight_decay=self.l2) for player in players]

    def cooled(self) -> float:
        """Factor of the rate: 1, and from `decay_start_kimg` on geometrically down to `decay`."""
        past = self.nimg - self.decay_start_kimg * 1000
        return exponential_decay(past, self.decay, self.total_kimg - self.decay_start_kimg) if past > 0 else 1.0

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        x = self.to_native(batch[0])
        factor = self.cooled()
        for optimizer in self.optimizers():
            self.set_lr(optimizer, self.lr * factor)
            optimizer.zero_grad()
        z = self.latents(len(x))
        generated, encoded = self.G(z), self.E(x)

        # discriminator: images with their codes against latents with their images
        real_logits, fake_logits = self.D(x, encoded.detach()), self.D(generated.detach(), z)
        loss_d = 0.5 * nonsaturating_d(real_logits, fake_logits)
        self.manual_backward(loss_d)

        # encoder and generator: the labels swapped, before D has moved
        with frozen(self.D):
            loss_g = 0.5 * nonsaturating_d(self.D(generated, z), self.D(x, encoded))
            self.manual_backward(loss_g)
        for optimizer in self.optimizers():
            self.apply_gradients(optimizer)
        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
            }
        )

    def own_metrics(self, data: ImageDataModule) -> dict[str, float | str]:
        """Accuracy in % of the nearest neighbour's class, in the features before E's output as in Table 1 (97.35 in
        B's README) and in E's output (92.10 there), and errors of reconstructions; the work of one rank."""
        if self.global_rank:
            return {}
        spaces = {"accuracy_1nn": self.E.features, "accuracy_1nn_codes": self.E}
        with evaluating(self.E):
            found = accuracy.of_neighbours(data, spaces, self.to_native, self.E.out.weight)
        return found | reconstruction.of_data(self, data)

    def own_pictures(self, data: ImageDataModule) -> dict[str, tuple[Tensor, int]]:
        """Images, of those held out if there are any, each beside its reconstruction."""
        return {"reconstructions": reconstruction.pairs_of_data(self, data)}

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """E(x), (N, latent_dim) in (-1, 1), of images (N, 3, R, R) in [-1, 1]; `decode` is the way back."""
        with evaluating(self.E):
            return self.E(self.to_native(images))
