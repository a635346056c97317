"""In which precision a step computes what."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def differentiated_twice(self: "GAN") -> AbstractContextManager[None]:
    """Around what a penalty differentiates twice: in float32, outside autocast, unless `half_penalties` says
    otherwise; sums over an image's slope are float32 in any case."""
    return nullcontext() if self.half_penalties else torch.autocast(self.device.type, enabled=False)
