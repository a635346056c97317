"""f-divergences and what a GAN needs of each: the table behind f-GAN and its noise regularisation.

F(P, Q; psi) = E_P[psi] - E_Q[f*(psi)] with psi = g(V), V the discriminator's logit; D maximises F, whose supremum
is the divergence D_f(P || Q) = E_Q[f(p / q)]. The optimal psi is f'(p / q).

f and g are those of f-GAN (Nowozin, Cseke, Tomioka 2016, arXiv 1606.00709), whose text was not at hand; every g is
taken increasing in V, whatever its printed sign.
The columns are checked against each other in tests/objectives/test_divergences.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """One f-divergence, as functions of tensors of any shape.

    Args:
        f: convex, f(1) = 0 but for "gan"; u > 0.
        activation: g, logit -> t in the domain of f*.
        conjugate: f*(t) = sup_u ut - f(u).
        slope: f*'(t).
        curvature: f*''(t).
        on_fake: f*(g(v)) of a logit, without the overflow of composing the two.
        weight: w(v) = f*''(g(v)) g'(v)^2, the weight of ||grad V||^2 in the regulariser.
        threshold: f'(1), the value of t that separates real from fake.
    """

    f: Function
    activation: Function
    conjugate: Function
    slope: Function
    curvature: Function
    on_fake: Function
    weight: Function
    threshold: float

    def __reduce__(self) -> tuple:
        """Those of the table are pickled by name: a lambda cannot be."""
        name = next((name for name, known in DIVERGENCES.items() if known is self), None)
        return super().__reduce__() if name is None else (DIVERGENCES.get, (name,))


DIVERGENCES = {
    "kl": Divergence(
        f=lambda u: u * u.log(),
        activation=lambda v: v,
        conjugate=lambda t: (t - 1).exp(),
        slope=lambda t: (t - 1).exp(),
        curvature=lambda t: (t - 1).exp(),
        on_fake=lambda v: (v - 1).exp(),
        weight=lambda v: (v - 1).exp(),
        threshold=1.0,
    ),
    "reverse_kl": Divergence(
        f=lambda u: -u.log(),
        activation=lambda v: -(-v).exp(),
        conjugate=lambda t: -1 - (-t).log(),
        slope=lambda t: -1 / t,
        curvature=lambda t: 1 / t.square(),
        on_fake=lambda v: v - 1,
        weight=torch.ones_like,
        threshold=-1.0,
    ),
    "pearson_chi2": Divergence(
        f=lambda u: (u - 1).square(),
        activation=lambda v: v,
        conjugate=lambda t: t.square() / 4 + t,
        slope=lambda t: t / 2 + 1,
        curvature=lambda t: torch.full_like(t, 0.5),
        on_fake=lambda v: v.square() / 4 + v,
        weight=lambda v: torch.full_like(v, 0.5),
        threshold=0.0,
    ),
    "neyman_chi2": Divergence(
        f=lambda u: (1 - u).square() / u,
        activation=lambda v: -torch.expm1(-v),
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        slope=lambda t: (1 - t).rsqrt(),
        curvature=lambda t: 0.5 * (1 - t).pow(-1.5),
        on_fake=lambda v: 2 - 2 * (-v / 2).exp(),
        weight=lambda v: 0.5 * (-v / 2).exp(),
        threshold=0.0,
    ),
    "squared_hellinger": Divergence(
        f=lambda u: (u.sqrt() - 1).square(),
        activation=lambda v: -torch.expm1(-v),
        conjugate=lambda t: t / (1 - t),
        slope=lambda t: (1 - t).pow(-2),
        curvature=lambda t: 2 * (1 - t).pow(-3),
        on_fake=torch.expm1,
        weight=lambda v: 2 * v.exp(),
        threshold=0.0,
    ),
    # twice the usual Jensen-Shannon divergence
    "js": Divergence(
        f=lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        activation=lambda v: math.log(2) - F.softplus(-v),
        conjugate=lambda t: -(2 - t.exp()).log(),
        slope=lambda t: t.exp() / (2 - t.exp()),
        curvature=lambda t: 2 * t.exp() / (2 - t.exp()).square(),
        on_fake=lambda v: F.softplus(v) - math.log(2),
        weight=torch.sigmoid,
        threshold=0.0,
    ),
    # "js" - log 4: the value of Goodfellow et al. 2014, eq. 1
    "gan": Divergence(
        f=lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        activation=lambda v: -F.softplus(-v),
        conjugate=lambda t: -(1 - t.exp()).log(),
        slope=lambda t: t.exp() / (1 - t.exp()),
        curvature=lambda t: t.exp() / (1 - t.exp()).square(),
        on_fake=F.softplus,
        weight=torch.sigmoid,
        threshold=-math.log(2),
    ),
}


def f_gan_d(divergence: Divergence, real: Tensor, fake: Tensor) -> Tensor:
    """-F = E_Q[f*(g(V(G(z))))] - E_P[g(V(x))] of logits (N,)  (Nowozin et al. 2016)."""
    return divergence.on_fake(fake).mean() - divergence.activation(real).mean()


def f_gan_g(divergence: Divergence, fake: Tensor, saturating: bool = False) -> Tensor:
    """-E[g(V(G(z)))], or with `saturating` F itself, -E[f*(g(V(G(z))))].

    The first is the trick of Nowozin et al. 2016, section 3.2, recalled: unverified.
    """
    return -(divergence.on_fake if saturating else divergence.activation)(fake).mean()
