"""Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras et al., ICLR 2018).

arXiv 1710.10196. Official code: tkarras/progressive_growing_of_gans, branches master @ 2504c3f ("TF") and
original-theano-version @ 1a05598 ("TH"), which made the paper's numbers.

    python reproductions/pggan.py                                                # CelebA-HQ 1024 px, as TH
    python reproductions/pggan.py --config reproductions/pggan/release-8gpu.yaml
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.engine.ema import EMA
from zoo.engine.growing import Growing
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import ProgressiveSchedule
from zoo.networks import pggan_rows
from zoo.networks.modes import frozen
from zoo.networks.progressive import FADES
from zoo.objectives.losses import CRITICS
from zoo.objectives.penalties import between, wgan_gp
from zoo.options import ranges


class PGGAN(Growing):
    """WGAN-GP whose networks start at 4x4 px and grow: new resolutions fade in linearly, in G, D and the reals.

    D minimises E D(G(z)) - E D(x) + lambda E (||grad D||_2 / gamma - 1)^2 + drift E D(x)^2. Resolution, fade, batch
    and learning rate follow `nimg` alone (`ProgressiveSchedule`), and Adam starts anew whenever a fade begins or
    ends (TF train.py:221-223). The gradient is that of an image tensor of the full size R at every resolution (TF
    loss.py:58-64): with k levels missing, the norm at the working resolution divided by 2^k.

    Args:
        n_classes: above 0, G sees the label and D classifies too (AC-GAN).
        lambda_gp: weight of the gradient penalty.
        gamma: the gradient norm that costs nothing (wgan_target).
        drift: weight of E D(x)^2 (wgan_epsilon).
        cond_weight: weight of the classification losses.
        loss: "wasserstein", or "lsgan" (App. B; TH train.py:345-347, without its noise in D), with no penalty.
        n_critic: D steps of a step (rows a to c and the mode test: 5); the batch is each one's.
        beta2: Adam's beta 2.
        fake_labels: what fakes D classifies: "random" ones (TH train.py:257, 263), or the "real" batch's (TF).
        updates: D then G on new latents ("alternating"), or both from one batch ("simultaneous").
        real_fade: real images fade in "float", or what fades is cut to "bytes" as in TH, noise with it.
        rampup_kimg: the rate rises over so many thousand images, as exp(-5 (1 - t)^2).
        ema_decay: decay of the average of G at each step.
        **network: see `zoo.networks.pggan_rows.networks`.
    """

    network = staticmethod(pggan_rows.networks)

    def __init__(
        self,
        resolution: ranges.Side = 1024,
        n_classes: ranges.ClassCount = 0,
        latent_dim: ranges.Width = 512,
        lambda_gp: ranges.NonNegativeFloat = 10.0,
        gamma: ranges.PositiveFloat = 1.0,
        drift: ranges.NonNegativeFloat = 0.001,
        cond_weight: ranges.NonNegativeFloat = 1.0,
        loss: Literal["wasserstein", "lsgan"] = "wasserstein",
        n_critic: ranges.PositiveInt = 1,
        beta2: ranges.Decay = 0.99,
        fake_labels: Literal["random", "real"] = "random",
        updates: Literal["alternating", "simultaneous"] = "alternating",
        real_fade: Literal["float", "bytes"] = "bytes",
        start_resolution: ranges.Side = 4,
        train_kimg: ranges.NonNegativeFloat = 800,
        transition_kimg: ranges.NonNegativeFloat = 800,
        batch_size: ranges.BatchSize = 16,
        batch_size_at: dict[int, ranges.BatchSize] | None = None,
        lr: ranges.PositiveFloat = 0.001,
        lr_at: dict[int, ranges.PositiveFloat] | None = None,
        rampup_kimg: ranges.NonNegativeFloat = 40,
        repeats: ranges.PositiveInt = 1,
        ema_decay: ranges.Decay = 0.999,
        total_kimg: ranges.PositiveFloat = 19_000,
        **network: Any,
    ) -> None:
        times, rates = (start_resolution, train_kimg, transition_kimg), (lr, lr_at or {}, repeats)
        images = (n_critic * batch_size, {side: n_critic * n for side, n in (batch_size_at or {}).items()})
        schedule = ProgressiveSchedule(
            resolution, *times, *images, *rates, rampup_kimg=rampup_kimg, rampup="gaussian"
        )
        G, D = pggan_rows.networks(resolution, n_classes, latent_dim, start_resolution < resolution, **network)
        super().__init__(
            G,
            D,
            schedule,
            group=D.stddev_group,
            latent_dim=latent_dim,
            n_classes=n_classes,
            parts=n_critic,
            total_kimg=total_kimg,
            ema=EMA(decay=ema_decay, before_step=True),
        )
        self.save_hyperparameters()
        self.n_critic, self.beta2, self.fade_reals = n_critic, beta2, FADES[real_fade]
        self.loss_d, self.loss_g = CRITICS[loss]
        self.lambda_gp, self.drift = (0.0, 0.0) if loss == "lsgan" else (lambda_gp, drift)
        self.gamma, self.cond_weight, self.draws_labels = gamma, cond_weight, fake_labels == "random"
        self.updates = {"alternating": self.alternating, "simultaneous": self.simultaneous}[updates]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.schedule.lr, (0.0, self.beta2)) for net in (self.G, self.D)]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        stage, n = self.begin_stage(), self.n_critic
        real = self.fade_reals(batch[0], stage.lod)
        labels = batch[1].tensor_split(n) if self.n_classes else [None] * n
        *others, last = zip(real.tensor_split(n), labels, strict=True)
        for x, y in others:  # the average counts the steps of G alone
            self.critic_step(x, y, stage.lod)
        scalars = self.updates(*last, stage.lod)
        self.report(scalars | {"lod": stage.lod, "lr": stage.lr})

    # ---- the two orders of a step; the average takes G as it was before (TF train.py:134)

    def critic_step(self, real: Tensor, label: Tensor | None, lod: float) -> dict[str, Tensor]:
        fake_label = self.random_labels(len(real)) if self.draws_labels else label
        with torch.no_grad():
            fake = self.G(self.latents(len(real)), fake_label, lod)
        loss_d, scalars = self.critic_loss(real, fake, label, fake_label, lod)
        self.update(self.opt_d, loss_d)
        return scalars

    def alternating(self, real: Tensor, label: Tensor | None, lod: float) -> dict[str, Tensor]:
        scalars = self.critic_step(real, label, lod)
        with frozen(self.D):
            label = self.random_labels(len(real))
            loss_g, seen = self.generator_loss(self.G(self.latents(len(real)), label, lod), label, lod)
            self.update(self.opt_g, loss_g)
        return scalars | seen

    def simultaneous(self, real: Tensor, label: Tensor | None, lod: float) -> dict[str, Tensor]:
        fake_label = self.random_labels(len(real)) if self.draws_labels else label
        fake = self.G(self.latents(len(real)), fake_label, lod)
        loss_d, scalars = self.critic_loss(real, fake.detach(), label, fake_label, lod)
        with frozen(self.D):
            loss_g, seen = self.generator_loss(fake, fake_label, lod)
            self.update(self.opt_g, loss_g)  # first: D, which both losses have seen, is still the same
        self.update(self.opt_d, loss_d)
        return scalars | seen

    # ---- the two losses

    def critic_loss(
        self, real: Tensor, fake: Tensor, label: Tensor | None, fake_label: Tensor | None, lod: float
    ) -> tuple[Tensor, dict]:
        """Real and fake are judged apart: the minibatch stddev must not mix them (TF loss.py:25-80)."""
        real_scores, real_classes = self.D.judge(real, lod)
        fake_scores, fake_classes = self.D.judge(fake, lod)
        wasserstein = self.loss_d(real_scores, fake_scores)
        drift = real_scores.square().mean()

        # points between real and fake; what is differentiated twice runs in float32
        with self.differentiated_twice():
            x = between(real, fake.to(real.dtype), self.uniform(len(real)))
            full_size = self.resolution // x.shape[-1]  # 2^k
            penalty = wgan_gp(self.D(x, lod=lod) / (self.gamma * full_size), x)

        loss = wasserstein + self.lambda_gp * penalty + self.drift * drift
        scalars = {"loss/d": wasserstein, "penalty/gradient": penalty, "penalty/drift": drift}
        scalars |= {"logits/real": real_scores.mean(), "logits/fake": fake_scores.mean()}
        if label is not None:
            classes = F.cross_entropy(real_classes, label) + F.cross_entropy(fake_classes, fake_label)
            loss, scalars["loss/classes_d"] = loss + self.cond_weight * classes, classes
        return loss, scalars

    def generator_loss(self, fake: Tensor, label: Tensor | None, lod: float) -> tuple[Tensor, dict]:
        scores, classes = self.D.judge(fake, lod)
        loss = self.loss_g(scores)
        scalars = {"loss/g": loss}
        if label is not None:
            scalars["loss/classes_g"] = F.cross_entropy(classes, label)
            loss = loss + self.cond_weight * scalars["loss/classes_g"]
        return loss, scalars
