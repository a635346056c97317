"""Wasserstein GAN (Arjovsky, Chintala, Bottou, ICML 2017).

arXiv 1701.07875. Official code: martinarjovsky/WassersteinGAN @ f7a01e8 ("W"). Another, with TensorFlow's
optimizer: igul222/improved_wgan_training @ fa66c57, mode wgan ("I"). The paper's text was not at hand.

    python reproductions/wgan.py                                                 # LSUN bedrooms 64 px
    python reproductions/wgan.py --config reproductions/wgan/cifar10.yaml
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.optim import RMSPropTF1
from zoo.engine.pixels import Pixels
from zoo.networks.modes import frozen
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.losses import wasserstein_d, wasserstein_g
from zoo.options import ranges

#: TensorFlow's mean square starts at one, torch's at zero: its first steps are ten times the rate
OPTIMIZERS = {"rmsprop": torch.optim.RMSprop, "rmsprop-tf": RMSPropTF1}
#: iterations of G with more critic steps: the first ones, and one in so many (W main.py:176)
LONG_FIRST, LONG_EVERY = 25, 500


def generator_moves(step: int, n_critic: int, long: int | None) -> bool:
    """Whether G moves behind critic step `step`, counted from 0 over the whole training.

    Args:
        n_critic: critic steps of an ordinary iteration of G.
        long: of the first `LONG_FIRST` iterations and of each whose number `LONG_EVERY` divides; None for none.
    """
    if long is None:
        return (step + 1) % n_critic == 0
    if step < LONG_FIRST * long:
        return (step + 1) % long == 0
    step -= LONG_FIRST * long
    if step < (ordinary := (LONG_EVERY - LONG_FIRST) * n_critic):
        return (step + 1) % n_critic == 0
    step = (step - ordinary) % (long + (LONG_EVERY - 1) * n_critic)
    return step == long - 1 if step < long else (step - long + 1) % n_critic == 0


class WGAN(GAN):
    """The gap of the critic's mean scores tells the Wasserstein distance up to a factor: its weights stay in a box.

    One training step is one critic step; G moves behind every `n_critic`-th. W has D with the opposite sign, which
    is the same game.

    Args:
        resolution: side of the images.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: the critic's normalisation.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of the critic.
        latent_dim: length of z.
        clip: bound on each of the critic's parameters, batch norms' included.
        clip_first: clip before a critic step (W), so that weights may stand outside by one step, or behind it (I,
            and Algorithm 1, recalled: unverified).
        n_critic: critic steps per G step.
        n_critic_long: critic steps of G's first 25 iterations and of every 500th (W; not in the paper); None for no
            such iterations.
        optimizer: "rmsprop" (torch's) or "rmsprop-tf" (TensorFlow 1's).
        lr: its rate, for both networks.
        batch_size: real images in one critic step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 64,
        architecture: Architecture = "dcgan",
        norm_d: NormName = "batch",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 100,
        clip: ranges.PositiveFloat = 0.01,
        clip_first: bool = True,
        n_critic: ranges.PositiveInt = 5,
        n_critic_long: ranges.PositiveInt | None = 100,
        optimizer: Literal["rmsprop", "rmsprop-tf"] = "rmsprop",
        lr: ranges.PositiveFloat = 5e-5,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 75_826,
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
        self.clip, self.clip_first, self.n_critic, self.n_critic_long = clip, clip_first, n_critic, n_critic_long
        self.optimizer, self.lr = OPTIMIZERS[optimizer], lr

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.optimizer(net.parameters(), self.lr) for net in (self.G, self.D)]

    @torch.no_grad()
    def clip_weights(self) -> None:
        for p in self.D.parameters():
            p.clamp_(-self.clip, self.clip)

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        if self.clip_first:
            self.clip_weights()
        with torch.no_grad():
            fake = self.G(self.latents(len(real)))
        real_scores, fake_scores = self.D(real), self.D(fake)  # apart: each has batch statistics of its own
        loss_d = wasserstein_d(real_scores, fake_scores)
        self.update(self.opt_d, loss_d)
        if not self.clip_first:
            self.clip_weights()
        return {"loss/d": loss_d, "logits/real": real_scores.mean(), "logits/fake": fake_scores.mean()}

    def generator_step(self, n: int) -> dict[str, Tensor]:
        with frozen(self.D):
            loss_g = wasserstein_g(self.D(self.G(self.latents(n))))
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        scalars = self.critic_step(real)
        if generator_moves(self.steps, self.n_critic, self.n_critic_long):
            scalars |= self.generator_step(len(real))
        self.report(scalars)
