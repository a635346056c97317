"""Large Scale GAN Training for High Fidelity Natural Image Synthesis (Brock, Donahue, Simonyan, ICLR 2019).

arXiv 1809.11096. The authors' PyTorch port: ajbrock/BigGAN-PyTorch @ 9845943 ("BP"); the code behind the paper's
numbers was never released.

    python reproductions/biggan.py --trainer.devices 8 --model.accumulate_d 8 --model.accumulate_g 8    # ImageNet
    python reproductions/biggan.py --config reproductions/biggan/imagenette64-cpu.yaml
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.engine import standing as statistics
from zoo.engine.checks import check_parts_of
from zoo.engine.collapse import CollapseWatch
from zoo.engine.ema import EMA, move_state
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.networks import biggan_architectures as architectures
from zoo.networks.modes import frozen
from zoo.objectives.losses import hinge_d, hinge_g
from zoo.objectives.penalties import orthogonality
from zoo.options import ranges

#: whose gradient of the orthogonal regulariser: the paper's R, or the released code's, which has half of it
ORTHO = {"paper": 1.0, "released": 0.5}


class BigGAN(GAN):
    """Class-conditional hinge GAN with spectral norm in both networks, shared embedding, skip-z and large batches.

    One iteration is `d_steps` D updates, each on new real images, then one G update. Any batch may be computed in
    parts whose gradients add up; G's batch norm then sees a part at a time, and u moves at each part.

    Samples come from the average of G with standing statistics, made at the truncation that is asked for.

    Args:
        resolution: 32, 64, 128, 256 or 512 px.
        n_classes: at least 1.
        latent_dim: length of z; with `hierarchical` z, a multiple of the number of G's stages + 1.
        batch_size: real images in one D update, over all ranks and parts.
        batch_size_g: fakes in one G update, over all ranks and parts.
        d_steps: D updates in an iteration.
        accumulate_d: parts of a D batch.
        accumulate_g: parts of a G batch.
        split_d: whether D sees fake and real images in separate calls.
        lr_g: Adam's rate for G, constant.
        lr_d: Adam's rate for D, constant.
        beta1: Adam's beta 1.
        beta2: Adam's beta 2.
        adam_eps: Adam's eps, added before the bias correction as in TF and PyTorch before 1.3.
        ortho: strength beta of the orthogonal regulariser on G's weights, except the shared embedding.
        ortho_d: likewise on all of D's (BP --D_ortho, 0 in every script).
        ortho_gradient: whose gradient of it, "paper" or "released".
        ema_decay: decay of the average of G: of all of its state, batch norm's and spectral norm's included.
        ema_start_kimg: the average equals G in every iteration that ends before so many images.
        standing_passes: batches behind the standing statistics; 0 takes the running averages.
        watch_kimg: thousands of images between two looks at the spectra and at D's logits on seen and unseen
            images; 0 for none. A `CollapseWatch` among the trainer's callbacks takes its place.
        total_kimg: end of training, in thousands of real images; one iteration shows d_steps * batch_size.
        **network: see `zoo.networks.biggan_architectures.networks`.
    """

    network = staticmethod(architectures.networks)

    def __init__(
        self,
        resolution: ranges.Side = 128,
        n_classes: ranges.SomeClasses = 1000,
        latent_dim: ranges.Width = 120,
        batch_size: ranges.BatchSize = 2048,
        batch_size_g: ranges.BatchSize = 2048,
        d_steps: ranges.PositiveInt = 2,
        accumulate_d: ranges.PositiveInt = 1,
        accumulate_g: ranges.PositiveInt = 1,
        split_d: bool = False,
        lr_g: ranges.PositiveFloat = 5e-5,
        lr_d: ranges.PositiveFloat = 2e-4,
        beta1: ranges.Decay = 0.0,
        beta2: ranges.Decay = 0.999,
        adam_eps: ranges.PositiveFloat = 1e-8,
        ortho: ranges.NonNegativeFloat = 1e-4,
        ortho_d: ranges.NonNegativeFloat = 0.0,
        ortho_gradient: Literal["paper", "released"] = "paper",
        ema_decay: ranges.Decay = 0.9999,
        ema_start_kimg: ranges.NonNegativeFloat = 0.0,
        standing_passes: ranges.NonNegativeInt = 100,
        watch_kimg: ranges.NonNegativeFloat = 2000,
        total_kimg: ranges.PositiveFloat = 675_840,
        **network: Any,
    ) -> None:
        super().__init__(
            *architectures.networks(resolution, n_classes, latent_dim, **network),
            resolution=resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=d_steps * batch_size,
            parts=d_steps * accumulate_d,
            total_kimg=total_kimg,
            ema=EMA(decay=ema_decay, start_kimg=ema_start_kimg),
        )
        self.save_hyperparameters()
        check_parts_of(accumulate_d=accumulate_d, batch_size=batch_size)
        check_parts_of(accumulate_g=accumulate_g, batch_size_g=batch_size_g)
        self.d_steps, self.accumulate_d, self.accumulate_g = d_steps, accumulate_d, accumulate_g
        self.judge = architectures.apart if split_d else architectures.together
        self.lr_g, self.lr_d, self.betas, self.adam_eps = lr_g, lr_d, (beta1, beta2), adam_eps
        self.ortho_g, self.ortho_d = ORTHO[ortho_gradient] * ortho, ORTHO[ortho_gradient] * ortho_d
        self.batch_size_g, self.standing_passes, self.watch_kimg = batch_size_g, standing_passes, watch_kimg
        self.made_standing = statistics.Standing(batch_size // accumulate_d)  # a part of a D batch over all ranks

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        rates = ((self.G, self.lr_g), (self.D, self.lr_d))
        return [AdamEpsilonHat(net.parameters(), lr, self.betas, self.adam_eps) for net, lr in rates]

    def configure_callbacks(self) -> list[Callback]:
        others = any(isinstance(c, CollapseWatch) for c in self.trainer.callbacks)
        return [CollapseWatch(self.watch_kimg)] if self.watch_kimg and not others else []

    def fakes(self, n: int) -> tuple[Tensor, Tensor]:
        """Fakes and the classes they were made for, drawn uniformly."""
        z, label = self.latents(n), self.random_labels(n)
        return self.G(z, label), label

    def regularizer(self, net: nn.Module, strength: float) -> Tensor | float:
        """strength * the sum of `orthogonality` over the raw weights of `net`, in float32."""
        shared = "embedding.weight" if net is self.G else None
        weights = (p for name, p in net.named_parameters() if p.ndim > 1 and name != shared)
        return strength * sum(map(orthogonality, weights)) if strength else 0.0

    def d_losses(self, real: Tensor, label: Tensor) -> Iterator[Tensor]:
        """D's loss part by part, each ready for its backward pass."""
        k = self.accumulate_d
        for i, (x, y) in enumerate(zip(real.tensor_split(k), label.tensor_split(k), strict=True)):
            with torch.no_grad():
                fake, fake_label = self.fakes(len(x))
            fake_logits, real_logits = self.judge(self.D, fake, fake_label, x, y)
            loss = hinge_d(real_logits, fake_logits)
            self.seen |= {"loss/d": loss, "logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
            yield loss / k + (self.regularizer(self.D, self.ortho_d) if i == 0 else 0.0)

    def g_losses(self) -> Iterator[Tensor]:
        """G's loss part by part, each ready for its backward pass; the first carries the regulariser."""
        k = self.accumulate_g
        for i in range(k):
            loss = hinge_g(self.D(*self.fakes(self.share(self.batch_size_g // k))))
            penalty = self.regularizer(self.G, self.ortho_g) if i == 0 else 0.0
            self.seen |= {"loss/g": loss} | ({"penalty/ortho": penalty} if i == 0 else {})
            yield loss / k + penalty

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        real, label = batch
        self.seen: dict = {}  # scalars of the last part

        # discriminator
        for x, y in zip(real.tensor_split(self.d_steps), label.tensor_split(self.d_steps), strict=True):
            self.update(self.opt_d, self.d_losses(x, y))

        # generator
        with frozen(self.D):
            self.update(self.opt_g, self.g_losses())

        self.report(self.seen)

    def update_ema(self) -> None:
        """The average follows all of G's state, batch norm's and spectral norm's buffers too (BP utils.py:614)."""
        # counted at the end of the iteration: BP's first one is number 1 (BP train.py:96, 173)
        beta = self.ema.beta(self.nimg + self.images_per_step, self.images_per_step)
        move_state(self.G_ema, self.G, beta)

    # ---- sampling, with standing statistics

    prepared = statistics.prepared
    generate = statistics.generate
    standing = statistics.standing
