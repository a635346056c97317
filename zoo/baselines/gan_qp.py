"""GAN-QP: A Novel GAN Framework without Gradient Vanishing and Lipschitz Constraint (Su, 2018).

arXiv 1811.07296. Official code: bojone/gan-qp @ f81ec73 ("Q"). Its form with an encoder: `zoo.baselines.bigan_qp`.

    python reproductions/gan_qp.py                                               # CelebA-HQ 128 px, L1
    python reproductions/gan_qp.py --config reproductions/gan_qp/celebahq-512.yaml
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.networks.modes import frozen
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.losses import gan_qp_g, wasserstein_d
from zoo.objectives.penalties import pair_distance, quadratic_potential
from zoo.options import ranges


class GAN_QP(GAN):
    """D pays (T(x) - T(x'))^2 / (2 lambda d(x, x')) for each pair of a real and a fake image, and nothing else.

    The pairs are the rows of the two batches. At the optimum |T(x) - T(x')| <= lambda d(x, x'): a Lipschitz bound
    that nobody had to impose. One iteration is `n_dis` D steps and a G step, whose loss has no quadratic term; the
    real scores in it are a constant, so that the last batch stands for a new one.

    Args:
        resolution: side of the images.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: D's normalisation.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of D.
        latent_dim: length of z.
        distance: "l1", the mean of |x - x'| over an image's numbers, or "l2", the root of the mean square.
        lambda_qp: lambda.
        n_dis: D steps per G step.
        lr: Adam's rate, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        eps: Adam's epsilon (Keras: 1e-7).
        batch_size: real images in one D step, and fakes in one G step, over all ranks.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 128,
        architecture: Architecture = "keras",
        norm_d: NormName = "batch",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 128,
        distance: Literal["l1", "l2"] = "l1",
        lambda_qp: ranges.PositiveFloat = 10.0,
        n_dis: ranges.PositiveInt = 2,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        eps: ranges.PositiveFloat = 1e-7,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 12_800,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, latent_dim, channels, width_g, width_d, norm_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=architecture == "cnn" and resolution == 28),
        )
        self.save_hyperparameters()
        self.distance, self.lambda_qp = distance, lambda_qp
        self.n_dis, self.lr, self.betas, self.eps = n_dis, lr, (beta1, beta2), eps

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas, self.eps) for net in (self.G, self.D)]

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(self.latents(len(real)))
        real_scores, fake_scores = self.D(real), self.D(fake)  # apart: each has batch statistics of its own
        loss_d = wasserstein_d(real_scores, fake_scores)
        distance = self.lambda_qp * pair_distance(real, fake, self.distance)
        quadratic = quadratic_potential(real_scores, fake_scores, distance)
        self.update(self.opt_d, loss_d + quadratic)
        return {
            "loss/d": loss_d,
            "logits/real": real_scores.mean(),
            "logits/fake": fake_scores.mean(),
            "penalty/quadratic": quadratic,
            "distance": distance.mean(),
        }

    def generator_step(self, real: Tensor) -> dict[str, Tensor]:
        with frozen(self.D):
            loss_g = gan_qp_g(self.D(real), self.D(self.G(self.latents(len(real)))))
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        for x in real.tensor_split(self.n_dis):
            scalars = self.critic_step(x)
        self.report(scalars | self.generator_step(x))
