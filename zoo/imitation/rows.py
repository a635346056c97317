"""Single steps, as a discriminator sees them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.imitation.paths import Paths


@dataclass(frozen=True)
class Transitions:
    """N steps as a discriminator sees them: obs (N, d), actions (N, k), next_obs (N, d), log_probs (N,)."""

    obs: Tensor
    actions: Tensor
    next_obs: Tensor
    log_probs: Tensor

    def __getitem__(self, which: Tensor) -> "Transitions":
        return Transitions(*(x[which] for x in vars(self).values()))


def rows_of(paths: Paths) -> Transitions:
    """All steps of some paths."""
    parts = (paths.obs, paths.actions, paths.next_obs, paths.log_probs)
    return Transitions(*(x.flatten(0, 1) for x in parts))


def mean_of(found: list[dict[str, Tensor | float]]) -> dict[str, float]:
    """The mean of each scalar over the minibatches of a phase."""
    if not found:
        return {}
    return {k: math.fsum(float(torch.as_tensor(one[k]).detach()) for one in found) / len(found) for k in found[0]}
