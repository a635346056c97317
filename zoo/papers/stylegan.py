"""A Style-Based Generator Architecture for Generative Adversarial Networks (Karras, Laine, Aila, CVPR 2019).

arXiv 1812.04948. Official code: NVlabs/stylegan @ 1e0d5c7 ("N").

    python reproductions/stylegan.py --trainer.devices 8                                   # FFHQ 1024 px, config F
    python reproductions/stylegan.py --config reproductions/stylegan/celebahq.yaml --trainer.devices 8
"""

import math
import zlib
from collections.abc import Callable
from typing import Literal

import lightning.pytorch as L
import torch
from torch import Tensor, nn

from zoo.data.stage import Stage
from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import ProgressiveSchedule
from zoo.networks import stylegan as networks
from zoo.networks.modes import frozen
from zoo.networks.progressive import fade_reals
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g, wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, r1, wgan_gp
from zoo.options import ranges

#: resolution -> minibatch over 8 GPUs (N train.py), and learning rate (N train.py:54), where not the base's
EIGHT_GPUS = {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}
RATES = {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}

#: D's loss without its penalty, the penalty with its factor, D's logits of the real and of the fake images
Judged = tuple[Tensor, Tensor, Tensor, Tensor]


def logistic_r1(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, level: int, gamma: float) -> Judged:
    """Logistic loss and gamma/2 * R1 (N training/loss.py:150-175), of images `level` levels below the full size."""
    real = real.requires_grad_()
    real_logits, fake_logits = D(real), D(fake)
    # the gradient with respect to the full-size image, where 4^level pixels share what one has here
    penalty = r1(real_logits, real) / 4**level
    return nonsaturating_d(real_logits, fake_logits), 0.5 * gamma * penalty, real_logits, fake_logits


def wgan_gp_drift(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, level: int, gamma: float) -> Judged:
    """WGAN-GP with drift 0.001 (N training/loss.py); its gradient norm too is that at the full size."""
    real_logits, fake_logits = D(real), D(fake)
    x = between(real, fake)
    penalty = gamma * wgan_gp(D(x) / 2**level, x) + 0.001 * real_logits.square().mean()
    return wasserstein_d(real_logits, fake_logits), penalty, real_logits, fake_logits


#: name in recipes -> (objective of D, loss of G)
OBJECTIVES = {"logistic_r1": (logistic_r1, nonsaturating_g), "wgan_gp": (wgan_gp_drift, wasserstein_g)}


