"""Optimizer steps: gradients of the whole batch, clipping, the average of G, learning rates."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from zoo.engine import draws, reporting
from zoo.engine.ema import move
from zoo.ranks.share import running

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def share_weight(gan: "GAN") -> float:
    """What a mean over this rank's images counts in the mean of all ranks' means; 1 where shares are equal."""
    return mine.weight if (mine := running()) else 1.0


def manual_backward(gan: "GAN", loss: Tensor, *args, **kwargs) -> None:
    """Gradients of a mean over this rank's images, weighted so that the ranks' mean is that of the whole batch.

    What is the same number on every rank (a regulariser of weights) comes out as it is.
    """
    weight = gan.share_weight
    L.LightningModule.manual_backward(gan, loss if weight == 1 else weight * loss, *args, **kwargs)


def update(
    gan: "GAN", optimizer: LightningOptimizer, loss: Tensor | Iterable[Tensor], clip: float | None = None
) -> None:
    """One step of `optimizer` down `loss`; with a step of G its average follows.

    Args:
        loss: a scalar, or several whose gradients add up: each is taken, and its graph freed, in turn.
        clip: bound on the total gradient norm; None for none.
    """
    optimizer.zero_grad()
    for part in [loss] if isinstance(loss, Tensor) else loss:
        gan.manual_backward(part)
    gan.apply_gradients(optimizer, clip)


def apply_gradients(gan: "GAN", optimizer: LightningOptimizer, clip: float | None = None) -> None:
    """The second half of `update`, for steps whose gradients one backward pass gives to both networks."""
    if clip is not None:
        gan.clip_gradients(optimizer, gradient_clip_val=clip, gradient_clip_algorithm="norm")
    reporting.gradient_norm(gan, optimizer)
    averaged = gan.ema is not None and optimizer is gan.opt_g
    if averaged and gan.ema.before_step:
        gan.update_ema()
    optimizer.step()
    if averaged and not gan.ema.before_step:
        gan.update_ema()
    draws.begin(gan)


def update_ema(gan: "GAN") -> None:
    """Move the average of G towards G; buffers (batch norm statistics) are copied."""
    move(gan.G_ema, gan.G, gan.ema.beta(gan.nimg, gan.images_per_step))


def set_lr(gan: "GAN", optimizer: LightningOptimizer | torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, as a paper's schedule over `nimg` asks for."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def forget(gan: "GAN") -> None:
    """Let both optimizers start anew: no moments, no step count."""
    for optimizer in gan.optimizers():
        optimizer.optimizer.state.clear()
