"""The base of models that grow: stage, fade, batch and learning rate follow the image counter."""

from dataclasses import replace

import lightning.pytorch as L
from torch import Tensor, nn

from zoo.data.stage import Stage
from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.engine.schedules import ProgressiveSchedule


class Growing(GAN):
    """A GAN whose networks start small and grow, as Karras et al. 2018 have it.

    G and D take `lod`, the number of the finest levels that are missing. Beside the arguments of `__init__` these
    are the options of every growing paper that make its schedule; their numbers are the paper's.

    Args:
        schedule: resolution, fade, batch and rate as functions of `nimg`.
        group: images of a group of D's minibatch stddev; None for the whole batch, 0 for none.
        resolution: R, of the finished networks, a power of two.
        start_resolution: of the first stage.
        train_kimg: thousands of images for which a resolution trains before the next one fades in.
        transition_kimg: thousands of images of a fade.
        batch_size: real images in one step, over all ranks, where `batch_size_at` has no other number.
        batch_size_at: resolution -> batch size where it is another one.
        lr: learning rate of both networks, where `lr_at` has no other one.
        lr_at: resolution -> learning rate where it is another one.
        rampup_kimg: the rate rises over so many thousand images.
        repeats: steps between two look-ups of the schedule (minibatch_repeats).
        total_kimg: end of training, in thousands of real images.
    """

    fixed_kimg = ("train_kimg", "transition_kimg", "rampup_kimg")

    def __init__(
        self,
        G: nn.Module,
        D: nn.Module,
        schedule: ProgressiveSchedule,
        *,
        group: int | None,
        latent_dim: int,
        n_classes: int,
        total_kimg: float,
        ema: EMA,
        parts: int = 1,
    ) -> None:
        super().__init__(
            G,
            D,
            resolution=schedule.resolution,
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=schedule.batch_size,
            parts=parts,
            total_kimg=total_kimg,
            ema=ema,
        )
        self.schedule, self.group = schedule, group

    def stage_at(self, nimg: int) -> Stage:
        return replace(self.schedule.at(nimg), parts=self._stage.parts)

    def begin_stage(self) -> Stage:
        """The stage of the step that begins, its rate set; Adam starts anew where a fade begins or has ended
        (tkarras/progressive_growing_of_gans @ 2504c3f train.py:221-223)."""
        stage = self.stage
        if self.schedule.resets(self.nimg):
            self.forget()
        for optimizer in self.optimizers():
            self.set_lr(optimizer, stage.lr)
        return stage

    def check(self, data: L.LightningDataModule | None) -> None:
        """Refuse a batch that the minibatch stddev cannot split, before anything is computed."""
        super().check(data)
        self.schedule.check_sides()
        self.schedule.check_groups(self.group, self.total_kimg * 1000, self.stage.parts)

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        return G(z, label, self.trained_stage.lod)