class StyleGAN(GAN):
    """G maps z to w, which sets the style of every layer of a synthesis network that starts from a constant.

    One iteration is a D step and a G step, each on latents, noise and style mixing of its own. Both networks grow
    from `start_resolution` on, faded in image by image.

    Args:
        resolution: of the finished network, a power of two.
        n_classes: 0 for the unconditional model, the paper's.
        fmap_base: channels at 2^r px are min(fmap_base / 2^(r - 1), fmap_max).
        fmap_max: most channels of a layer.
        latent_dim: length of z.
        w_dim: length of w.
        mapping_layers: dense layers from z to w; 0 for w = normalised z.
        mapping_width: width of the layers between.
        mapping_lrmul: learning rate of the mapping relative to `lr`.
        styles: each layer is scaled and shifted by w (configuration C on).
        constant: synthesis starts from a learned constant (D on) instead of a dense layer fed by w.
        noise: noise is added to each layer (E on).
        mixing: probability of style mixing (F), one decision for each minibatch.
        instance_norm: each map is normalised (C on).
        pixel_norm: each pixel is normalised (B).
        w_avg_decay: decay of the running average of w at each pass of G.
        truncation_cutoff: layers that truncation acts on, from the coarsest on; None for all.
        objective: "logistic_r1" (FFHQ) or "wgan_gp" (CelebA-HQ).
        gamma: weight of the penalty: R1 counts gamma/2 times, WGAN-GP's (its lambda) as it is.
        start_resolution: of the first stage.
        train_kimg: thousands of images that each resolution trains for before the next fades in.
        transition_kimg: length of a fade.
        batch_size: real images in one step, over all ranks, where `batch_size_at` has no other number.
        batch_size_at: resolution -> batch size where it is another one; None for the paper's, on 8 GPUs.
        lr: Adam's rate where `lr_at` has no other one.
        lr_at: resolution -> rate where it is another one; None for the paper's.
        rampup_kimg: the rate rises linearly over so many thousand images.
        stddev_group: images of a group of D's minibatch stddev.
        repeats: steps between two looks at the schedule.
        ema_half_life_kimg: of the average of G.
        stored_noise: samples take the noise maps that are kept with the weights, the same for all (the authors'
            randomize_noise=False); otherwise each sample's noise follows from its z.
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
        w_dim: ranges.Width = 512,
        mapping_layers: ranges.Depth = 8,
        mapping_width: ranges.Width = 512,
        mapping_lrmul: ranges.PositiveFloat = 0.01,
        styles: bool = True,
        constant: bool = True,
        noise: bool = True,
        mixing: ranges.ClosedUnitInterval = 0.9,
        instance_norm: bool = True,
        pixel_norm: bool = False,
        w_avg_decay: ranges.Decay = 0.995,
        truncation_cutoff: ranges.NonNegativeInt | None = 8,
        objective: Literal["logistic_r1", "wgan_gp"] = "logistic_r1",
        gamma: ranges.NonNegativeFloat = 10.0,
        start_resolution: ranges.Side = 8,
        train_kimg: ranges.NonNegativeFloat = 600,
        transition_kimg: ranges.NonNegativeFloat = 600,
        batch_size: ranges.BatchSize = 32,
        batch_size_at: dict[int, ranges.BatchSize] | None = None,
        lr: ranges.PositiveFloat = 0.001,
        lr_at: dict[int, ranges.PositiveFloat] | None = None,
        rampup_kimg: ranges.NonNegativeFloat = 0,
        stddev_group: ranges.NonNegativeInt = 4,
        repeats: ranges.PositiveInt = 4,
        ema_half_life_kimg: ranges.PositiveFloat = 10,
        stored_noise: bool = False,
        total_kimg: ranges.PositiveFloat = 25_000,
    ) -> None:
        parts = networks.Parts(styles, noise, constant, instance_norm, pixel_norm)
        maps = {"fmap_base": fmap_base, "fmap_max": fmap_max, "n_classes": n_classes}
        mapping = (latent_dim, w_dim, mapping_width, mapping_layers, mapping_lrmul)
        super().__init__(
            networks.Generator(resolution, fmap_base, fmap_max, *mapping, n_classes, parts=parts),
            networks.Discriminator(resolution, **maps, group_size=stddev_group),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=batch_size,
            total_kimg=total_kimg,
            ema=EMA(half_life_kimg=ema_half_life_kimg, before_step=True),
        )
        self.schedule = ProgressiveSchedule(
            resolution,
            start_resolution,
            train_kimg,
            transition_kimg,
            batch_size,
            EIGHT_GPUS if batch_size_at is None else batch_size_at,
            lr,
            RATES if lr_at is None else lr_at,
            repeats,
            rampup_kimg=rampup_kimg,
        )
        self.save_hyperparameters()
        self.mixing, self.w_avg_decay, self.truncation_cutoff = mixing, w_avg_decay, truncation_cutoff
        self.judge, self.loss_g = OBJECTIVES[objective]
        self.group, self.gamma, self.stored_noise = stddev_group, gamma, stored_noise

    def stage_at(self, nimg: int) -> Stage:
        return self.schedule.at(nimg)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [AdamEpsilonHat(net.parameters(), self.schedule.lr, (0.0, 0.99)) for net in (self.G, self.D)]

    def check(self, data: L.LightningDataModule | None) -> None:
        """Refuse a batch that the minibatch stddev cannot split, before anything is computed."""
        super().check(data)
        self.schedule.check_groups(self.D.group_size, self.total_kimg * 1000)

    def crossover(self, lod: float) -> int:
        """First layer that takes its style from the second latent: one draw for the whole minibatch."""
        used = self.G.synthesis.used(lod)
        rng = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=self.latent_rng)))
        mixed = torch.rand((), generator=rng) < self.mixing
        return int(torch.randint(1, used, (), generator=rng)) if mixed else used

    def fakes(self, n: int, label: Tensor | None, lod: float) -> Tensor:
        """Images of n new latents, with style mixing; every call moves the average of w."""
        w = self.G.mapping(self.latents(n), label)
        self.G.track(w, self.w_avg_decay)
        other = self.G.mapping(self.latents(n), label)
        styles = networks.mix(self.G.layered(w), self.G.layered(other), self.crossover(lod))
        return self.G.synthesis(styles, lod)

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        real, label = batch
        label = label if self.n_classes else None
        self.seed_step()
        lod = self.stage.lod
        if self.schedule.resets(self.nimg):
            self.forget()
        self.set_lr(self.opt_g, self.stage.lr)
        self.set_lr(self.opt_d, self.stage.lr)

        # discriminator; what is differentiated twice runs in float32
        with torch.no_grad():
            fake = self.fakes(len(real), label, lod)
        with self.differentiated_twice():
            real, fake = fade_reals(real, lod), fake.to(real.dtype)
            loss_d, penalty, real_logits, fake_logits = self.judge(
                lambda x: self.D(x, label, lod), real, fake, math.floor(lod), self.gamma
            )
        self.update(self.opt_d, loss_d + penalty)

        # generator, against the updated discriminator; its average takes it as it is before this step
        with frozen(self.D):
            label = self.random_labels(len(real))
            loss_g = self.loss_g(self.D(self.fakes(len(real), label, lod), label, lod))
            self.update(self.opt_g, loss_g)

        self.report(
            {
                "loss/d": loss_d,
                "loss/g": loss_g,
                "logits/real": real_logits.mean(),
                "logits/fake": fake_logits.mean(),
                "penalty/gradient": penalty,
                "lod": lod,
                "lr": self.stage.lr,
            }
        )

    # ---- sampling

    def noise_of(self, z: Tensor) -> networks.Noise:
        """Noise of every layer, (N, 1, h, w) each, a function of z: a sample's pixels follow its seed alone."""
        if self.stored_noise:
            return "stored"
        rngs = [torch.Generator().manual_seed(zlib.crc32(row.tobytes())) for row in z.float().cpu().numpy()]
        sizes = [4 * 2 ** (i // 2) for i in range(self.G.synthesis.used(self.trained_stage.lod))]
        maps = [torch.stack([torch.randn(1, s, s, generator=rng) for rng in rngs]) for s in sizes]
        return [m.to(z.device, z.dtype) for m in maps]

    def indexed_latents(
        self, n: int, seed: int = 0, start: int = 0, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """As `GAN.indexed_latents`, but z itself is never truncated: `generate` truncates w."""
        return super().indexed_latents(n, seed, start)

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        """Images with w drawn towards its average by `truncation`, psi, in the coarsest layers."""
        lod = self.trained_stage.lod
        return G(z, label, lod, self.noise_of(z), truncation, self.truncation_cutoff)

    def renderer(self, space: Literal["z", "w"], ema: bool, seed: int) -> tuple[Callable, Callable]:
        """For `zoo.evaluation.ppl`: latents to codes, and codes to images that share one draw of noise."""
        G = self.G_ema if ema else self.G
        noise = self.noise_of(torch.tensor([[float(seed)]], device=self.device))

        def synthesize(w: Tensor) -> Tensor:
            return G.synthesis(G.layered(w), self.trained_stage.lod, noise)

        if space == "w":
            return G.mapping, lambda w, label: synthesize(w)
        return (lambda z, label: z), lambda z, label: synthesize(G.mapping(z, label))
