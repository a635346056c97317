"""CT-GAN's semi-supervised classifiers: few labels, many images, and a GAN that tells the classifier what is real.

Wei, Gong, Liu, Lu, Wang, ICLR 2018, arXiv 1803.01541. Official code: biuyq/CT-GAN @ 5ebc7e1, Theano_classifier
("S"); it was read, not run.

    python reproductions/ctgan_ssl.py                                              # CIFAR-10, 4,000 labels
    python reproductions/ctgan_ssl.py --config reproductions/ctgan_ssl/mnist.yaml  # MNIST, 100 labels
"""

import copy
from typing import Literal

import lightning.pytorch as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.augmentation import crop_and_flip
from zoo.data.order import permutation
from zoo.engine import few
from zoo.engine.ema import step_towards
from zoo.engine.gan import GAN
from zoo.engine.latents import unit_uniform
from zoo.engine.optim import AdamEpsilonInRoot
from zoo.evaluation.accuracy import accuracies
from zoo.networks import ctgan_ssl as networks
from zoo.networks.modes import frozen
from zoo.objectives.losses import feature_matching, unlabelled_d
from zoo.objectives.penalties import class_consistency
from zoo.options import ranges

INIT_IMAGES = 500  # S CT_MNIST.py:126-137, CT_CIFAR.py:203-205


