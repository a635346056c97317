"""A Style-Based Generator Architecture for Generative Adversarial Networks (Karras, Laine, Aila, CVPR 2019).

arXiv 1812.04948. Official code: NVlabs/stylegan @ 1e0d5c7 ("N").

    python reproductions/stylegan.py --trainer.devices 8                                   # FFHQ 1024 px, config F
    python reproductions/stylegan.py --config reproductions/stylegan/celebahq.yaml --trainer.devices 8
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.engine import styled
from zoo.engine.ema import EMA
from zoo.engine.growing import Growing
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import ProgressiveSchedule
from zoo.networks import stylegan as networks
from zoo.networks.modes import frozen
from zoo.networks.progressive import fade_reals
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g, wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, r1, wgan_gp
from zoo.options import ranges

#: resolution -> minibatch over 8 GPUs (N train.py), and learning rate (N train.py:54), where not the base's
EIGHT_GPUS = {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}
RATES = {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}

#: D's loss without its penalty, the penalty with its factor, D's logits of the real and of the fake images
Judged = tuple[Tensor, Tensor, Tensor, Tensor]


def logistic_r1(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, level: int, gamma: float) -> Judged:
    """Logistic loss and gamma/2 * R1 (N training/loss.py:150-175), of images `level` levels below the full size."""
    real = real.requires_grad_()
    real_logits, fake_logits = D(real), D(fake)
    # the gradient with respect to the full-size image, where 4^level pixels share what one has here
    penalty = r1(real_logits, real) / 4**level
    return nonsaturating_d(real_logits, fake_logits), 0.5 * gamma * penalty, real_logits, fake_logits


def wgan_gp_drift(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, level: int, gamma: float) -> Judged:
    """WGAN-GP with drift 0.001 (N training/loss.py); its gradient norm too is that at the full size."""
    real_logits, fake_logits = D(real), D(fake)
    x = between(real, fake)
    penalty = gamma * wgan_gp(D(x) / 2**level, x) + 0.001 * real_logits.square().mean()
    return wasserstein_d(real_logits, fake_logits), penalty, real_logits, fake_logits


#: name in recipes -> (objective of D, loss of G)
OBJECTIVES = {"logistic_r1": (logistic_r1, nonsaturating_g), "wgan_gp": (wgan_gp_drift, wasserstein_g)}


class StyleGAN(Growing):
    """G maps z to w, which sets the style of every layer of a synthesis network that starts from a constant.

    One iteration is a D step and a G step, each on latents, noise and style mixing of its own. Both networks grow
    from `start_resolution` on, faded in image by image.

    Args:
        mixing: probability of style mixing (configuration F), one decision for each minibatch.
        w_avg_decay: decay of the running average of w at each pass of G.
        truncation_cutoff: layers that truncation acts on, from the coarsest on; None for all.
        objective: "logistic_r1" (FFHQ) or "wgan_gp" (CelebA-HQ).
        gamma: weight of the penalty: R1 counts gamma/2 times, WGAN-GP's (its lambda) as it is.
        batch_size_at: resolution -> batch size where it is another one; None for the paper's, on 8 GPUs.
        lr_at: resolution -> rate where it is another one; None for the paper's.
        rampup_kimg: the rate rises linearly over so many thousand images.
        ema_half_life_kimg: of the average of G.
        stored_noise: samples take the noise maps that are kept with the weights, the same for all (the authors'
            randomize_noise=False); otherwise each sample's noise follows from its z.
        **network: see `zoo.networks.stylegan.networks`.
    """

    network = staticmethod(networks.networks)

    def __init__(
        self,
        resolution: ranges.Side = 1024,
        n_classes: ranges.ClassCount = 0,
        latent_dim: ranges.Width = 512,
        mixing: ranges.ClosedUnitInterval = 0.9,
        w_avg_decay: ranges.Decay = 0.995,
        truncation_cutoff: ranges.NonNegativeInt | None = 8,
        objective: Literal["logistic_r1", "wgan_gp"] = "logistic_r1",
        gamma: ranges.NonNegativeFloat = 10.0,
        start_resolution: ranges.Side = 8,
        train_kimg: ranges.NonNegativeFloat = 600,
        transition_kimg: ranges.NonNegativeFloat = 600,
        batch_size: ranges.BatchSize = 32,
        batch_size_at: dict[int, ranges.BatchSize] | None = None,
        lr: ranges.PositiveFloat = 0.001,
        lr_at: dict[int, ranges.PositiveFloat] | None = None,
        rampup_kimg: ranges.NonNegativeFloat = 0,
        repeats: ranges.PositiveInt = 4,
        ema_half_life_kimg: ranges.PositiveFloat = 10,
        stored_noise: bool = False,
        total_kimg: ranges.PositiveFloat = 25_000,
        **network: Any,
    ) -> None:
        G, D = networks.networks(resolution, n_classes, latent_dim, **network)
        images = (batch_size, EIGHT_GPUS if batch_size_at is None else batch_size_at)
        rates = (lr, RATES if lr_at is None else lr_at, repeats)
        times = (start_resolution, train_kimg, transition_kimg)
        super().__init__(
            G,
            D,
            ProgressiveSchedule(resolution, *times, *images, *rates, rampup_kimg=rampup_kimg),
            group=D.group_size,
            latent_dim=latent_dim,
            n_classes=n_classes,
            total_kimg=total_kimg,
            ema=EMA(half_life_kimg=ema_half_life_kimg, before_step=True),
        )
        self.save_hyperparameters()
        self.mixing, self.w_avg_decay, self.truncation_cutoff = mixing, w_avg_decay, truncation_cutoff
        self.judge, self.loss_g = OBJECTIVES[objective]
        self.gamma, self.stored_noise = gamma, stored_noise

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.schedule.lr, (0.0, 0.99)) for net in (self.G, self.D)]

    def crossover(self, lod: float) -> int:
        """First layer that takes its style from the second latent: one draw for the whole minibatch."""
        used = self.G.synthesis.used(lod)
        rng = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=self.latent_rng)))
        mixed = torch.rand((), generator=rng) < self.mixing
        return int(torch.randint(1, used, (), generator=rng)) if mixed else used

    def fakes(self, n: int, label: Tensor | None, lod: float) -> Tensor:
        """Images of n new latents, with style mixing; every call moves the average of w."""
        w = self.G.mapping(self.latents(n), label)
        self.G.track(w, self.w_avg_decay)
        other = self.G.mapping(self.latents(n), label)
        styles = networks.mix(self.G.layered(w), self.G.layered(other), self.crossover(lod))
        return self.G.synthesis(styles, lod)

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        label = label if self.n_classes else None
        self.seed_step()
        stage = self.begin_stage()
        lod = stage.lod

        # discriminator; what is differentiated twice runs in float32
        with torch.no_grad():
            fake = self.fakes(len(real), label, lod)
        with self.differentiated_twice():
            real, fake = fade_reals(real, lod), fake.to(real.dtype)
            loss_d, penalty, real_logits, fake_logits = self.judge(
                lambda x: self.D(x, label, lod), real, fake, math.floor(lod), self.gamma
            )
        self.update(self.opt_d, loss_d + penalty)

        # generator, against the updated discriminator; its average takes it as it is before this step
        with frozen(self.D):
            label = self.random_labels(len(real))
            loss_g = self.loss_g(self.D(self.fakes(len(real), label, lod), label, lod))
            self.update(self.opt_g, loss_g)

        losses = {"loss/d": loss_d, "loss/g": loss_g}
        logits = {"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
        self.report(losses | logits | {"penalty/gradient": penalty, "lod": lod, "lr": stage.lr})

    # ---- sampling: truncation acts on w, noise is a function of z

    noise_of = styled.noise_of
    indexed_latents = styled.indexed_latents
    generate = styled.generate
    renderer = styled.renderer
