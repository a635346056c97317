"""Sums, means and moments over the images of all processes: differentiable, also twice, right for empty shares."""

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.ranks import share


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return _SumOverRanks.apply(grad)


def total(x: Tensor) -> Tensor:
    """The sum of a tensor over all processes, on any backend; its gradient is summed likewise.

    Every process must call.
    """
    return _SumOverRanks.apply(x)


def mean(x: Tensor) -> Tensor:
    """The mean over the images of the whole batch, (N, ...) -> (...); x.mean(0) for one process."""
    if share.running() is None:
        return x.mean(0)
    here = torch.cat([x.sum(0).flatten(), x.new_full((1,), len(x))])
    everywhere = total(here)
    return (everywhere[:-1] / everywhere[-1]).view(x.shape[1:])


def of_means(here: Tensor) -> Tensor:
    """The whole batch's mean, of the mean over this process's images; its slope is this process's own.

    For losses that are no sum over images: they see the whole batch, and gradients are averaged over processes.
    """
    mine = share.running()
    if mine is None:
        return here
    if not len(mine):
        here = here.nan_to_num(0.0)  # of no images, but every process takes part in the backward pass
    return here + (total(here.detach() * mine.weight) / mine.world - here.detach())


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), biased variance (C,) and how many numbers they are of (scalar), over axis 1 of all processes.

    Each process tells its own mean and variance, and they are joined (Chan et al. 1979): no square of a mean is
    subtracted. (N, C, ...) in; one differentiable all-reduce.
    """
    axes, channels = [0, *range(2, x.ndim)], x.shape[1]
    count = x.numel() // channels
    here = x.sum(axes) / max(count, 1)
    spread = (x - here.view(-1, *[1] * (x.ndim - 2))).square().sum(axes) / max(count, 1)
    mine = torch.cat([here, spread, x.new_full((1,), count)])
    place = torch.arange(dist.get_world_size(), device=x.device) == dist.get_rank()
    means, spreads, counts = total(place[:, None] * mine).split([channels, channels, 1], 1)
    n = counts.sum()
    joined = (counts * means).sum(0) / n
    return joined, (counts * (spreads + (means - joined).square())).sum(0) / n, n
