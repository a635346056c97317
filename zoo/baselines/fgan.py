"""f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization (NIPS 2016).

Nowozin, Cseke, Tomioka, arXiv 1606.00709. No code was published for the paper; the first author's teaching
notebooks are nowozin/mlss2018-madrid-gan @ 186e679 ("N"). The paper's text was not at hand.

    python reproductions/fgan.py                                                 # CIFAR-10, as N trains
    python reproductions/fgan.py --model.divergence kl
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.latents import PRIORS
from zoo.engine.pixels import Pixels
from zoo.networks.modes import frozen
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.divergences import DIVERGENCES, f_gan_d, f_gan_g
from zoo.objectives.penalties import r1
from zoo.options import ranges

DivergenceName = Literal["gan", "js", "kl", "reverse_kl", "pearson_chi2", "neyman_chi2", "squared_hellinger"]


class FGAN(GAN):
    """V estimates an f-divergence from below, T = g_f(V), and G lowers the estimate.

    Both gradients are of one forward pass at the old parameters, as in N: the paper's single-step method (recalled:
    unverified). N also pays gamma / 2 |dT/dx|^2 on real images, on T behind the activation and not on the logit.

    Args:
        resolution: side of the images.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: V's normalisation.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of V.
        latent_dim: length of z.
        prior: z ~ U(0, 1) as in N, "uniform" is U(-1, 1), or "normal".
        divergence: name in `zoo.objectives.divergences.DIVERGENCES`. T of an image above its threshold f'(1) means
            that V holds it for real; the log has it as T/threshold.
        saturating: G lowers V's own value, the saddle point (N), instead of raising T of its fakes (the paper's
            section 3.2, recalled: unverified).
        gamma: weight of the penalty, counted half (N: 10 at 32 px, 1 in 1-D).
        lr: Adam's rate, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 32,
        architecture: Architecture = "notebook",
        norm_d: NormName = "batch",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 100,
        prior: Literal["uniform", "unit_uniform", "normal"] = "unit_uniform",
        divergence: DivergenceName = "gan",
        saturating: bool = False,
        gamma: ranges.NonNegativeFloat = 10.0,
        lr: ranges.PositiveFloat = 1e-3,
        beta1: ranges.Decay = 0.9,
        beta2: ranges.Decay = 0.999,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 1_250,
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
        self.prior, self.divergence = PRIORS[prior], DIVERGENCES[divergence]
        self.saturating, self.gamma, self.lr, self.betas = saturating, gamma, lr, (beta1, beta2)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.Adam(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        for optimizer in self.optimizers():
            optimizer.zero_grad()

        # V; what is differentiated twice runs in float32
        fake = self.G(self.latents(len(real)))
        fake_logits = self.D(fake.detach())
        with self.differentiated_twice(half=False):
            real = real.detach().requires_grad_(self.gamma > 0)
            real_logits = self.D(real)
            penalty = r1(self.divergence.activation(real_logits), real) if self.gamma else real.new_zeros(())
        loss_d = f_gan_d(self.divergence, real_logits, fake_logits)
        self.manual_backward(loss_d + 0.5 * self.gamma * penalty)

        # G, before V has moved
        with frozen(self.D):
            loss_g = f_gan_g(self.divergence, self.D(fake), self.saturating)
            self.manual_backward(loss_g)
        for optimizer in self.optimizers():
            self.apply_gradients(optimizer)
        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "T/real": self.divergence.activation(real_logits).mean(),
                "T/fake": self.divergence.activation(fake_logits).mean(),
                "T/threshold": self.divergence.threshold,
                "penalty/gradient": penalty,
            }
        )
