"""Improving the Improved Training of Wasserstein GANs: A Consistency Term and Its Dual Effect (ICLR 2018).

Wei, Gong, Liu, Lu, Wang, arXiv 1803.01541. Official code: biuyq/CT-GAN @ 5ebc7e1, folder
CT-GANs/tensorflow_generative_model ("C"). The paper's text was not at hand: its equations' numbers are recalled,
unverified, and every constant is the code's.

    python reproductions/ctgan.py                                                # CIFAR-10 ResNet, ten classes
    python reproductions/ctgan.py --config reproductions/ctgan/cifar10-1000.yaml # the first 1,000 images, CNN
"""

import lightning.pytorch as L
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.engine.checks import check_parts_of
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.engine.schedules import linear_decay
from zoo.networks.ctgan import Architecture, build
from zoo.networks.modes import frozen, in_parts
from zoo.objectives.losses import wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, consistency, wgan_gp
from zoo.options import ranges


class CTGAN(GAN):
    """WGAN-GP whose critic must also agree with itself: each real image passes it twice with fresh dropout.

    The gradient penalty holds the critic's slope between real and fake points; the consistency term (eq. 4) holds
    it around the real ones. With classes, the critic's features also feed a classifier (ACGAN). One iteration is a
    G step, skipped at the very first, and then `n_dis` critic steps (C CT_gan_cifar_resnet.py).

    Args:
        resolution: 32, 64 or 128 px for the ResNet, 28 (MNIST) or 32 px for the CNN.
        n_classes: 0 for the unconditional model; else G is conditional and the critic classifies.
        architecture: "resnet" or "cnn".
        width_g: base number of channels of G; None takes the paper's.
        width_d: base number of channels of the critic; None takes the paper's.
        latent_dim: length of z.
        dropout: the critic's three drop probabilities; None takes the paper's.
        n_dis: critic steps per G step.
        batch_size: real images in one critic step, over all ranks.
        batch_size_g: fakes in one G step, over all ranks.
        bn_groups: each batch of fakes is made in so many parts with batch statistics of their own, over all ranks:
            the authors' two GPUs.
        lambda_gp: weight of the gradient penalty (lambda_1 of eq. 5).
        lambda_ct: weight of the consistency term (lambda_2 of eq. 5).
        margin: M' of eq. 4; the code's Factor_M is lambda_ct times this.
        acgan_d: weight of the classifier's loss on real images in the critic's loss.
        acgan_g: weight of the classifier's loss on fakes in G's loss.
        lr: Adam's alpha, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        decay_start_kimg: images after which the learning rate starts its linear way to 0 at `total_kimg`; None for
            a constant one.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 32,
        n_classes: ranges.ClassCount = 10,
        architecture: Architecture = "resnet",
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 128,
        dropout: tuple[ranges.Decay, ranges.Decay, ranges.Decay] | None = None,
        n_dis: ranges.PositiveInt = 5,
        batch_size: ranges.BatchSize = 64,
        batch_size_g: ranges.BatchSize = 128,
        bn_groups: ranges.PositiveInt = 2,
        lambda_gp: ranges.NonNegativeFloat = 10.0,
        lambda_ct: ranges.NonNegativeFloat = 2.0,
        margin: ranges.NonNegativeFloat = 0.0,
        acgan_d: ranges.NonNegativeFloat = 1.0,
        acgan_g: ranges.NonNegativeFloat = 0.1,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.0,
        beta2: ranges.Decay = 0.9,
        decay_start_kimg: ranges.NonNegativeFloat | None = 0,
        total_kimg: ranges.PositiveFloat = 32_000,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, n_classes, latent_dim, width_g, width_d, dropout),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
            pixels=Pixels(1, unit=True) if resolution == 28 else None,  # MNIST
        )
        self.save_hyperparameters()
        check_parts_of(bn_groups=bn_groups, batch_size=batch_size, batch_size_g=batch_size_g)
        self.n_dis, self.batch_size_g, self.bn_groups = n_dis, batch_size_g, bn_groups
        self.lambda_gp, self.lambda_ct, self.margin = lambda_gp, lambda_ct, margin
        self.acgan_d, self.acgan_g = acgan_d, acgan_g
        self.lr, self.betas, self.decay_start_kimg = lr, (beta1, beta2), decay_start_kimg

    def check(self, data: L.LightningDataModule | None) -> None:
        super().check(data)
        if self.lambda_ct and not any(self.hparams["dropout"] or (1,)):
            raise ValueError(
                "without dropout D's two passes are one and the consistency term is 0: set --model.lambda_ct 0, "
                "or give --model.dropout a share above 0"
            )

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas) for net in (self.G, self.D)]

    def fakes(self, n: int, label: Tensor | None) -> Tensor:
        """n fakes of the given classes, batch statistics taken over each of the parts."""
        return in_parts(self.G, self.latents(n), label, self.bn_groups)

    def interpolate(self, real: Tensor, fake: Tensor) -> Tensor:
        """Where the critic's slope is held: a point on the line from each real image to a fake one."""
        return between(real, fake)

    def generator_step(self) -> dict[str, Tensor]:
        with frozen(self.D):
            n = self.share(self.batch_size_g)
            label = self.random_labels(n)
            features = self.D.features(self.fakes(n, label))
            loss_g = loss = wasserstein_g(self.D.score(features))
            if self.n_classes:
                loss = loss + self.acgan_g * F.cross_entropy(self.D.classifier(features), label)
            self.update(self.opt_g, loss)
        return {"loss/g": loss_g}

    def critic_step(self, real: Tensor, label: Tensor | None) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.fakes(len(real), label)

        # dropout is on in every pass, with masks of its own
        features = self.D.features(torch.cat([real, fake]))
        scores = self.D.score(features)
        score_real, score_fake = scores.tensor_split(2)
        loss_d = loss = wasserstein_d(score_real, score_fake)

        # the real images once more
        features_real, features_again = features[: len(real)], self.D.features(real)
        score_again = self.D.score(features_again)
        ct = consistency((score_real, score_again), (features_real, features_again), self.margin)

        # points between real and fake
        with self.differentiated_twice():
            x = self.interpolate(real, fake).requires_grad_()
            gp = wgan_gp(self.D(x), x)

        loss = loss + self.lambda_gp * gp + self.lambda_ct * ct
        scalars = {"loss/d": loss_d, "logits/real": score_real.mean(), "logits/fake": score_fake.mean()}
        if self.n_classes:
            classes = F.cross_entropy(self.D.classifier(features_real), label)
            loss = loss + self.acgan_d * classes
            scalars["loss/classes"] = classes
        self.update(self.opt_d, loss)
        return scalars | {"penalty/gradient": gp, "penalty/consistency": ct}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        self.seed_step()
        lr = self.lr
        if self.decay_start_kimg is not None:
            lr *= linear_decay(self.nimg, self.decay_start_kimg, self.total_kimg)
        self.set_lr(self.opt_g, lr)
        self.set_lr(self.opt_d, lr)

        scalars = self.generator_step() if self.nimg else {}
        labels = label.tensor_split(self.n_dis) if self.n_classes else [None] * self.n_dis
        for x, y in zip(self.to_native(real).tensor_split(self.n_dis), labels, strict=True):
            scalars |= self.critic_step(x, y)
        self.report(scalars | {"lr": lr})
