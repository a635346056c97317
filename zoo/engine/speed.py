"""In which precision a step computes what."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def differentiated_twice(self: "GAN") -> AbstractContextManager[None]:
    """Around what a penalty differentiates twice: in float32, outside autocast."""
    return torch.autocast(self.device.type, enabled=False)
