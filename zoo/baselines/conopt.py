"""The Numerics of GANs (Mescheder, Nowozin, Geiger, NIPS 2017).

arXiv 1705.10461. Official code: LMescheder/TheNumericsOfGANs @ 68d915f ("N"), TensorFlow 1.0.

    python reproductions/conopt.py                                                # CIFAR-10, no normalisation
    python reproductions/conopt.py --config reproductions/conopt/celeba.yaml
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.optim import RMSPropTF1
from zoo.networks import conopt as networks
from zoo.networks.modes import frozen
from zoo.objectives.losses import GAMES
from zoo.options import ranges
from zoo.ranks import share
from zoo.ranks.sums import of_gradients


def half_square(gradients: Sequence[Tensor | None]) -> Tensor:
    """|v|^2 / 2 of a vector that comes in pieces, a scalar; what is None is nothing."""
    return 0.5 * sum(g.square().sum() for g in gradients if g is not None)


class ConOpt(GAN):
    """Consensus optimisation: both players also lower the length of the game's gradient field (N optimizer.py).

    With v = (-grad_G loss_g, -grad_D loss_d) both move along v - gamma grad(|v|^2 / 2) = (I - gamma J^T) v, in one
    simultaneous step on the same batch. The field's curl turns into attraction: eigenvalues of J that turn around
    the equilibrium get negative real parts. |v|^2 is that of a minibatch, so its mean also holds the gradient's
    variance, which N does not correct either.

    Args:
        resolution: divisible by 16; for "resnet_cf" a power of two.
        architecture: "dcgan4" (with batch norm), "dcgan4_nobn", "dcgan4_nobn_cf" (one width) or "resnet_cf".
        width_g: channels of G, N's f_dim.
        width_d: channels of D.
        latent_dim: length of z.
        loss: "standard" (non-saturating), "JS" (saturating), "KL", "tv" or "indicator".
        method: "conopt"; or what it is compared with: "simgd", "altgd" (D, then G on new latents), "smooth" (only D
            moves, to shorten G's gradient) and "clip" (each player's gradient at most `clip` long).
        gamma: weight of |v|^2 / 2.
        clip: of method "clip".
        lr: RMSProp's rate of both players.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: ranges.Side = 32,
        architecture: networks.Architecture = "dcgan4_nobn_cf",
        width_g: ranges.Width = 64,
        width_d: ranges.Width = 64,
        latent_dim: ranges.Width = 256,
        loss: Literal["standard", "JS", "KL", "tv", "indicator"] = "standard",
        method: Literal["conopt", "simgd", "altgd", "smooth", "clip"] = "conopt",
        gamma: ranges.NonNegativeFloat = 10.0,
        clip: ranges.PositiveFloat = 0.1,
        lr: ranges.PositiveFloat = 1e-4,
        batch_size: ranges.BatchSize = 64,
        total_kimg: ranges.PositiveFloat = 9_600,
    ) -> None:
        super().__init__(
            *networks.build(architecture, resolution, latent_dim, width_g, width_d),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=batch_size,
            total_kimg=total_kimg,
        )
        self.save_hyperparameters()
        self.loss_d, self.loss_g = GAMES[loss]
        self.step_of = {
            "conopt": self.consensus,
            "simgd": self.simultaneous,
            "altgd": self.alternating,
            "smooth": self.smoothed,
            "clip": self.clipped,
        }[method]
        self.gamma, self.clip, self.lr = gamma, clip, lr

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [RMSPropTF1(net.parameters(), self.lr) for net in (self.G, self.D)]

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, _ = batch
        self.seed_step()
        with self.differentiated_twice(half=False):  # gradients are differentiated: float32
            self.report(self.step_of(real))

    # ---- the field

    def losses(self, real: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Both losses on one batch, D's and G's, whose graph reaches both players, and the scalars to report."""
        real_logits, fake_logits = self.D(real), self.D(self.G(self.latents(len(real))))
        loss_d, loss_g = self.loss_d(real_logits, fake_logits), self.loss_g(fake_logits)
        logits = {"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
        return loss_d, loss_g, {"loss/d": loss_d, "loss/g": loss_g, **logits}

    def gradients(self, real: Tensor, graph: bool) -> tuple[list[Tensor], list[Tensor], dict[str, Tensor]]:
        """This process's part of the gradients of G's loss by G and of D's loss by D, as its images weigh in the
        whole batch's; with `graph` they can be differentiated."""
        loss_d, loss_g, scalars = self.losses(real)
        mine = share.weight()
        on_g = torch.autograd.grad(mine * loss_g, list(self.G.parameters()), create_graph=graph, retain_graph=True)
        on_d = torch.autograd.grad(mine * loss_d, list(self.D.parameters()), create_graph=graph)
        return list(on_g), list(on_d), scalars

    def move(self, on_g: Sequence[Tensor | None], on_d: Sequence[Tensor | None], clip: float | None = None) -> None:
        """One step of each player down gradients that are already there; a parameter without one stays.

        They are this process's part, and pass through a backward pass as any gradient.
        """
        pairs = [*zip(self.G.parameters(), on_g, strict=True), *zip(self.D.parameters(), on_d, strict=True)]
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(sum((p * g.detach()).sum() for p, g in pairs if g is not None), weight=1.0)
        for optimizer in self.optimizers():
            self.apply_gradients(optimizer, clip)

    # ---- the steps

    def consensus(self, real: Tensor) -> dict[str, Tensor]:
        on_g, on_d, scalars = self.gradients(real, graph=True)
        length = half_square(of_gradients([*on_g, *on_d]))
        players = [*self.G.parameters(), *self.D.parameters()]
        pull = torch.autograd.grad(share.weight() * length, players, allow_unused=True)
        # a parameter that the length does not depend on is left out (N optimizer.py)
        both = [None if p is None else g + self.gamma * p for g, p in zip([*on_g, *on_d], pull, strict=True)]
        self.move(both[: len(on_g)], both[len(on_g) :])
        return scalars | {"penalty/field": length}

    def simultaneous(self, real: Tensor) -> dict[str, Tensor]:
        on_g, on_d, scalars = self.gradients(real, graph=False)
        self.move(on_g, on_d)
        return scalars

    def smoothed(self, real: Tensor) -> dict[str, Tensor]:
        on_g, on_d, scalars = self.gradients(real, graph=True)
        length = half_square(of_gradients(on_g))
        pull = torch.autograd.grad(share.weight() * length, list(self.D.parameters()), allow_unused=True)
        self.move(on_g, [g if p is None else g + self.gamma * p for g, p in zip(on_d, pull, strict=True)])
        return scalars | {"penalty/field": length}

    def clipped(self, real: Tensor) -> dict[str, Tensor]:
        on_g, on_d, scalars = self.gradients(real, graph=False)
        self.move(on_g, on_d, self.clip)
        return scalars

    def alternating(self, real: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.G(self.latents(len(real)))
        real_logits, fake_logits = self.D(real), self.D(fake)
        loss_d = self.loss_d(real_logits, fake_logits)
        self.update(self.opt_d, loss_d)
        with frozen(self.D):
            loss_g = self.loss_g(self.D(self.G(self.latents(len(real)))))
            self.update(self.opt_g, loss_g)
        logits = {"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
        return {"loss/d": loss_d, "loss/g": loss_g, **logits}
