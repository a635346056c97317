"""A step's numbers: counted, logged, and offered where the rest of Lightning looks."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import lightning.pytorch as L
import torch
from torch import Tensor

from zoo.ranks import share

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def offer(trainer: L.Trainer, scalars: Mapping[str, Tensor | float]) -> None:
    """Put scalars where `ModelCheckpoint`, `EarlyStopping` and pruners look, without waiting for the device.

    Straight into the mapping, not by `self.log`: a score is also met where Lightning forbids that, at the end of
    training, and the zoo's loggers have the numbers already.
    """
    trainer.callback_metrics.update({k: torch.as_tensor(v).detach() for k, v in scalars.items()})


def show(trainer: L.Trainer, scalars: Mapping[str, Tensor | float]) -> None:
    """Put the losses into Lightning's own progress bar."""
    trainer.progress_bar_metrics.update({k: float(v) for k, v in scalars.items() if k.startswith("loss/")})


def report(self: "GAN", scalars: dict[str, Tensor | float]) -> None:
    """End a training step: count its images and hand its scalars to the loggers and the progress bar.

    Names are `loss/d`, `loss/g`, `logits/real`, `logits/fake`, `penalty/...`; `grad/d`, `grad/g`, `kimg`,
    `hours` and `speed/images_per_s` are added. Values are this step's, of rank 0, every `log_every_n_steps`
    steps; the gradient of a step that 16-mixed's scaler leaves out is not finite.
    """
    due = self.report_due
    share.run(None)
    self._nimg_before, self.nimg, self.steps = self.nimg, self.nimg + self.images_per_step, self.steps + 1
    self._shown = None
    self.scalars |= {k: v.detach() if isinstance(v, Tensor) else v for k, v in scalars.items()}
    offer(self.trainer, self.scalars | {"kimg": self.nimg / 1000})
    self.clock.tick()
    if due:
        images, seconds = self.nimg - self._reported[0], self.clock.seconds - self._reported[1]
        self._reported = (self.nimg, self.clock.seconds)
        self.scalars["speed/images_per_s"] = images / max(seconds, 1e-9)
        self.log_scalars(self.scalars)
        show(self.trainer, self.scalars)


def log_scalars(self: "GAN", scalars: dict[str, Tensor | float]) -> None:
    """Write scalars to every logger, beside `kimg` and the `hours` of training; training steps are the step."""
    values = {"kimg": self.nimg / 1000, "hours": self.clock.seconds / 3600}
    values |= {k: float(v) for k, v in scalars.items()}
    for logger in self.trainer.loggers:
        logger.log_metrics(values, step=self.steps)
        logger.save()


def passed(self: "GAN", kimg: float | None) -> bool:
    """Whether the last step reached or crossed a multiple of `kimg` thousand images; False for None or 0."""
    if not kimg:
        return False
    images = kimg * 1000
    return math.floor(self.nimg / images) > math.floor(self._nimg_before / images)
