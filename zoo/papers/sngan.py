"""Spectral Normalization for Generative Adversarial Networks (Miyato, Kataoka, Koyama, Yoshida, ICLR 2018).

arXiv 1802.05957, with the conditional models of cGANs with Projection Discriminator (Miyato, Koyama, ICLR 2018,
arXiv 1802.05637). Official code: pfnet-research/sngan_projection @ e84b1a5 ("SP").

    python reproductions/sngan.py                                                # ImageNet 128 px, conditional
    python reproductions/sngan.py --config reproductions/sngan/cifar10.yaml
"""

from typing import Literal

import torch
from torch import Tensor, nn

from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import linear_decay
from zoo.networks import sngan_cnn as networks
from zoo.networks.modes import frozen
from zoo.objectives.losses import ADVERSARIAL
from zoo.objectives.penalties import between, orthonormality, wgan_gp
from zoo.options import ranges


def held_slope(D: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    x = between(real, fake)
    return wgan_gp(D(x), x)


def held_weights(D: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return sum(orthonormality(m.weight) for m in D.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


#: what the rivals of Table 2 add to D's loss
PENALTIES = {"none": None, "gp": held_slope, "orthonormal": held_weights}


class SNGAN(GAN):
    """GAN whose D divides every weight matrix by an estimate of its largest singular value (Algorithm 1).

    One iteration is a G step followed by `n_dis` D steps, as in the official code (updater.py:74-100). Each D
    step calls D twice, on a real and on a fake batch, and every call of D moves its power iteration by one.

    Args:
        resolution: 32, 48, 64, 128 or 256 px; the CNNs take any multiple of 8.
        n_classes: 0 for the unconditional model.
        architecture: "resnet" (with classes: projection D), "resnet-small" (its narrower form for 128 px dogs and
            cats), "resnet-concat" (128 px, the paper's ImageNet model), "cnn" (Table 3) or "cnn-cgl" (the CNN of
            the authors' chainer-gan-lib).
        width_g: base number of channels of G; None takes the paper's.
        width_d: base number of channels of D; None takes the paper's.
        latent_dim: length of z.
        loss: "hinge" (eq. 16-17), "nonsaturating" (the standard loss) or "wasserstein".
        norm_d: of the CNN's D; what is not "spectral" is a baseline of Table 2, as are the next three.
        penalty: "none", "gp" (slope 1 between reals and fakes) or "orthonormal" (all singular values 1).
        penalty_weight: of it (section 4: 10 for gp).
        clip: bound on each of D's parameters after its steps (section 4: 0.01); None for none.
        n_dis: D steps per G step.
        batch_size: real images in one D step, over all ranks.
        batch_size_g: fakes in one G step, over all ranks.
        lr: Adam's alpha, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        decay_start_kimg: images after which the learning rate starts its linear way to 0 at `total_kimg`; None for
            a constant one.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 128,
        n_classes: ranges.ClassCount = 1000,
        architecture: networks.Architecture = "resnet-concat",
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 128,
        loss: Literal["hinge", "nonsaturating", "wasserstein"] = "hinge",
        norm_d: networks.Norm = "spectral",
        penalty: Literal["none", "gp", "orthonormal"] = "none",
        penalty_weight: ranges.NonNegativeFloat = 10.0,
        clip: ranges.PositiveFloat | None = None,
        n_dis: ranges.PositiveInt = 5,
        batch_size: ranges.BatchSize = 64,
        batch_size_g: ranges.BatchSize = 128,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.0,
        beta2: ranges.Decay = 0.9,
        decay_start_kimg: ranges.NonNegativeFloat | None = 128_000,
        total_kimg: ranges.PositiveFloat = 144_000,
    ) -> None:
        super().__init__(
            *networks.build(architecture, resolution, n_classes, latent_dim, width_g, width_d, norm_d),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
        )
        self.save_hyperparameters()
        if penalty == "gp" and n_classes:
            raise ValueError("penalty gp holds a D without classes between reals and fakes: set n_classes to 0")
        self.loss_d, self.loss_g = ADVERSARIAL[loss]
        self.penalty, self.penalty_weight, self.clip = PENALTIES[penalty], penalty_weight, clip
        self.n_dis, self.batch_size_g = n_dis, batch_size_g
        self.lr, self.betas, self.decay_start_kimg = lr, (beta1, beta2), decay_start_kimg

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def fakes(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Fakes and the classes they were made for, drawn uniformly."""
        z, label = self.latents(n), self.random_labels(n)
        return self.G(z, label), label

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        if self.penalty is held_slope:
            self.seed_step()  # its points
        lr = self.lr
        if self.decay_start_kimg is not None:
            lr *= linear_decay(self.nimg, self.decay_start_kimg, self.total_kimg)
        self.set_lr(self.opt_g, lr)
        self.set_lr(self.opt_d, lr)

        # generator first
        with frozen(self.D):
            fake, fake_label = self.fakes(self.share(self.batch_size_g))
            loss_g = self.loss_g(self.D(fake, fake_label))
            self.update(self.opt_g, loss_g)

        # then the discriminator, n_dis times: a new real and a new fake batch, each with its own call of D
        labels = label.tensor_split(self.n_dis) if self.n_classes else [None] * self.n_dis
        for x, y in zip(real.tensor_split(self.n_dis), labels, strict=True):
            real_logits = self.D(x, y)
            with torch.no_grad():
                fake, fake_label = self.fakes(len(x))
            fake_logits = self.D(fake, fake_label)
            loss_d = self.loss_d(real_logits, fake_logits)
            if self.penalty:
                with self.differentiated_twice():
                    loss_d = loss_d + self.penalty_weight * self.penalty(self.D, x, fake.to(x.dtype))
            self.update(self.opt_d, loss_d)
            for p in self.D.parameters() if self.clip else ():
                p.data.clamp_(-self.clip, self.clip)

        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "lr": lr,
            }
        )
