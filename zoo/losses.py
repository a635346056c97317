"""Adversarial losses: functions of raw logits (N,), each a scalar mean over its batch.

Real and fake logits are averaged separately, so their batches may differ in size. `*_d` is minimised by the
discriminator, `*_g` by the generator.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[relu(1 - D(x))] + E[relu(1 + D(G(z)))]  (Miyato et al. 2018, eq. 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """-E[D(G(z))]  (Miyato et al. 2018, eq. 17)."""
    return -fake.mean()


def nonsaturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigmoid(D(x))] - E[log(1 - sigmoid(D(G(z))))]  (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def nonsaturating_g(fake: Tensor) -> Tensor:
    """-E[log sigmoid(D(G(z)))]  (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


#: name in recipes -> (discriminator loss, generator loss)
ADVERSARIAL: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "hinge": (hinge_d, hinge_g),
    "nonsaturating": (nonsaturating_d, nonsaturating_g),
}
