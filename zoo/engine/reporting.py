"""What a training step tells: images counted, scalars to the loggers, gradient norms, kimg that were passed."""

import math
from typing import TYPE_CHECKING

from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from zoo.ranks import share

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def report(gan: "GAN", scalars: dict[str, Tensor | float]) -> None:
    """End a training step: count its images and hand its scalars to the loggers and the progress bar.

    Names are `loss/d`, `loss/g`, `logits/real`, `logits/fake`, `penalty/...`; `grad/d`, `grad/g`, `kimg`,
    `hours` and `speed/images_per_s` are added. Values are this step's, of rank 0, every `log_every_n_steps`
    steps.
    """
    due = gan.report_due
    empty = not gan.share_weight  # means over no images are no numbers; rank 0 always has some
    share.run(None)
    gan._nimg_before, gan.nimg, gan.steps = gan.nimg, gan.nimg + gan.images_per_step, gan.steps + 1
    if not empty:
        gan.scalars |= {k: v.detach() if isinstance(v, Tensor) else v for k, v in scalars.items()}
    gan.clock.tick()
    if due:
        images, seconds = gan.nimg - gan._reported[0], gan.clock.seconds - gan._reported[1]
        gan._reported = (gan.nimg, gan.clock.seconds)
        gan.scalars["speed/images_per_s"] = images / max(seconds, 1e-9)
        gan.log_scalars(gan.scalars)


def log_scalars(gan: "GAN", scalars: dict[str, Tensor | float]) -> None:
    """Write scalars to every logger, beside `kimg` and the `hours` of training; training steps are the step."""
    values = {"kimg": gan.nimg / 1000, "hours": gan.clock.seconds / 3600}
    values |= {k: float(v) for k, v in scalars.items()}
    for logger in gan.trainer.loggers:
        logger.log_metrics(values, step=gan.steps)
        logger.save()


def report_due(gan: "GAN") -> bool:
    """Whether the running step's scalars go to the loggers: every `log_every_n_steps` training steps."""
    return (gan.steps + 1) % gan.trainer.log_every_n_steps == 0


def gradient_norm(gan: "GAN", optimizer: LightningOptimizer) -> None:
    """Note the total gradient norm of an optimizer's network when scalars are due."""
    if gan.report_due:
        name = "grad/g" if optimizer is gan.opt_g else "grad/d"
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        gan.scalars[name] = nn.utils.get_total_norm([g for g in grads if g is not None])


def passed(gan: "GAN", kimg: float | None) -> bool:
    """Whether the last step reached or crossed a multiple of `kimg` thousand images; False for None or 0."""
    if not kimg:
        return False
    images = kimg * 1000
    return math.floor(gan.nimg / images) > math.floor(gan._nimg_before / images)
