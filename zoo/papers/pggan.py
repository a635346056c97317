"""Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras et al., ICLR 2018).

arXiv 1710.10196. Official code: tkarras/progressive_growing_of_gans, branches master @ 2504c3f ("TF") and
original-theano-version @ 1a05598 ("TH"), which made the paper's numbers.

    python reproductions/pggan.py                                                # CelebA-HQ 1024 px, as TH
    python reproductions/pggan.py --config reproductions/pggan/release-8gpu.yaml
"""

from dataclasses import replace
from typing import Literal

import lightning.pytorch as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.stage import Stage
from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import ProgressiveSchedule
from zoo.networks.mnist_modes import ModesDiscriminator, ModesGenerator
from zoo.networks.modes import frozen
from zoo.networks.pggan import Discriminator, Generator
from zoo.networks.progressive import fade_reals
from zoo.objectives.losses import squared_distance_d, squared_distance_g, wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, wgan_gp
from zoo.options import ranges


def fade_bytes(real: Tensor, lod: float) -> Tensor:
    """As `fade_reals`, with the result cut to the byte below it (TH dataset.py:138)."""
    return fade_reals(((real + 1) * 127.5).round(), lod).floor() / 127.5 - 1


#: name in recipes -> how real images fade
FADES = {"float": fade_reals, "bytes": fade_bytes}


#: name in recipes -> losses of D and G
LOSSES = {"wasserstein": (wasserstein_d, wasserstein_g), "lsgan": (squared_distance_d, squared_distance_g)}


