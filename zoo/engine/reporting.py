"""A step's numbers where the rest of Lightning looks: `ModelCheckpoint`, `EarlyStopping`, bars, pruners."""

from collections.abc import Mapping

import lightning.pytorch as L
import torch
from torch import Tensor


def offer(trainer: L.Trainer, scalars: Mapping[str, Tensor | float]) -> None:
    """Put scalars into `trainer.callback_metrics`, as tensors and without waiting for the device.

    Straight into the mapping, not by `self.log`: a score is also met where Lightning forbids that, at the end of
    training, and the zoo's loggers have the numbers already.
    """
    trainer.callback_metrics.update({k: torch.as_tensor(v).detach() for k, v in scalars.items()})


def show(trainer: L.Trainer, scalars: Mapping[str, Tensor | float]) -> None:
    """Put the losses into Lightning's own progress bar."""
    trainer.progress_bar_metrics.update({k: float(v) for k, v in scalars.items() if k.startswith("loss/")})