class CTGAN_SSL(GAN):
    """A classifier of C classes whose log-sum-exp also says "real" (K + 1 classes, the last one implicit).

    On unlabelled images it must further agree with itself under two draws of its dropout or noise. G matches the
    mean of its features. One iteration is a D step on equally many labelled, unlabelled and generated images, then
    a G step.

    Args:
        resolution: 28 (MNIST, dense networks) or 32 (convolutions).
        n_classes: of the data.
        labels_per_class: images of each class whose label may be seen, from a permutation named by the run's seed.
        width_g: of G; None takes the paper's.
        width_d: of D, likewise.
        latent_dim: length of z ~ U(0, 1).
        unlabelled: weight of the loss on unlabelled and generated images.
        consistency: weight of the two passes' distance.
        feature_weight: of the features' distance within it.
        margin: distance that costs nothing.
        matching_power: G minimises the mean of |difference of mean features|^power.
        augment: crop and mirror real images.
        average: step of D's average towards D; it starts at 0 and is not corrected for it, as in S.
        batch_size: images of each of the three kinds in one step, over all ranks.
        lr: Adam's alpha, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        total_kimg: end of training, in thousands of unlabelled images.

    Raises:
        ValueError: for another resolution.
    """

    prior = staticmethod(unit_uniform)

    def __init__(
        self,
        resolution: ranges.Side = 32,
        n_classes: ranges.SomeClasses = 10,
        labels_per_class: ranges.PositiveInt = 400,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 50,
        unlabelled: ranges.NonNegativeFloat = 1.0,
        consistency: ranges.NonNegativeFloat = 0.5,
        feature_weight: ranges.NonNegativeFloat = 0.1,
        margin: ranges.NonNegativeFloat = 0.0,
        matching_power: Literal[1, 2] = 1,
        augment: bool = True,
        average: ranges.Fraction = 1e-4,
        batch_size: ranges.BatchSize = 100,
        lr: ranges.PositiveFloat = 3e-4,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        total_kimg: ranges.PositiveFloat = 50_000,
    ) -> None:
        G, D, to_native, to_images = networks.networks(resolution, n_classes, latent_dim, width_g, width_d)
        super().__init__(
            G, D, resolution=resolution, latent_dim=latent_dim, images_per_step=batch_size, total_kimg=total_kimg
        )
        self.save_hyperparameters()
        self.to_native, self.to_images = to_native, to_images
        self.classes, self.labels_per_class = n_classes, labels_per_class
        self.unlabelled, self.consistency, self.feature_weight = unlabelled, consistency, feature_weight
        self.margin, self.matching_power, self.augment = margin, matching_power, augment
        self.batch_size, self.lr, self.betas = batch_size, lr, (beta1, beta2)
        self.D_average, self.average = copy.deepcopy(self.D).requires_grad_(False), average
        for p in self.D_average.parameters():
            p.zero_()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        trained = ([p for p in net.parameters() if p.requires_grad] for net in (self.G, self.D))
        return [AdamEpsilonInRoot(params, self.lr, self.betas) for params in trained]

    # ---- the few labels, and the other unlabelled batch (S CT_CIFAR.py:192-194)

    native, numbered, labelled, others = few.native, few.numbered, few.labelled, few.others

    def check(self, data: L.LightningDataModule | None) -> None:
        super().check(data)
        self.few = few.chosen(self, data, self.classes, self.labels_per_class)

    def on_train_start(self) -> None:
        super().on_train_start()
        ancestor = self.origin.get("ancestor")
        if not self.nimg and (ancestor is None or {"G", "D"} & {*ancestor.get("drawn_anew", ())}):
            self.start()

    @torch.no_grad()
    def start(self) -> None:
        """Scales and biases from the first batch: on CIFAR-10 labelled images, reflected over their border and not
        cropped, and G's last layer too (S CT_CIFAR.py:103, 203-205); on MNIST any (CT_MNIST.py:126-137)."""
        torch.manual_seed(self.seed)
        known = self.few if self.augment else torch.arange(len(self.trainer.datamodule))
        first = self.native(known[permutation(len(known), self.seed, 0)[:INIT_IMAGES]])
        self.D.start(F.pad(first, (2,) * 4, mode="reflect") if self.augment else first)
        if hasattr(self.G, "start"):
            z = torch.rand(len(first), self.latent_dim, generator=torch.Generator().manual_seed(self.seed))
            self.G.start(z.to(self.device, self.dtype))

    # ---- training

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        self.seed_step()
        (x, y), other = self.labelled(), self.others("matched")
        if self.augment:
            x, real, other = crop_and_flip(x), crop_and_flip(real), crop_and_flip(other)

        # classifier: noise or dropout is drawn anew in each of the four passes
        with torch.no_grad():
            fake = self.G(self.latents(len(real)))
        logits_few, logits_fake = self.D.classify(x)[1], self.D.classify(fake)[1]
        (features, logits), (features2, logits2) = self.D.classify(real), self.D.classify(real)
        loss_few = F.cross_entropy(logits_few, y)
        loss_d = unlabelled_d(logits, logits_fake)
        ct = class_consistency((logits, logits2), (features, features2), self.margin, self.feature_weight)
        self.update(self.opt_d, loss_few + self.unlabelled * (loss_d + self.consistency * ct))
        step_towards(self.D_average, self.D, self.average)

        # generator
        with frozen(self.D):
            with torch.no_grad():
                features = self.D.classify(other)[0]
            matched = self.D.classify(self.G(self.latents(len(real))))[0]
            loss_g = feature_matching(features, matched, self.matching_power)
            self.update(self.opt_g, loss_g)

        losses = {"loss/d": loss_d, "loss/g": loss_g, "loss/classes": loss_few, "penalty/consistency": ct}
        on_real, on_fake = logits.logsumexp(1).mean(), logits_fake.logsumexp(1).mean()
        right = (logits_few.argmax(1) == y).float().mean()
        self.report(losses | {"logits/real": on_real, "logits/fake": on_fake, "accuracy/labelled": right})

    # ---- what the paper measures

    def own_metrics(self, data: L.LightningDataModule) -> dict[str, float | str]:
        """Accuracy in % on the set's own test images, of D's average and of D, without noise and dropout."""
        nets = {"test_accuracy": self.D_average, "test_accuracy_last": self.D}
        return accuracies(data, nets, self.to_native)

    # ---- the networks' pixels

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        return self.to_images(G(z))
