"""Gradient descent GAN optimization is locally stable (Nagarajan and Kolter, NIPS 2017).

arXiv 1706.04156. Official code: locuslab/gradient_regularized_gan @ c1f6127 ("NK"), TensorFlow 1.1.

    python reproductions/nk17.py
    zoo lab plane nk17 --data ring-nk17                                           # the authors' ring of Gaussians
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.networks import conopt as networks
from zoo.networks.modes import frozen
from zoo.objectives.losses import ADVERSARIAL
from zoo.options import ranges
from zoo.ranks import share
from zoo.ranks.sums import of_gradients


class NK17(GAN):
    """G also lowers the length of D's gradient: it looks ahead to where D would go.

    D maximises V = E[f(D(x))] + E[f(-D(G(z)))], f(t) = -log(1 + exp(-t)); then G minimises
    V + eta |grad_D V|^2 against the updated D (NK gaussian-toy-regularized.py). The penalty acts on G alone. At an
    equilibrium it adds -2 eta B^T B to G's part of the Jacobian, so that training is stable where the plain game
    turns; for f'' < 0 eta must stay below 1 / (2 lambda_max(-A)), A being D's part (recalled, unverified).

    The paper's image networks were not at hand: those of consensus optimisation, without normalisation, stand in.

    Args:
        resolution: divisible by 16; for "resnet_cf" a power of two.
        architecture: as `zoo.networks.conopt.build`.
        width_g: channels of G.
        width_d: channels of D.
        latent_dim: length of z.
        loss: "saturating", as the paper's V, "nonsaturating" or "wasserstein".
        eta: weight of the penalty.
        lr: Adam's alpha for both players.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 32,
        architecture: networks.Architecture = "dcgan4_nobn_cf",
        width_g: ranges.Width = 64,
        width_d: ranges.Width = 64,
        latent_dim: ranges.Width = 256,
        loss: Literal["saturating", "nonsaturating", "wasserstein"] = "saturating",
        eta: ranges.NonNegativeFloat = 0.5,
        lr: ranges.PositiveFloat = 1e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 6_400,
    ) -> None:
        super().__init__(
            *networks.build(architecture, resolution, latent_dim, width_g, width_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=batch_size,
            total_kimg=total_kimg,
        )
        self.save_hyperparameters()
        self.loss_d, self.loss_g = ADVERSARIAL[loss]
        self.eta, self.lr, self.betas = eta, lr, (beta1, beta2)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.Adam(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, _ = batch
        self.seed_step()
        z = self.latents(len(real))

        # discriminator
        with torch.no_grad():
            fake = self.G(z)
        real_logits, fake_logits = self.D(real), self.D(fake)
        loss_d = self.loss_d(real_logits, fake_logits)
        self.update(self.opt_d, loss_d)

        # generator, on the same batch (NK); D's gradient is differentiated, in float32
        with self.differentiated_twice(half=False):
            fake = self.G(z)
            slope = self.d_slope(real, fake)
            with frozen(self.D):
                loss_g = self.loss_g(self.D(fake))
            self.update(self.opt_g, loss_g + self.eta * slope)

        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "penalty/field": slope,
            }
        )

    def d_slope(self, real: Tensor, fake: Tensor) -> Tensor:
        """|grad_D V|^2 of the whole batch, a scalar whose graph reaches G through the fakes."""
        loss_d = self.loss_d(self.D(real), self.D(fake))
        gradients = torch.autograd.grad(share.weight() * loss_d, list(self.D.parameters()), create_graph=True)
        return sum(g.square().sum() for g in of_gradients(gradients))
