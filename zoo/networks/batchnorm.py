"""Batch norm over the whole batch, however many processes share it."""

import torch
from torch import Tensor, nn

from zoo.ranks import share
from zoo.ranks.sums import moments


def normalize(
    x: Tensor,
    running: tuple[Tensor, Tensor],
    affine: tuple[Tensor | None, Tensor | None],
    momentum: float,
    eps: float,
    biased: bool = False,
) -> Tensor:
    """x (N, C, ...) by the statistics of all processes' images, which also move the running ones (C,).

    Differentiable, also twice, on any backend, gloo on CPUs included, which torch's SyncBatchNorm refuses; right
    for shares of unequal size and for empty ones.

    Args:
        biased: keep the batch's own variance and not the unbiased one.
    """
    with torch.autocast(x.device.type, enabled=False):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, var, n = moments(wide)
        with torch.no_grad():
            running[0].lerp_(mean.to(running[0].dtype), momentum)
            running[1].lerp_((var if biased else var * (n / (n - 1))).to(running[1].dtype), momentum)
        shape = [-1, *[1] * (x.ndim - 2)]
        # with given statistics F.batch_norm would not differentiate through them
        y = (wide - mean.view(shape)) * torch.rsqrt(var + eps).view(shape)
        if affine[0] is not None:
            y = y * affine[0].view(shape) + affine[1].view(shape)
    return y.to(x.dtype)


class _WholeBatch:
    def forward(self, x: Tensor) -> Tensor:
        if not self.training or share.running() is None:
            return super().forward(x)
        self.num_batches_tracked.add_(1)
        running = self.running_mean, self.running_var
        return normalize(x, running, (self.weight, self.bias), self.momentum, self.eps)


class BatchNorm1d(_WholeBatch, nn.BatchNorm1d):
    """`nn.BatchNorm1d` over the images of all processes."""


class BatchNorm2d(_WholeBatch, nn.BatchNorm2d):
    """`nn.BatchNorm2d` over the images of all processes."""
