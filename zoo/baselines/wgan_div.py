"""Wasserstein Divergence for GANs (Wu, Huang, Thoma, Acharya, Van Gool, ECCV 2018).

arXiv 1712.01026. Official code: musikisomorphie/wgan-div @ be1086f ("V"). Another published version, by Su:
bojone/gan @ d4010d1, keras/wgan_div_celeba.py ("S"). The paper's text was not at hand.

    python reproductions/wgan_div.py                                             # CelebA 64 px, k = 2, p = 6
    python reproductions/wgan_div.py --config reproductions/wgan_div/official.yaml   # k = 10 on lines, as V
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from zoo.engine.draws import rows
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.networks.modes import frozen
from zoo.networks.pairs import Architecture, NormName, build
from zoo.objectives.losses import wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, wgan_div
from zoo.options import ranges
from zoo.ranks.sums import whole


def leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


def shuffled(*batches: Tensor) -> Tensor:
    """The images of all batches in another order, over all processes."""
    every = torch.cat([whole(x) for x in batches])
    other = every[torch.randperm(len(every), device=every.device)].chunk(len(batches))
    return torch.cat([rows(part, len(x)) for part, x in zip(other, batches, strict=True)])


def mixture_lines(real: Tensor, fake: Tensor) -> list[Tensor]:
    return [between(torch.cat([real, fake]), shuffled(real, fake))]


#: r, where the slope is paid for -> batches of points from (real, fake); V's paper compares these, and finds little
#: difference (told by S's author)
POINTS: dict[str, Callable[[Tensor, Tensor], list[Tensor]]] = {
    "mixture": lambda real, fake: [leaf(real), leaf(fake)],
    "lines": lambda real, fake: [between(real, fake)],
    "lines-within": lambda real, fake: [between(real, shuffled(real)), between(fake, shuffled(fake))],
    "lines-mixture": mixture_lines,
    "real": lambda real, fake: [leaf(real)],
    "fake": lambda real, fake: [leaf(fake)],
}


class WGAN_Div(GAN):
    """The critic pays k E_r ||grad T||^p and needs no Lipschitz bound: for a suitable r it measures a divergence.

    Both codes have T with the opposite sign, which is the same game. Whether the published numbers are of V's
    k = 10 or of the paper's k = 2 is not known. One iteration is `n_dis` critic steps and a G step.

    Args:
        resolution: side of the images.
        architecture: a pair of `zoo.networks.pairs`.
        norm_d: the critic's normalisation. With batch norm (S) the slope is that of the batch's summed scores.
        channels: 1 for grey images.
        width_g: channels of G; None takes the architecture's own.
        width_d: channels of the critic.
        latent_dim: length of z.
        k: weight of the penalty (paper: 2, V: 10).
        power: p (paper: 6).
        points: r: "mixture" (S: half of each batch), "lines" (V: between real and fake), "lines-within" (between
            two real and between two fake ones), "lines-mixture", "real" or "fake".
        n_dis: critic steps per G step (V: 4, S: 1).
        lr: Adam's rate, for both networks.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        eps: Adam's epsilon (V, TensorFlow: 1e-8; S, Keras: 1e-7).
        batch_size: real images in one critic step, and fakes in one G step, over all ranks.
        total_kimg: end of training, in thousands of real images; one iteration shows n_dis * batch_size.
    """

    def __init__(
        self,
        resolution: ranges.Side = 64,
        architecture: Architecture = "resnet",
        norm_d: NormName = "layer",
        channels: Literal[1, 3] = 3,
        width_g: ranges.Width | None = None,
        width_d: ranges.Width | None = None,
        latent_dim: ranges.Width = 128,
        k: ranges.PositiveFloat = 2.0,
        power: ranges.PositiveFloat = 6.0,
        points: Literal["mixture", "lines", "lines-within", "lines-mixture", "real", "fake"] = "mixture",
        n_dis: ranges.PositiveInt = 4,
        lr: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.0,
        beta2: ranges.Decay = 0.9,
        eps: ranges.PositiveFloat = 1e-8,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 51_200,
    ) -> None:
        super().__init__(
            *build(architecture, resolution, latent_dim, channels, width_g, width_d, norm_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=n_dis * batch_size,
            parts=n_dis,
            total_kimg=total_kimg,
            pixels=Pixels(channels, unit=architecture == "cnn" and resolution == 28),
        )
        self.save_hyperparameters()
        if power <= 1:
            raise ValueError(f"power takes a number above 1, not {power:g}: the critic's penalty needs a slope")
        self.k, self.power, self.points = k, power, POINTS[points]
        self.n_dis, self.lr, self.betas, self.eps = n_dis, lr, (beta1, beta2), eps

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, self.betas, self.eps) for net in (self.G, self.D)]

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """E_r ||grad T||^p; each batch of points passes the critic by itself."""
        terms = [wgan_div(self.D(x), x, self.power) for x in self.points(real, fake)]
        return torch.stack(terms).mean()

    def critic_step(self, real: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(self.latents(len(real)))
        real_scores, fake_scores = self.D(real), self.D(fake)  # apart: each has batch statistics of its own
        loss_d = wasserstein_d(real_scores, fake_scores)
        with self.differentiated_twice(half=False):  # differentiated twice; ||grad||^6 overflows float16
            penalty = self.penalty(real, fake.to(real.dtype))
        self.update(self.opt_d, loss_d + self.k * penalty)
        return {
            "loss/d": loss_d,
            "logits/real": real_scores.mean(),
            "logits/fake": fake_scores.mean(),
            "penalty/gradient": penalty,
        }

    def generator_step(self, n: int) -> dict[str, Tensor]:
        with frozen(self.D):
            loss_g = wasserstein_g(self.D(self.G(self.latents(n))))
            self.update(self.opt_g, loss_g)
        return {"loss/g": loss_g}

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real = self.to_native(batch[0])
        self.seed_step()
        for x in real.tensor_split(self.n_dis):
            scalars = self.critic_step(x)
        self.report(scalars | self.generator_step(len(x)))
