"""Layers shared by the architecture families: spectral normalisation, batch norms, TensorFlow's padding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.opaque import opaque


def power_iteration(
    weight: Tensor, u: Tensor, n_iter: int = 1, eps: float = 1e-12
) -> tuple[Tensor, Tensor, Tensor]:
    """Estimate the largest singular value of `weight` by power iteration (Miyato et al. 2018, Algorithm 1).

    Args:
        weight: any shape (rows, ...); flattened to a matrix whose rows are output units.
        u: (rows,) running estimate of the left singular vector, not necessarily normalised.
        n_iter: rounds of iteration; the paper and its code use 1.
        eps: added to each norm (the official max_sv.py adds; torch's normalize takes a maximum).

    Returns:
        sigma: scalar u'Wv, differentiable in `weight` with u and v held constant (eq. 18-22).
        u, v: the updated vectors (rows,), (columns,), outside the graph.
    """
    matrix = weight.flatten(1)
    with torch.no_grad():
        u, v = rounds(matrix, u, n_iter, eps)
    return u @ (matrix @ v), u, v


@opaque("power_iteration", lambda matrix, u, n_iter, eps: (torch.empty_like(u), matrix.new_empty(matrix.shape[1])))
def rounds(matrix: Tensor, u: Tensor, n_iter: int, eps: float) -> tuple[Tensor, Tensor]:
    """u and v after `n_iter` rounds, at least one."""
    for _ in range(n_iter):
        v = matrix.t() @ u
        v = v / (v.norm() + eps)
        u = matrix @ v
        u = u / (u.norm() + eps)
    return u, v


class SpectralNorm(nn.Module):
    """Mixin: divides a layer's weight by a running estimate of its spectral norm at every forward pass.

    Own module because torch's parametrization normalises u at creation, warms up with 15 rounds and does not
    iterate in eval mode, so it is a different function from the paper's code. The buffer `u` (rows,) starts
    as unnormalised N(0, 1) and needs no synchronisation between ranks: equal weights give equal u.
    """

    #: Chainer's SNConvolution2D keeps u only in train mode; SNLinear and SNEmbedID keep it always
    #: (source/links/sn_linear.py:66, sn_embed_id.py:60).
    keep_u_in_eval = True

    def start_u(self) -> None:
        self.n_iter = 1
        self.register_buffer("u", torch.randn(self.weight.shape[0]))

    def normalized_weight(self) -> Tensor:
        """The weight divided by sigma, same shape; advances u by one power iteration."""
        with torch.autocast(self.weight.device.type, enabled=False):
            sigma, u, _ = power_iteration(self.weight, self.u, self.n_iter)
            if self.training or self.keep_u_in_eval:
                self.u.copy_(u)
            return self.weight / sigma


class SNConv2d(SpectralNorm, nn.Conv2d):
    """Conv2d (N, C, H, W) -> (N, C', H', W') with a spectrally normalised weight (out, in*kh*kw)."""

    keep_u_in_eval = False

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.start_u()

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.normalized_weight(), self.bias)


class SNLinear(SpectralNorm, nn.Linear):
    """Linear (N, in) -> (N, out) with a spectrally normalised weight."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.start_u()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalized_weight(), self.bias)


class SNEmbedding(SpectralNorm, nn.Embedding):
    """Embedding (N,) -> (N, dim) whose whole (n_classes, dim) table is spectrally normalised."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.start_u()

    def forward(self, label: Tensor) -> Tensor:
        return F.embedding(label, self.normalized_weight())


class ConditionalBatchNorm2d(BatchNorm2d):
    """Batch norm whose gain and bias come from a table per class (de Vries et al. 2017; Dumoulin et al. 2017).

    x (N, C, H, W), label (N,) int64 -> gamma[label] * normalised x + beta[label]. With `n_classes=0` it is
    an ordinary affine batch norm and `label` is ignored.
    """

    def __init__(self, channels: int, n_classes: int = 0, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=n_classes == 0)
        self.n_classes = n_classes
        if n_classes:
            self.gamma = nn.Embedding(n_classes, channels)
            self.beta = nn.Embedding(n_classes, channels)
            nn.init.ones_(self.gamma.weight)
            nn.init.zeros_(self.beta.weight)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = super().forward(x)
        if not self.n_classes:
            return x
        if label is None:
            raise ValueError(f"this network has {self.n_classes} classes: give a label to every image")
        return self.gamma(label)[:, :, None, None] * x + self.beta(label)[:, :, None, None]


class SameConv2d(nn.Conv2d):
    """Conv2d with TensorFlow's padding "SAME": (N, C, H, W) -> (N, C', ceil(H / s), ceil(W / s)).

    An odd total goes to the bottom and right, which torch's symmetric padding cannot express: 1 before and 2 after
    for a 5x5 kernel of stride 2 on an even size.
    """

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, k, s in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            pads += [total // 2, total - total // 2]
        return self._conv_forward(F.pad(x, pads), self.weight, self.bias)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with TensorFlow's padding "SAME": (N, C, H, W) -> (N, C', s * H, s * W).

    The adjoint of `SameConv2d` on the larger map: of the k - s surplus pixels the smaller half is cut before, the
    larger after.
    """

    def forward(self, x: Tensor) -> Tensor:
        surplus = self.kernel_size[0] - self.stride[0]
        x = F.conv_transpose2d(x, self.weight, self.bias, self.stride, padding=surplus // 2)
        return x[..., :-1, :-1] if surplus % 2 else x
