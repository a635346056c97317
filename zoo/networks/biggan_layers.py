"""Layers of BigGAN (Brock et al. 2019, arXiv 1809.11096): spectral norm in both networks, conditional batch norm
with statistics over all replicas, self-attention.

After the authors' PyTorch code, ajbrock/BigGAN-PyTorch @ 9845943 ("BP"), layers.py.
"""

from collections.abc import Iterable
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks import layers
from zoo.networks.again import again
from zoo.networks.batchnorm import normalize
from zoo.networks.opaque import opaque
from zoo.options.checked import refuse

Init = Literal["orthogonal", "normal", "xavier"]


def singular_vectors(weight: Tensor, us: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """One round of power iteration for the largest singular values, each orthogonal to those before it.

    Args:
        weight: any shape (rows, ...); flattened to a matrix W whose rows are output units.
        us: (k, rows) running estimates of the left singular vectors, not necessarily normalised.
        eps: least norm to divide by, x / max(||x||, eps); layers.power_iteration adds its eps instead.

    Returns:
        values (k,), differentiable in `weight` with the vectors held constant, and the new vectors (k, rows)
        (BP layers.py:28-50).
    """
    matrix = weight.flatten(1)
    with torch.no_grad():
        found = iterated(matrix, us, eps)
    left, right = found[: len(us)], found[len(us) :]
    values = torch.stack([u @ (matrix @ v) for u, v in zip(left, right, strict=True)])
    return values, torch.stack(left)


def shapes(matrix: Tensor, us: Tensor, eps: float) -> list[Tensor]:
    return [matrix.new_empty(n) for n in matrix.shape for _ in us]


@opaque("singular_vectors", shapes)
def iterated(matrix: Tensor, us: Tensor, eps: float) -> list[Tensor]:
    """The new left singular vectors (rows,), then the right ones (columns,)."""
    left, right = [], []
    for u in us:
        right.append(F.normalize(orthogonal_to(u @ matrix, right), dim=0, eps=eps))
        left.append(F.normalize(orthogonal_to(matrix @ right[-1], left), dim=0, eps=eps))
    return left + right


def orthogonal_to(x: Tensor, others: list[Tensor]) -> Tensor:
    """x (n,) without its components along the given vectors (n,), none of them zero (Gram-Schmidt)."""
    for other in others:
        x = x - (x @ other) / (other @ other) * other
    return x


class SpectralNorm(layers.SpectralNorm):
    """Divides a layer's weight by its largest singular value as estimated by power iteration.

    In train mode u (k, rows) and the values `sv` (k,) move at each forward pass; in eval mode one round is
    computed from the stored u and nothing is kept (BP layers.py:87-99). Only the first value divides the weight,
    more of them are for logging. `n_iter` rounds act in train mode only, as in BP; 0 uses the weight as it is.
    """

    eps = 1e-12
    keep_u_in_eval = False

    def start_u(self, n_values: int = 1) -> None:
        self.n_iter = 1
        self.register_buffer("u", torch.randn(n_values, self.weight.shape[0]))
        self.register_buffer("sv", torch.ones(n_values))

    def normalized_weight(self) -> Tensor:
        if self.n_iter == 0:
            return self.weight
        with torch.autocast(self.weight.device.type, enabled=False):
            us = self.u
            for _ in range(self.n_iter if self.training else 1):
                values, us = singular_vectors(self.weight, us, self.eps)
            if self.training:
                self.u.copy_(us)
                self.sv.copy_(values.detach())
            return self.weight / values[0]


class SNConv2d(SpectralNorm, layers.SNConv2d):
    """Conv2d (N, C, H, W) -> (N, C', H, W) with a spectrally normalised weight."""


class SNLinear(SpectralNorm, layers.SNLinear):
    """Linear (N, in) -> (N, out) with a spectrally normalised weight."""


class SNEmbedding(SpectralNorm, layers.SNEmbedding):
    """Embedding (N,) -> (N, dim) whose whole (n_classes, dim) table is spectrally normalised."""


class BatchNorm2d(nn.Module):
    """Batch norm (N, C, H, W) -> same, over the images of all replicas if `sync` is set and there are several.

    Attributes:
        momentum: weight of the new statistics in the running ones.
        sync: share statistics between replicas; every one of them must then call.
        biased: keep the batch's own variance and not the unbiased one (BP's `mybn` does, F.batch_norm does not).
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__()
        self.eps, self.momentum, self.sync, self.biased = eps, 0.1, False, False
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        running, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
        if self.training and self.sync and dist.is_initialized() and dist.get_world_size() > 1:
            return normalize(x, running, affine, self.momentum, self.eps, self.biased)
        if not (self.training and self.biased):
            return F.batch_norm(x, *running, *affine, self.training, self.momentum, self.eps)
        with torch.autocast(x.device.type, enabled=False):
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            var, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)
            # with given statistics F.batch_norm would not differentiate through them
            y = (wide - mean[:, None, None]) * torch.rsqrt(var + self.eps)[:, None, None]
            if self.weight is not None:
                y = y * self.weight[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)


class ConditionalNorm(nn.Module):
    """Batch norm whose gain 1 + A_g c and bias A_b c follow a condition c (appendix B).

    Args:
        channels: of x (N, C, H, W).
        condition_dim: length of c; A_g and A_b are spectrally normalised, without bias. 0 takes c as class numbers
            (N,) and plain tables of gains and biases instead (the authors' CIFAR model).
        n_classes: rows of those tables.
        eps: of the batch norm.
    """

    def __init__(self, channels: int, condition_dim: int, n_classes: int, eps: float) -> None:
        super().__init__()
        self.norm = BatchNorm2d(channels, eps)
        if condition_dim:
            self.gain = SNLinear(condition_dim, channels, bias=False)
            self.bias = SNLinear(condition_dim, channels, bias=False)
        else:
            self.gain, self.bias = nn.Embedding(n_classes, channels), nn.Embedding(n_classes, channels)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(c), self.bias(c)
        return self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]


class Attention(nn.Module):
    """Non-local block (N, C, H, W) -> same: x + gamma * o(softmax over HW/4 keys), no 1/sqrt(d), gamma from 0
    (Zhang et al. 2018, arXiv 1805.08318; BP layers.py:144-169)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 8:
            raise ValueError(
                f"attention takes an eighth of its map's channels, which are {channels}: give the network more "
                "(--model.width_g or --model.width_d), or no attention"
            )
        self.theta = SNConv2d(channels, channels // 8, 1, bias=False)
        self.phi = SNConv2d(channels, channels // 8, 1, bias=False)
        self.g = SNConv2d(channels, channels // 2, 1, bias=False)
        self.o = SNConv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    @again
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.theta(x), F.max_pool2d(self.phi(x), 2), F.max_pool2d(self.g(x), 2)
        rows = [t.flatten(2).transpose(1, 2) for t in (query, key, value)]
        h = F.scaled_dot_product_attention(*rows, scale=1.0).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.gamma * self.o(h)


def settle(net: nn.Module, sn_eps: float, init: Init) -> None:
    """Give every spectrally normalised layer its eps and every weight its start.

    "orthogonal", "normal" N(0, 0.02) or "xavier" reaches the weights of convolutions, linear layers and embeddings,
    A_g, A_b and the shared embedding included; biases stay as PyTorch starts them, as in BP.

    Raises:
        ValueError: for another start.
    """
    refuse("init", init, Init)
    start = {
        "orthogonal": nn.init.orthogonal_,
        "normal": lambda w: nn.init.normal_(w, std=0.02),
        "xavier": nn.init.xavier_uniform_,
    }[init]
    for module in net.modules():
        if isinstance(module, SpectralNorm):
            module.eps = sn_eps
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            start(module.weight)


@torch.no_grad()
def standing_statistics(G: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Replace G's running statistics by the average of those of fresh batches (z, label), and leave G in eval mode.

    Running averages belong to the weights that were trained, not to their average, and batch statistics make a
    sample depend on its neighbours. Means and biased variances are averaged; the u of spectral norm
    move as in any train pass (BP utils.py accumulate_standing_stats). Replicas are not synchronised: give each the
    same.
    """
    norms = [m for m in G.modules() if isinstance(m, BatchNorm2d)]
    before = [(m.momentum, m.sync, m.biased) for m in norms]
    G.train()
    for k, (z, label) in enumerate(batches):
        for m in norms:
            m.momentum, m.sync, m.biased = 1 / (k + 1), False, True
        G(z, label)
    for m, (momentum, sync, biased) in zip(norms, before, strict=True):
        m.momentum, m.sync, m.biased = momentum, sync, biased
    G.eval()
