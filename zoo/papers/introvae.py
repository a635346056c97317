"""IntroVAE: Introspective Variational Autoencoders for Photographic Image Synthesis (Huang et al., NeurIPS 2018).

arXiv 1807.06358. Official code: hhb072/IntroVAE @ c8ce5d2 ("IV"). The paper's text could not be read here: what is
said of it, Algorithm 1 included, comes from others who followed it.

    python reproductions/introvae.py                                             # CelebA-HQ 1024 px
    python reproductions/introvae.py --config reproductions/introvae/celebahq-256.yaml
"""

from collections.abc import Sequence
from typing import Literal

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.data import ImageDataModule
from zoo.engine.gan import GAN
from zoo.engine.introspection import Introspection
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.pixels import Pixels
from zoo.evaluation import reconstruction
from zoo.networks import introvae as networks
from zoo.networks.modes import evaluating, frozen
from zoo.objectives.losses import gaussian_kl, introspective_e, introspective_g, squared_error
from zoo.options.ranges import BatchSize, NonNegativeFloat, PositiveFloat, Side, Width
from zoo.ranks import share
from zoo.ranks.sums import of_means


def regularization(posterior: tuple[Tensor, Tensor]) -> Tensor:
    """L_REG: KL(q(z|x) || N(0, I)) of mean and log variance (N, latent_dim), the mean over the batch."""
    mean, logvar = posterior
    return gaussian_kl(mean, logvar / 2).mean()


