"""How the exponential moving average of G is kept."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class EMA:
    """How the exponential moving average of G is kept: a fixed decay, or a half-life counted in images.

    Args:
        decay: weight of the old average at each G update; None if `half_life_kimg` is used.
        half_life_kimg: thousands of images after which an old value has lost half of its weight.
        rampup: the half-life is at most this fraction of the images seen so far; None for no ramp-up.
        start_kimg: until then the average simply equals G.
        before_step: the average takes G as it was before each of its steps (Karras et al. 2018, 2019).
    """

    decay: float | None = None
    half_life_kimg: float | None = None
    rampup: float | None = None
    start_kimg: float = 0.0
    before_step: bool = False

    def __post_init__(self) -> None:
        if (self.decay is None) == (self.half_life_kimg is None):
            raise ValueError("EMA needs either decay or half_life_kimg, not both and not neither")

    def beta(self, nimg: int, images: int) -> float:
        """Weight of the old average for a G update after `nimg` images that stands for `images` of them."""
        if nimg / 1000 < self.start_kimg:  # exact where start_kimg was a count of images
            return 0.0
        if self.decay is not None:
            return self.decay
        half_life = self.half_life_kimg * 1000
        if self.rampup is not None:
            half_life = min(half_life, nimg * self.rampup)
        return 0.5 ** (images / half_life) if half_life > 0 else 0.0


@torch.no_grad()
def move(average: nn.Module, current: nn.Module, beta: float) -> None:
    """average <- current + (average - current) * beta, for parameters; buffers are copied."""
    averages, currents = list(average.parameters()), list(current.parameters())
    # in this order: StyleGAN's mapping has weights of some 300, where float32 shows another one (NVlabs/stylegan
    # dnnlib/tflib)
    torch._foreach_sub_(averages, currents)
    torch._foreach_mul_(averages, beta)
    torch._foreach_add_(averages, currents)
    for old, new in zip(average.buffers(), current.buffers(), strict=True):
        old.copy_(new)


@torch.no_grad()
def move_state(average: nn.Module, current: nn.Module, beta: float) -> None:
    """As `move`, for all of the state: buffers too are averaged, as BigGAN's code does."""
    averages, currents = average.state_dict(), current.state_dict()
    torch._foreach_lerp_(list(averages.values()), list(currents.values()), 1.0 - beta)


@torch.no_grad()
def step_towards(average: nn.Module, current: nn.Module, weight: float) -> None:
    """average <- average + (current - average) * weight, for parameters alone."""
    torch._foreach_lerp_(list(average.parameters()), list(current.parameters()), weight)