class PGGAN(GAN):
    """WGAN-GP whose networks start at 4x4 px and grow: new resolutions fade in linearly, in G, D and the reals.

    D minimises E D(G(z)) - E D(x) + lambda E (||grad D||_2 / gamma - 1)^2 + drift E D(x)^2. Resolution, fade, batch
    and learning rate follow `nimg` alone (`ProgressiveSchedule`), and Adam starts anew whenever a fade begins or
    ends (TF train.py:221-223). The gradient is that of an image tensor of the full size R at every resolution (TF
    loss.py:58-64): with k levels missing, the norm at the working resolution divided by 2^k.

    Args:
        resolution: R, of the finished networks.
        n_classes: above 0, G sees the label and D classifies too (AC-GAN).
        fmap_base: channels of stage s are min(fmap_base / 2^s, fmap_max).
        fmap_max: most channels of a layer.
        latent_dim: length of z.
        pixel_norm: after each layer of G; the latent lies on a sphere in any case.
        equalized: scale weights at run time; False scales the first weights (He).
        stddev_group: images of a group of the minibatch stddev; None for the whole batch, 0 for none.
        fused: D's halving convolutions average before bias and activation, as in TF, not behind them.
        label_after_norm: the label joins z behind the pixel norm, as in TH.
        lambda_gp: weight of the gradient penalty.
        gamma: the gradient norm that costs nothing (wgan_target).
        drift: weight of E D(x)^2 (wgan_epsilon).
        cond_weight: weight of the classification losses.
        loss: "wasserstein", or "lsgan" (App. B; TH train.py:345-347, without its noise in D), with no penalty.
        gulrajani: batch norm, ReLU and tanh in G, a latent that is not normalised, layer norm in D: Table 1's rows
            a to c (TH config.py:128-168).
        kernels: of minibatch discrimination in D, Table 1's row e*; 0 for none.
        crippled: the small networks of the MNIST mode test instead, D's widths divided by this; None for the
            paper's. `equalized` then stands for the paper's norms as a whole, in place of batch norm.
        n_critic: D steps of a step (rows a to c and the mode test: 5); the batch is each one's.
        beta2: Adam's beta 2.
        fake_labels: what fakes D classifies: "random" ones (TH train.py:257, 263), or the "real" batch's (TF).
        updates: D then G on new latents ("alternating"), or both from one batch ("simultaneous").
        real_fade: real images fade in "float", or are cut to "bytes" as in TH.
        start_resolution: of the first stage.
        train_kimg: thousands of images for which a resolution trains before the next one fades in.
        transition_kimg: thousands of images of a fade.
        batch_size: real images in one step, over all ranks.
        batch_size_at: resolution -> batch size where it is another one.
        lr: learning rate of both networks.
        lr_at: resolution -> learning rate where it is another one.
        rampup_kimg: thousands of images over which the rate rises as exp(-5 (1 - t)^2).
        repeats: steps between two look-ups of the schedule (minibatch_repeats).
        ema_decay: decay of the average of G at each step.
        total_kimg: end of training, in thousands of real images.
    """

    fixed_kimg = ("train_kimg", "transition_kimg", "rampup_kimg")

    def __init__(
        self,
        resolution: ranges.Side = 1024,
        n_classes: ranges.ClassCount = 0,
        fmap_base: ranges.Width = 8192,
        fmap_max: ranges.Width = 512,
        latent_dim: ranges.Width = 512,
        pixel_norm: bool = True,
        equalized: bool = True,
        stddev_group: ranges.NonNegativeInt | None = None,
        fused: bool = False,
        label_after_norm: bool = True,
        lambda_gp: ranges.NonNegativeFloat = 10.0,
        gamma: ranges.PositiveFloat = 1.0,
        drift: ranges.NonNegativeFloat = 0.001,
        cond_weight: ranges.NonNegativeFloat = 1.0,
        loss: Literal["wasserstein", "lsgan"] = "wasserstein",
        gulrajani: bool = False,
        kernels: ranges.NonNegativeInt = 0,
        crippled: ranges.PositiveInt | None = None,
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
    ) -> None:
        self.n_critic = n_critic
        self.schedule = ProgressiveSchedule(
            resolution,
            start_resolution,
            train_kimg,
            transition_kimg,
            n_critic * batch_size,
            {side: n_critic * size for side, size in (batch_size_at or {}).items()},
            lr,
            lr_at or {},
            repeats,
            rampup_kimg=rampup_kimg,
            rampup="gaussian",
        )
        sizes = {"resolution": resolution, "n_classes": n_classes, "fmap_base": fmap_base, "fmap_max": fmap_max}
        if crippled is None:
            G = Generator(
                **sizes,
                latent_dim=latent_dim,
                normalize=pixel_norm,
                equalized=equalized,
                label_after_norm=label_after_norm,
                gulrajani=gulrajani,
            )
            more = {"stddev_group": stddev_group, "fused": fused, "layer_norm": gulrajani, "kernels": kernels}
            D = Discriminator(**sizes, equalized=equalized, **more)
        else:
            G = ModesGenerator(resolution, latent_dim, equalized)
            D = ModesDiscriminator(
                resolution, crippled, equalized, stddev_group is None, start_resolution < resolution
            )
        super().__init__(
            G,
            D,
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=n_critic * batch_size,
            parts=n_critic,
            total_kimg=total_kimg,
            ema=EMA(decay=ema_decay, before_step=True),
        )
        self.save_hyperparameters()
        self.group = stddev_group
        self.loss_d, self.loss_g = LOSSES[loss]
        self.beta2 = beta2
        lambda_gp, drift = (0.0, 0.0) if loss == "lsgan" else (lambda_gp, drift)
        self.lambda_gp, self.gamma, self.drift, self.cond_weight = lambda_gp, gamma, drift, cond_weight
        self.draws_labels = fake_labels == "random"
        self.fade_reals = FADES[real_fade]
        self.updates = {"alternating": self.alternating, "simultaneous": self.simultaneous}[updates]

    def stage_at(self, nimg: int) -> Stage:
        return replace(self.schedule.at(nimg), parts=self.n_critic)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [
            AdamEpsilonHat(net.parameters(), self.schedule.lr, betas=(0.0, self.beta2)) for net in (self.G, self.D)
        ]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        stage = self.stage
        if self.schedule.resets(self.nimg):
            self.forget()
        self.set_lr(self.opt_g, stage.lr)
        self.set_lr(self.opt_d, stage.lr)
        real, label = self.fade_reals(real, stage.lod), label if self.n_classes else None
        *others, last = self.batches(real, label)  # the average counts the steps of G alone
        for x, y in others:
            self.critic_step(x, y, stage.lod)
        scalars = self.updates(*last, stage.lod)
        self.report(scalars | {"lod": stage.lod, "lr": stage.lr})

    # ---- the two orders of a step; the average takes G as it was before (TF train.py:134)

    def batches(self, real: Tensor, label: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
        """One for each D step; the last has a G step behind it."""
        labels = [None] * self.n_critic if label is None else label.tensor_split(self.n_critic)
        return list(zip(real.tensor_split(self.n_critic), labels, strict=True))

    def critic_step(self, real: Tensor, label: Tensor | None, lod: float) -> dict[str, Tensor]:
        fake_label = self.random_labels(len(real)) if self.draws_labels else label
        with torch.no_grad():
            fake = self.G(self.latents(len(real)), fake_label, lod)
        loss_d, scalars = self.critic_loss(real, fake, label, fake_label, lod)
        self.update(self.opt_d, loss_d)
        return scalars

    def alternating(self, real: Tensor, label: Tensor | None, lod: float) -> dict[str, Tensor]:
        n = len(real)
        scalars = self.critic_step(real, label, lod)

        with frozen(self.D):
            label = self.random_labels(n)
            loss_g, seen = self.generator_loss(self.G(self.latents(n), label, lod), label, lod)
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

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        return G(z, label, self.trained_stage.lod)

    def check(self, data: L.LightningDataModule | None) -> None:
        """Refuse a batch that the minibatch stddev cannot split, before anything is computed."""
        super().check(data)
        self.schedule.check_groups(self.D.stddev_group, self.total_kimg * 1000)
