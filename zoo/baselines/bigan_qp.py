"""GAN-QP's form with an encoder, BiGAN-QP (Su, 2018, arXiv 1811.07296).

Official code: bojone/gan-qp @ f81ec73, bigan-qp/bigan_qp_128.py ("Q").

    python reproductions/bigan_qp.py                                             # CelebA-HQ 128 px
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.evaluation import reconstruction
from zoo.networks import keras_dcgan as networks
from zoo.networks.modes import evaluating, frozen
from zoo.objectives.losses import gan_qp_g, wasserstein_d
from zoo.objectives.penalties import pair_distance, quadratic_potential
from zoo.options import ranges


class BiGAN_QP(GAN):
    """BiGAN's pairs under GAN-QP's loss: the distance of two pairs is that of the images plus that of the latents.

    E and G lower E[T(x, E(x))] - E[T(G(z), z)], and pay for what they cannot invert: G(z) must be encoded as z, and
    E(x) decoded as x, in which the one that gave the input is held still.

    Args:
        resolution: a power of two (Q: 128 or 256).
        channels: 1 for grey images.
        width: channels of the 4 px map of all networks; None takes Q's, 8 for each pixel of the side.
        hidden: units of D's head (Q: 1024).
        latent_dim: length of z (Q: the side).
        lambda_qp: lambda.
        weight_z: of the latents' squared error (Q: 2, at 256 px 4).
        weight_x: of the images' squared error (Q: 3, at 256 px 6).
        n_dis: D steps per step of E and G.
        lr: Adam's rate, for all networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        eps: Adam's epsilon (Keras: 1e-7).
        batch_size: real images in one D step, over all ranks.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 128,
        channels: Literal[1, 3] = 3,
        width: ranges.Width | None = None,
        hidden: ranges.Width = 1024,
        latent_dim: ranges.Width = 128,
        lambda_qp: ranges.PositiveFloat = 10.0,
        weight_z: ranges.NonNegativeFloat = 2.0,
        weight_x: ranges.NonNegativeFloat = 3.0,
        n_dis: ranges.PositiveInt = 2,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        eps: ranges.PositiveFloat = 1e-7,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 12_800,
    ) -> None:
        super().__init__(
            networks.Generator(resolution, width, latent_dim, channels),
            networks.JointCritic(resolution, width, latent_dim, hidden, channels),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
            pixels=Pixels(channels),
        )
        self.E = networks.Encoder(resolution, width, latent_dim, channels).to(memory_format=torch.channels_last)
        self.save_hyperparameters()
        self.lambda_qp, self.weight_z, self.weight_x = lambda_qp, weight_z, weight_x
        self.n_dis, self.lr, self.betas, self.eps = n_dis, lr, (beta1, beta2), eps

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        players = [[*self.G.parameters(), *self.E.parameters()], self.D.parameters()]
        return [AdamEpsilonHat(player, self.lr, self.betas, self.eps) for player in players]

    def critic_step(self, x: Tensor) -> dict[str, Tensor]:
        z = self.latents(len(x))
        with torch.no_grad():
            generated, encoded = self.G(z), self.E(x)
        real_scores, fake_scores = self.D(x, encoded), self.D(generated, z)
        loss_d = wasserstein_d(real_scores, fake_scores)
        distance = self.lambda_qp * (pair_distance(x, generated) + pair_distance(encoded, z))
        quadratic = quadratic_potential(real_scores, fake_scores, distance)
        self.update(self.opt_d, loss_d + quadratic)
        return {
            "loss/d": loss_d,
            "logits/real": real_scores.mean(),
            "logits/fake": fake_scores.mean(),
            "penalty/quadratic": quadratic,
            "distance": distance.mean(),
        }

    def generator_step(self, x: Tensor) -> dict[str, Tensor]:
        z = self.latents(len(x))
        generated, encoded = self.G(z), self.E(x)
        with frozen(self.D):
            loss_g = gan_qp_g(self.D(x, encoded), self.D(generated, z))
            error_z = (z - self.E(generated.detach())).square().mean()
            error_x = (x - self.G(encoded.detach())).square().mean()
            self.update(self.opt_g, loss_g + self.weight_z * error_z + self.weight_x * error_x)
        return {"loss/g": loss_g, "loss/z": error_z, "loss/x": error_x}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        for x in real.tensor_split(self.n_dis):
            scalars = self.critic_step(x)
        self.report(scalars | self.generator_step(x))

    def own_metrics(self, data: ImageDataModule) -> dict[str, float | str]:
        """Errors of reconstructions; the work of one rank, since it is little."""
        return reconstruction.of_data(self, data) if self.global_rank == 0 else {}

    def own_pictures(self, data: ImageDataModule) -> dict[str, tuple[Tensor, int]]:
        """Images, of those held out if there are any, each beside its reconstruction."""
        return {"reconstructions": reconstruction.pairs_of_data(self, data)}

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """E(x), (N, latent_dim), of images (N, 3, R, R) in [-1, 1]; `decode` is the way back."""
        with evaluating(self.E):
            return self.E(self.to_native(images))
