"""Steps of the optimizers, with the average of G behind them.

Between processes one all-reduce a step sends the gradient of each parameter that the step moves, and nothing else:
backward passes only add up what each process has, weighted by its share of the batch.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import lightning.pytorch as L
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from zoo.engine import draws
from zoo.engine.ema import move
from zoo.ranks import share, sums

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def manual_backward(
    self: "GAN", loss: Tensor, *args: object, weight: float | None = None, **kwargs: object
) -> None:
    """Add up the gradients of a mean over this rank's images, weighted so that the ranks' sum is the whole batch's.

    What is the same number on every rank (a regulariser of weights) comes out as it is.

    Args:
        weight: another weight than this rank's share of the batch.
    """
    wrapped = self.trainer.strategy.model if share.running() else None
    # a strategy that the user chose may wrap the model: its own reduction, at every pass, stays off
    silent = wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) else nullcontext()
    weight = share.weight() if weight is None else weight
    with silent:
        L.LightningModule.manual_backward(self, loss if weight == 1 else weight * loss, *args, **kwargs)


def update(
    self: "GAN", optimizer: LightningOptimizer, loss: Tensor | Iterable[Tensor], clip: float | None = None
) -> None:
    """One step of `optimizer` down `loss`; with a step of G its average follows.

    Args:
        loss: a scalar, or several whose gradients add up: each is taken, and its graph freed, in turn.
        clip: bound on the total gradient norm; None for none.
    """
    optimizer.zero_grad()
    for part in [loss] if isinstance(loss, Tensor) else loss:
        self.manual_backward(part)
    self.apply_gradients(optimizer, clip)


def apply_gradients(self: "GAN", optimizer: LightningOptimizer, clip: float | None = None) -> None:
    """The second half of `update`, for steps whose gradients one backward pass gives to both networks."""
    if share.running():
        params = (p for group in optimizer.param_groups for p in group["params"])
        sums.add_up([p.grad for p in params if p.grad is not None])
    if clip is not None:
        bound = clip * scale_of(self)
        self.clip_gradients(optimizer, gradient_clip_val=bound, gradient_clip_algorithm="norm")
    name = "grad/g" if optimizer is self.opt_g else "grad/d"
    if self.report_due:
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        self.scalars[name] = nn.utils.get_total_norm([g for g in grads if g is not None]) / scale_of(self)
    averaged = self.ema is not None and optimizer is self.opt_g
    if averaged and self.ema.before_step:
        self.update_ema()
    optimizer.step()
    if averaged and not self.ema.before_step:
        self.update_ema()
    draws.begin(self)


def scale_of(gan: "GAN") -> float:
    """What gradients are multiplied by until their optimizer steps, so that none vanishes in float16 (16-mixed).

    The scaler looks for the largest that does: it overflows now and then by design, and leaves out that step.
    """
    scaler = getattr(gan.trainer.precision_plugin, "scaler", None)
    return 1.0 if scaler is None else scaler.get_scale()


def update_ema(self: "GAN") -> None:
    """Move the average of G towards G; buffers (batch norm statistics) are copied."""
    move(self.G_ema, self.G, self.ema.beta(self.nimg, self.images_per_step))


def set_lr(self: "GAN", optimizer: LightningOptimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, as a paper's schedule over `nimg` asks for."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def forget(self: "GAN") -> None:
    """Let both optimizers start anew: no moments, no step count."""
    for optimizer in self.optimizers():
        optimizer.optimizer.state.clear()
