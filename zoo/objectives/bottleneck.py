"""The Variational Discriminator Bottleneck's mathematics: a noisy code, and the price of what it holds.

Its KL is `zoo.objectives.losses.gaussian_kl`. One place for images (VGAN), imitation (VAIL) and rewards (VAIRL).
"""

import torch
from torch import Tensor


def drawn_code(mean: Tensor, logstd: Tensor, noise: Tensor) -> Tensor:
    """z = mean + exp(logstd) * noise, a draw of E(z | x) = N(mean, exp(logstd)^2) where the noise is N(0, 1)."""
    return mean + logstd.exp() * noise


@torch.no_grad()
def dual_ascent(beta: Tensor, kl: Tensor, information: float, step: float) -> None:
    """beta <- max(0, beta + step (KL - I_c)), in place  (Peng et al. 2019, arXiv 1810.00821, eq. 7-10).

    Args:
        beta: the multiplier, a scalar.
        kl: the mean KL, in nats, of the batch that the discriminator's step has used, before that step.
        information: I_c, in nats.
        step: alpha_beta.
    """
    beta.add_(step * (kl.detach() - information)).clamp_(min=0)
