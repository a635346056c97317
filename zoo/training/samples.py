"""Sample grids while training. All intervals are in thousands of images (kimg), so they survive a resume."""

import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback

from zoo.engine.checkpoints import resumed_here
from zoo.engine.duties import perform
from zoo.engine.gan import GAN
from zoo.options.checked import Checked
from zoo.options.ranges import NonNegativeFloat, Seed, SheetSize
from zoo.pictures.grids import join_columns, sample_grid, save_grid, save_own_pictures
from zoo.training.loggers import log_pictures

NAME = re.compile(r"(?:kimg-([\d.]+)|stage-(\d+)px)(?:-|$)")


class Samples(Checked, Callback):
    """Grids of samples from the same latents every time, `samples/kimg-*.png` in the run's folder.

    A growing model also leaves `samples/growth.png`, whose columns show the same latents at the end of each stage.

    Args:
        every_kimg: thousands of images between two grids; 0 leaves only the last one.
        n: images in a grid (with classes: n / 10 columns for each of the first ten classes).
        seed: names the latents.
    """

    def __init__(self, every_kimg: NonNegativeFloat = 100, n: SheetSize = 64, seed: Seed = 0) -> None:
        self.every_kimg, self.n, self.seed = every_kimg, n, seed
        self.told = False  # of a disk that refuses pictures

    @contextmanager
    def spared(self, trainer: L.Trainer) -> Iterator[None]:
        """What the disk refuses of a picture is told once, and costs no training."""
        try:
            yield
        except OSError as error:
            if not self.told:
                folder = Path(trainer.default_root_dir, "samples")
                print(f"{folder} lacks a picture ({error}); training goes on", file=sys.stderr, flush=True)
            self.told = True

    def draw(self, trainer: L.Trainer, gan: GAN) -> None:
        with gan.off_the_clock():
            if not trainer.is_global_zero:
                return
            images, columns = sample_grid(gan, self.n, self.seed)
            path = Path(trainer.default_root_dir, "samples", f"kimg-{gan.nimg / 1000:09.1f}.png")
            with self.spared(trainer):
                save_grid(images, path, columns)
                pictures = {"samples": path} | save_own_pictures(gan, trainer.datamodule, path)
                for logger in trainer.loggers:
                    log_pictures(logger, pictures, gan.nimg / 1000, gan.steps, gan.unit)

    def real(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero and trainer.datamodule is not None:
            n = min(self.n, len(trainer.datamodule))
            real = trainer.datamodule.images(torch.arange(n)).float() / 127.5 - 1
            with self.spared(trainer):
                save_grid(real, Path(trainer.default_root_dir, "samples", "real.png"), max(1, math.isqrt(n)))

    def column(self, trainer: L.Trainer, gan: GAN) -> None:
        """Draw the stage that ends as a column, and beside the columns of the stages before it."""
        with gan.off_the_clock():
            if not trainer.is_global_zero:
                return
            folder, side = Path(trainer.default_root_dir, "samples"), gan.trained_stage.resolution
            images = gan.sample(min(self.n, 8), seed=self.seed)
            images = images.repeat_interleave(gan.resolution // side, 2).repeat_interleave(
                gan.resolution // side, 3
            )
            with self.spared(trainer):
                save_grid(images, folder / f"stage-{side:04d}px.png", 1)
                join_columns(sorted(folder.glob("stage-*px.png")), folder / "growth.png")

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        self.real(trainer)
        self.forget(trainer, gan)
        stage = gan.trained_stage
        if stage.end is not None and gan.nimg >= stage.end:
            perform(trainer, partial(self.column, trainer, gan))
        if gan.nimg and gan.passed(self.every_kimg):
            perform(trainer, partial(self.draw, trainer, gan))

    def forget(self, trainer: L.Trainer, gan: GAN) -> None:
        """Where a run goes on in its own folder, pictures of a later time are taken away: they are drawn again."""
        if not trainer.is_global_zero or not resumed_here(trainer):
            return
        for path in Path(trainer.default_root_dir, "samples").glob("*.png"):
            found = NAME.match(path.stem)
            if found is None:
                continue
            kimg, side = found.groups()
            later = float(kimg) > round(gan.nimg / 1000, 1) if kimg else int(side) > gan.trained_stage.resolution
            if later:
                path.unlink()

    def on_train_epoch_start(self, trainer: L.Trainer, gan: GAN) -> None:
        if trainer.current_epoch:  # another stage of a growing model
            self.real(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.stage_at(0).end is not None:
            perform(trainer, partial(self.column, trainer, gan))

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        if gan.passed(self.every_kimg):
            perform(trainer, partial(self.draw, trainer, gan))

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.finished and gan.stage_at(0).end is not None:  # resumed after its last step, no epoch ends any more
            perform(trainer, partial(self.column, trainer, gan))
        perform(trainer, partial(self.draw, trainer, gan))
