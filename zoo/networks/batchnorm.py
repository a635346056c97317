"""Batch norm over the whole batch, however many processes share it, and dropout whose masks are one process's."""

import torch
import torch.nn.functional as F
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
    for shares of unequal size.

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


class _WholeBatch(nn.modules.batchnorm._BatchNorm):
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


class BiasedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose running variance is the biased one, divisor n, as TensorFlow's unfused layer keeps it.

    (N, C, H, W) -> same. Training is as in `BatchNorm2d`, which puts n / (n - 1) into its running variance; only
    evaluation differs.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        if share.running() is not None:
            running, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
            return normalize(x, running, affine, self.momentum, self.eps, biased=True)
        with torch.no_grad():
            var, mean = torch.var_mean(x.to(self.running_var.dtype), (0, 2, 3), correction=0)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


class Dropout(nn.Dropout):
    """Dropout whose mask is one process's for the whole batch, this process's rows."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0 or share.running() is None:
            return super().forward(x)
        return x * share.drawn(lambda ones: F.dropout(ones.fill_(1), self.p), x.detach())
