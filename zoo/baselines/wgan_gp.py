"""Improved Training of Wasserstein GANs (Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, NIPS 2017).

arXiv 1704.00028. Official code: igul222/improved_wgan_training @ fa66c57 ("I").

    python reproductions/wgan_gp.py                                              # CIFAR-10 ResNet, ten classes
    python reproductions/wgan_gp.py --config reproductions/wgan_gp/cifar10.yaml  # the same without classes
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.engine.checks import check_parts_of
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.engine.schedules import linear_decay
from zoo.networks.modes import frozen, in_parts
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.losses import wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, slope_hinge, wgan_gp, wgan_gp_one_sided
from zoo.options import ranges

PENALTIES = {"two-sided": wgan_gp, "one-sided": wgan_gp_one_sided, "hinge": slope_hinge}


class WGAN_GP(GAN):
    """Wasserstein GAN whose critic's slope is held at 1 on lines between real and fake images (eq. 3).

    With classes, the critic also classifies real images, and G is told what it says of fakes (ACGAN). One iteration
    is `n_dis` critic steps and a G step.

    Args:
        resolution: side of the images.
        n_classes: 0, or the classes of the 32 px ResNet.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: the critic's normalisation: "none", or "layer"; batch norm has no penalty per image.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of the critic.
        latent_dim: length of z.
        n_dis: critic steps per G step.
        batch_size: real images in one critic step, over all ranks.
        batch_size_g: fakes in one G step, over all ranks.
        bn_groups: each batch of fakes is made in so many parts with batch statistics of their own, over all ranks:
            the authors' two GPUs.
        penalty: "two-sided" (eq. 3), "one-sided" (appendix C) or "hinge" (linear above 1; ours).
        lambda_gp: weight of the penalty.
        acgan_d: weight of the classifier's loss on real images in the critic's loss.
        acgan_g: weight of the classifier's loss on fakes in G's loss.
        lr: Adam's rate, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        decay_start_kimg: images after which the rate falls linearly to 0 at `total_kimg`; None for a constant one.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 32,
        n_classes: ranges.ClassCount = 10,
        architecture: Architecture = "resnet",
        norm_d: NormName = "none",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 128,
        n_dis: ranges.PositiveInt = 5,
        batch_size: ranges.BatchSize = 64,
        batch_size_g: ranges.BatchSize = 128,
        bn_groups: ranges.PositiveInt = 2,
        penalty: Literal["two-sided", "one-sided", "hinge"] = "two-sided",
        lambda_gp: ranges.NonNegativeFloat = 10.0,
        acgan_d: ranges.NonNegativeFloat = 1.0,
        acgan_g: ranges.NonNegativeFloat = 0.1,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.0,
        beta2: ranges.Decay = 0.9,
        decay_start_kimg: ranges.NonNegativeFloat | None = 0,
        total_kimg: ranges.PositiveFloat = 32_000,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, latent_dim, channels, width_g, width_d, norm_d, n_classes),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=architecture == "cnn" and resolution == 28),
        )
        self.save_hyperparameters()
        check_parts_of(bn_groups=bn_groups, batch_size=batch_size, batch_size_g=batch_size_g)
        if norm_d == "batch":
            raise ValueError(
                "the gradient penalty is per image, and batch norm couples images: set norm_d to layer"
            )
        self.penalty, self.lambda_gp = PENALTIES[penalty], lambda_gp
        self.n_dis, self.batch_size_g, self.bn_groups = n_dis, batch_size_g, bn_groups
        self.acgan_d, self.acgan_g = acgan_d, acgan_g
        self.lr, self.betas, self.decay_start_kimg = lr, (beta1, beta2), decay_start_kimg

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def fakes(self, n: int, label: Tensor | None) -> Tensor:
        return in_parts(self.G, self.latents(n), label, self.bn_groups)

    def classes(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """The critic's scores of x, and the classifier's cross entropy, 0 without classes."""
        if not self.n_classes:
            return self.D(x), x.new_zeros(())
        features = self.D.features(x)
        return self.D.score(features), F.cross_entropy(self.D.classifier(features), label)

    def critic_step(self, real: Tensor, label: Tensor | None) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.fakes(len(real), label)
        (real_scores, classes), fake_scores = self.classes(real, label), self.D(fake)
        loss_d = wasserstein_d(real_scores, fake_scores)
        with self.differentiated_twice():  # what is differentiated twice runs in float32
            x = between(real, fake.to(real.dtype))
            penalty = self.penalty(self.D(x), x)
        self.update(self.opt_d, loss_d + self.lambda_gp * penalty + self.acgan_d * classes)
        return {
            "loss/d": loss_d,
            "loss/classes": classes,
            "logits/real": real_scores.mean(),
            "logits/fake": fake_scores.mean(),
            "penalty/gradient": penalty,
        }

    def generator_step(self) -> dict[str, Tensor]:
        n = self.share(self.batch_size_g)
        label = self.random_labels(n)
        with frozen(self.D):
            scores, classes = self.classes(self.fakes(n, label), label)
            loss_g = wasserstein_g(scores)
            self.update(self.opt_g, loss_g + self.acgan_g * classes)
        return {"loss/g": loss_g}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = self.to_native(batch[0]), batch[1]
        self.seed_step()
        if self.decay_start_kimg is not None:
            factor = linear_decay(self.nimg, self.decay_start_kimg, self.total_kimg)
            for optimizer in self.optimizers():
                self.set_lr(optimizer, self.lr * factor)
        labels = label.tensor_split(self.n_dis) if self.n_classes else [None] * self.n_dis
        for x, y in zip(real.tensor_split(self.n_dis), labels, strict=True):
            scalars = self.critic_step(x, y)
        self.report(scalars | self.generator_step())