class IntroVAE(GAN):
    """VAE whose encoder is also the discriminator: an image is as unreal as its posterior is far from the prior.

    The encoder E lowers L_REG on images and raises it, up to the margin m, on reconstructions and samples; the
    generator lowers it on both. In the base class's terms E is D, and its updates are the D steps.

    Images meet the networks in [0, 1] (IV dataset.py:68-70).

    Args:
        resolution: a power of two from 8 px on.
        widths: channels of both networks, one number for each halving down to 4 px.
        latent_dim: length of z (IV --hdim).
        expand_equal_above_256: blocks between equal widths above 256 have a learned shortcut, as in IV's program.
        margin: m, for the mean KL of a batch (IV --m_plus).
        weight_rec: weight of the squared error, which is summed over an image's numbers (IV --weight_rec).
        weight_kl: weight of all terms with a KL (IV --weight_kl).
        weight_neg: weight of the hinges in E's loss, beside a factor 1/2 (IV --weight_neg).
        gain: how batch norms' gains start: from U(0, 1), as PyTorch up to 1.1 did it, or at 1.
        vae_kimg: the first so many thousand images train an ordinary VAE (IV --num_vae, in epochs).
        lr: Adam's learning rate of both networks; betas, epsilon and its place are those of PyTorch before 1.3.
        batch_size: real images in one step, over all ranks.
        total_kimg: end of training, in thousands of real images.
    """

    def __init__(
        self,
        resolution: Side = 1024,
        widths: Sequence[Width] = networks.WIDTHS[1024],
        latent_dim: Width = 512,
        expand_equal_above_256: bool = True,
        margin: PositiveFloat = 500.0,
        weight_rec: NonNegativeFloat = 0.01,
        weight_kl: NonNegativeFloat = 1.0,
        weight_neg: NonNegativeFloat = 1.0,
        gain: Literal["uniform", "one"] = "uniform",
        vae_kimg: NonNegativeFloat = 116,
        lr: PositiveFloat = 2e-4,
        batch_size: BatchSize = 12,
        total_kimg: PositiveFloat = 14_529,
    ) -> None:
        widths = list(widths)
        super().__init__(
            networks.Generator(resolution, widths, latent_dim, expand_equal_above_256=expand_equal_above_256),
            networks.Encoder(resolution, widths, latent_dim, expand_equal_above_256=expand_equal_above_256),
            resolution=resolution,
            latent_dim=latent_dim,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            pixels=Pixels(unit=True),
        )
        self.save_hyperparameters()
        if gain == "uniform":
            self.apply(networks.uniform_gain)
        self.margin, self.vae_kimg, self.lr = margin, vae_kimg, lr
        self.weight_rec, self.weight_kl, self.weight_neg = weight_rec, weight_kl, weight_neg

    @property
    def E(self) -> nn.Module:
        return self.D

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.lr, (0.9, 0.999)) for net in (self.G, self.E)]

    def configure_callbacks(self) -> list[Callback]:
        return [Introspection()]

    def draw(self, posterior: tuple[Tensor, Tensor]) -> Tensor:
        """z ~ q(z|x): mean + exp(logvar / 2) * eps (IV networks.py:133-139)."""
        mean, logvar = posterior
        return mean + (logvar / 2).exp() * self.latents(len(mean))

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        x = self.to_native(batch[0])
        warming_up = self.nimg < self.vae_kimg * 1000
        (self.vae_step if warming_up else self.introspective_step)(x)

    def vae_step(self, x: Tensor) -> None:
        """Warm-up: both networks down L_AE + L_REG(Z); the weights do not apply (IV main.py:147)."""
        posterior = self.E(x)
        x_r = self.G(self.draw(posterior))
        loss_ae, reg_real = squared_error(x, x_r), regularization(posterior)
        loss = loss_ae + reg_real
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            self.apply_gradients(optimizer)
        self.report({"loss/d": loss, "loss/g": loss, "loss/L_AE": loss_ae, "L_REG/real": reg_real})

    def introspective_step(self, x: Tensor) -> None:
        """Algorithm 1: an encoder step, then a generator step on the same images (IV main.py:181-215)."""
        x_p = self.G(self.latents(len(x)))
        posterior = self.E(x)
        z = self.draw(posterior)
        z_g = z.detach().requires_grad_()  # here the graphs of the two networks are kept apart
        x_r = self.G(z_g)
        loss_ae = squared_error(x, x_r)

        # encoder: x_r is a constant in L_REG(Z_r), but not in L_AE, whose slope reaches E through z; the hinges act
        # on the whole batch's means
        reg_real = regularization(posterior)
        reg_r = of_means(regularization(self.E(x_r.detach())))
        reg_p = of_means(regularization(self.E(x_p.detach())))
        adversarial_e = self.weight_kl * introspective_e(reg_real, reg_r, reg_p, self.margin, self.weight_neg)
        # weighted here, as a backward pass is, and not again in the update: batch norm carries it over the ranks
        (slope,) = torch.autograd.grad(share.weight() * self.weight_rec * loss_ae, z_g, retain_graph=True)
        self.update(self.opt_d, adversarial_e + (slope * z).sum() / (share.weight() or 1))

        # generator: the same x_r and x_p before the updated encoder, and the same L_AE
        with frozen(self.E):
            reg_r_g, reg_p_g = regularization(self.E(x_r)), regularization(self.E(x_p))
        adversarial_g = self.weight_kl * introspective_g(reg_r_g, reg_p_g)
        self.update(self.opt_g, adversarial_g + self.weight_rec * loss_ae)

        self.report(
            {
                "loss/d": adversarial_e + self.weight_rec * loss_ae,
                "loss/g": adversarial_g + self.weight_rec * loss_ae,
                "loss/L_AE": loss_ae,
                "loss/L_adv_E": adversarial_e,
                "loss/L_adv_G": adversarial_g,
                "L_REG/real": reg_real,
                "L_REG/reconstruction": reg_r,
                "L_REG/sample": reg_p,
                "L_REG/reconstruction_g": reg_r_g,
                "L_REG/sample_g": reg_p_g,
            }
        )

    def own_metrics(self, data: ImageDataModule) -> dict[str, float | str]:
        """Errors of reconstructions; the work of one rank, since it is little."""
        return reconstruction.of_data(self, data) if self.global_rank == 0 else {}

    def own_pictures(self, data: ImageDataModule) -> dict[str, tuple[Tensor, int]]:
        """Images, of those held out if there are any, each beside its reconstruction."""
        return {"reconstructions": reconstruction.pairs_of_data(self, data)}

    # ---- inference

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """The posterior's mean (N, latent_dim) of images (N, 3, R, R) in [-1, 1]; `decode` is the way back."""
        with evaluating(self.E):
            return self.E(self.to_native(images))[0]
