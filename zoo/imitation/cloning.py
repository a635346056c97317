"""Behaviour cloning: the demonstrated actions as a regression, the baseline that needs no environment."""

import torch
from torch import Tensor, nn


def clone(
    policy: nn.Module, obs: Tensor, actions: Tensor, steps: int = 2000, batch: int = 256, lr: float = 1e-3
) -> float:
    """Fit a policy in place to demonstrated steps by maximum likelihood (Pomerleau 1991), Adam on minibatches.

    Where actions are vectors it is the mean that is fitted, by squared error, and the policy is to be played by it:
    a noiseless expert has no likelihood.

    Args:
        obs: (N, d).
        actions: (N, k), or (N,) choices.

    Returns:
        the last minibatch's loss.
    """
    optimizer = torch.optim.Adam(policy.parameters(), lr)
    for _ in range(steps):
        which = torch.randint(len(obs), (min(batch, len(obs)),))
        pi = policy(obs[which])
        if policy.discrete:
            loss = -pi.log_prob(actions[which]).mean()
        else:
            loss = (pi.mean - actions[which]).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()
