"""Sums, means and moments over the images of all processes: differentiable, also twice; stand-ins count nothing.

What comes out is the same number on every process. A loss made of it counts once in the whole batch's, since each
process's backward pass has its share's weight, and the weights add up to 1.
"""

from collections.abc import Sequence

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
    mine = share.running()
    if mine is None:
        return x.mean(0)
    return total(mine.present * x.sum(0)) / (mine.total * mine.times(len(x)))


def of_means(here: Tensor) -> Tensor:
    """The whole batch's mean, of the mean over this process's images: for losses that are no sum over images."""
    mine = share.running()
    if mine is None:
        return here
    return total(mine.weight * here)


def of_gradients(here: Sequence[Tensor]) -> list[Tensor]:
    """The whole batch's gradients, of each process's part of them, as tensors of the same shapes."""
    if share.running() is None:
        return list(here)
    pieces = total(torch.cat([g.flatten() for g in here])).split([g.numel() for g in here])
    return [piece.view(g.shape) for piece, g in zip(pieces, here, strict=True)]


def moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), biased variance (C,) and how many numbers they are of (scalar), over axis 1 of all processes.

    Each process tells its own mean and variance, and they are joined (Chan et al. 1979): no square of a mean is
    subtracted. (N, C, ...) in; one differentiable all-reduce.
    """
    axes, channels = [0, *range(2, x.ndim)], x.shape[1]
    spread, here = torch.var_mean(x, axes, correction=0)
    mine = torch.cat([here, spread, x.new_full((1,), share.present() * (x.numel() // channels))])
    place = torch.arange(dist.get_world_size(), device=x.device) == dist.get_rank()
    means, spreads, counts = total(place[:, None] * mine).split([channels, channels, 1], 1)
    n = counts.sum()
    joined = (counts * means).sum(0) / n
    return joined, (counts * (spreads + (means - joined).square())).sum(0) / n, n


@torch.no_grad()
def add_up(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their sums over all processes, in one all-reduce of exactly their numbers."""
    if not tensors:
        return
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    pieces = flat.split([t.numel() for t in tensors])
    torch._foreach_copy_(list(tensors), [p.view(t.shape) for p, t in zip(pieces, tensors, strict=True)])


def whole(x: Tensor) -> Tensor:
    """The batch (total, ...) of all processes, of this one's images of it (N, ...); x for one process."""
    mine = share.running()
    if mine is None:
        return x
    places = x.new_zeros(mine.total, *x.shape[1:])
    places[mine.rows.to(x.device)] = mine.present * x
    return total(places)
