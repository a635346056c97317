"""Conditional Generative Adversarial Nets (Mirza, Osindero, 2014).

arXiv 1411.1784. No code was published; its base is goodfeli/adversarial @ 1720041 ("B"). The conditional DCGAN for
MNIST is Newmu/dcgan_code @ ee12b2d, mnist/train_cond_dcgan.py ("D"). The paper's text was not at hand: what is said
of it comes from several agreeing quotations.

    python reproductions/cgan.py                                                 # MNIST, the paper's maxout pair
    python reproductions/cgan.py --config reproductions/cgan/mnist.yaml          # MNIST, convolutions
"""

from typing import Literal

import torch
from torch import Tensor, nn

from zoo.data import ImageDataModule
from zoo.engine.gan import GAN
from zoo.engine.latents import PRIORS
from zoo.engine.pixels import Pixels
from zoo.engine.schedules import linear_decay, linear_rampup
from zoo.evaluation import parzen
from zoo.networks import cgan as networks
from zoo.networks import dcgan
from zoo.networks.modes import frozen
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g
from zoo.options import ranges

Architecture = Literal["maxout", "mnist", "dcgan"]


def build(
    architecture: Architecture,
    resolution: int,
    channels: int,
    latent_dim: int,
    n_classes: int,
    width_g: int | None,
    width_d: int | None,
) -> tuple[nn.Module, nn.Module]:
    """G and D; widths of None are their source's, and the maxout pair's other layers keep their proportions.

    Raises:
        ValueError: for no classes, or a resolution that the architecture does not have.
    """
    if n_classes < 1:
        raise ValueError("a conditional GAN needs classes: set n_classes")
    if architecture == "maxout":
        g, d = width_g or 200, width_d or 240
        shape = (channels, resolution, resolution)
        G = networks.MaxoutGenerator(shape, (g, 5 * g, 6 * g), latent_dim, n_classes)
        units = (d, max(d * 50 // 240, 1), d)
        return G, networks.MaxoutDiscriminator(channels * resolution**2, units, n_classes=n_classes)
    if architecture == "mnist":
        g, d = width_g or 64, width_d or 64
        G = networks.MNISTGenerator(resolution, g, 16 * g, latent_dim, n_classes, channels)
        return G, networks.MNISTDiscriminator(resolution, d, 16 * d, n_classes, channels)
    G = dcgan.Generator(resolution, width_g or 64, latent_dim, channels, n_classes)
    return G, dcgan.Discriminator(resolution, width_d or 64, channels, n_classes)


class CGAN(GAN):
    """The GAN value with D(x|y) and G(z|y): both get the class, and a fake's label is the one that G got.

    No term asks for mismatched labels, and nothing classifies. One iteration is a D step, then a G step on new
    latents. B moves both at once, on the same fakes; D moves them in turns on different batches, G first.

    Args:
        resolution: side of the images (paper: 28).
        n_classes: number of classes.
        architecture: "maxout" (the paper's), "mnist" (D's, sides divisible by 4) or "dcgan" (4x4 kernels, powers of
            two; ours: no official source).
        channels: 1 for grey images.
        width_g: units of z's layer (maxout) or channels of G; None takes the source's.
        width_d: units of the image's layer (maxout) or channels of D.
        latent_dim: length of z.
        prior: z ~ U(0, 1) in the paper, "uniform" is U(-1, 1) as D has it, or "normal".
        half: D's loss is the mean of its two terms (B), not their sum (D).
        optimizer: "sgd" (the paper's) or "adam" (D's).
        lr: its rate at the start.
        lr_divisor: of optimizer sgd: the rate is divided by this at each update, down to 1e-6.
        momentum: of optimizer sgd: at the start and at the end of its linear rise over `momentum_kimg`.
        momentum_kimg: thousands of images of that rise (B: 250 epochs of 50,000 images).
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        l2: of optimizer adam: times each parameter, added to its gradient.
        decay_start_kimg: of optimizer adam: images after which the rate falls linearly to 0 at `total_kimg`; None
            for a constant one.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 28,
        n_classes: ranges.SomeClasses = 10,
        architecture: Architecture = "maxout",
        channels: Literal[1, 3] = 1,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 100,
        prior: Literal["uniform", "unit_uniform", "normal"] = "unit_uniform",
        half: bool = True,
        optimizer: Literal["sgd", "adam"] = "sgd",
        lr: ranges.PositiveFloat = 0.1,
        lr_divisor: ranges.AtLeastOne = 1.00004,
        momentum: tuple[ranges.Decay, ranges.Decay] = (0.5, 0.7),
        momentum_kimg: ranges.NonNegativeFloat = 12_500,
        beta1: ranges.Decay = 0.5,
        beta2: ranges.Decay = 0.999,
        l2: ranges.NonNegativeFloat = 0.0,
        decay_start_kimg: ranges.NonNegativeFloat | None = None,
        batch_size: ranges.BatchSize = 100,
        total_kimg: ranges.PositiveFloat = 12_500,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, channels, latent_dim, n_classes, width_g, width_d),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=architecture != "dcgan"),
        )
        self.save_hyperparameters()
        self.prior, self.weight_d = PRIORS[prior], 0.5 if half else 1.0
        self.optimizer, self.schedule = {"sgd": (self.sgd, self.cool), "adam": (self.adam, self.decay)}[optimizer]
        self.lr, self.betas, self.l2, self.decay_start_kimg = lr, (beta1, beta2), l2, decay_start_kimg
        self.lr_divisor, self.momentum, self.momentum_kimg = lr_divisor, momentum, momentum_kimg

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.optimizer(net) for net in (self.G, self.D)]

    # ---- the two optimizers and their schedules

    def sgd(self, net: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(net.parameters(), self.lr, self.momentum[0])

    def cool(self) -> None:
        start, end = self.momentum
        for optimizer in self.optimizers():
            self.set_lr(optimizer, max(self.lr * self.lr_divisor**-self.steps, 1e-6))
            for group in optimizer.param_groups:
                group["momentum"] = start + (end - start) * linear_rampup(self.nimg, self.momentum_kimg)

    def adam(self, net: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(net.parameters(), self.lr, self.betas, weight_decay=self.l2)

    def decay(self) -> None:
        if self.decay_start_kimg is not None:
            factor = linear_decay(self.nimg, self.decay_start_kimg, self.total_kimg)
            for optimizer in self.optimizers():
                self.set_lr(optimizer, self.lr * factor)

    # ---- the steps

    def discriminator_step(self, real: Tensor, label: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(self.latents(len(real)), label)
        real_logits, fake_logits = self.D(real, label), self.D(fake, label)  # apart, as in DCGAN
        loss_d = self.weight_d * nonsaturating_d(real_logits, fake_logits)
        self.update(self.opt_d, loss_d)
        return {"loss/d": loss_d, "logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}

    def generator_step(self, label: Tensor) -> dict[str, Tensor]:
        with frozen(self.D):
            loss_g = nonsaturating_g(self.D(self.G(self.latents(len(label)), label), label))
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        real, label = self.to_native(batch[0]), batch[1]
        self.seed_step()  # dropout
        self.schedule()
        self.report(self.discriminator_step(real, label) | self.generator_step(label))

    def own_metrics(self, data: ImageDataModule) -> dict[str, float | str]:
        """The paper's measure, a log-likelihood under a Parzen window; the work of one rank."""
        return parzen.of_data(self, data) if self.global_rank == 0 else {}
