"""How a policy gets better on given advantages: TRPO, as the paper's mazes take it, and PPO."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from zoo.imitation.paths import LinearBaseline, Paths, advantages, discounted


@dataclass(frozen=True)
class Experience:
    """What a policy is improved on, N steps.

    Args:
        obs: (N, d).
        actions: (N, k), or (N,) choices.
        log_probs: (N,), of the policy that acted.
        advantages: (N,), of mean 0 and standard deviation 1.
        targets: (N,), what the values should have been.
    """

    obs: Tensor
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    targets: Tensor

    def __getitem__(self, which: Tensor) -> "Experience":
        return Experience(*(x[which] for x in vars(self).values()))


def experience_of(paths: Paths, found: Tensor, targets: Tensor) -> Experience:
    """All steps of some paths with their advantages (T, n), made standard, and targets (T, n)."""
    standard = (found - found.mean()) / (found.std() + 1e-8)
    parts = (paths.obs, paths.actions, paths.log_probs, standard, targets)
    return Experience(*(x.flatten(0, 1) for x in parts))


def clipped_surrogate(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """-E[min(r A, clip(r, 1 - eps, 1 + eps) A)]  (Schulman et al. 2017, arXiv 1707.06347, eq. 7), a scalar."""
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


def ppo(
    policy: nn.Module,
    value: nn.Module,
    experience: Experience,
    update: Callable[[Tensor], None],
    *,
    epochs: int,
    minibatch: int,
    clip: float,
    entropy: float,
) -> None:
    """Proximal policy optimization: epochs of minibatches on the clipped surrogate and the values.

    Args:
        update: one optimizer step down a scalar, over policy and value.
        minibatch: steps a minibatch; the last of an epoch may be smaller.
        clip: eps.
        entropy: weight of the mean entropy, which is raised.
    """
    n = len(experience.obs)
    for _ in range(epochs):
        for which in torch.randperm(n).split(minibatch):
            part = experience[which]
            pi = policy(part.obs)
            ratio = (pi.log_prob(part.actions) - part.log_probs).exp()
            loss = clipped_surrogate(ratio, part.advantages, clip) - entropy * pi.entropy().mean()
            update(loss + 0.5 * (value(part.obs) - part.targets).square().mean())


def conjugate_gradients(product: Callable[[Tensor], Tensor], b: Tensor, iterations: int = 10) -> Tensor:
    """About the x with product(x) = b, for a symmetric positive product; x, b (P,)."""
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    rr = r @ r
    for _ in range(iterations):
        if rr < 1e-10:
            break
        z = product(p)
        step = rr / (p @ z)
        x, r = x + step * p, r - step * z
        rr, before = r @ r, rr
        p = r + rr / before * p
    return x


def trpo(
    policy: nn.Module,
    experience: Experience,
    *,
    kl_step: float,
    entropy: float = 0.0,
    damping: float = 1e-5,
    backtracks: int = 15,
    backtrack: float = 0.8,
) -> float:
    """Trust region policy optimization: one natural gradient step of KL at most `kl_step` (Schulman et al. 2015).

    Ten conjugate gradients, damping 1e-5 and at most 15 steps back by 0.8, as rllab's ConjugateGradientOptimizer.
    The policy stays where it was if none of them lowers the loss within the KL.

    Returns:
        the mean KL from the old policy, in nats.
    """
    parameters = list(policy.parameters())
    with torch.no_grad():
        old = policy(experience.obs)
    start = parameters_to_vector(parameters).detach()

    def surrogate() -> tuple[Tensor, Tensor]:
        pi = policy(experience.obs)
        ratio = (pi.log_prob(experience.actions) - experience.log_probs).exp()
        loss = -(ratio * experience.advantages).mean() - entropy * pi.entropy().mean()
        return loss, kl_divergence(old, pi).mean()

    loss, kl = surrogate()
    gradient = parameters_to_vector(torch.autograd.grad(loss, parameters, retain_graph=True)).detach()
    slope = parameters_to_vector(torch.autograd.grad(kl, parameters, create_graph=True))

    def fisher(v: Tensor) -> Tensor:
        rows = torch.autograd.grad(slope @ v, parameters, retain_graph=True)
        return parameters_to_vector(rows).detach() + damping * v

    direction = conjugate_gradients(fisher, gradient)
    curvature = direction @ fisher(direction)
    if not curvature > 0:  # no gradient at all
        return 0.0
    step = (2 * kl_step / curvature).sqrt() * direction
    for i in range(backtracks):
        vector_to_parameters(start - backtrack**i * step, parameters)
        with torch.no_grad():
            new_loss, kl = surrogate()
        if new_loss < loss and kl <= kl_step:
            return float(kl)
    vector_to_parameters(start, parameters)
    return 0.0


def improve_by_trpo(
    policy: nn.Module,
    baseline: LinearBaseline,
    paths: Paths,
    rewards: Tensor,
    gamma: float,
    lam: float,
    kl_step: float,
    entropy: float = 0.0,
) -> float:
    """One step of `trpo` on rewards (T, n) of some paths, with rllab's finite horizon: nothing is expected behind
    the last step. The baseline is fitted afterwards. The KL that was gone, in nats."""
    values = baseline(paths.obs)
    after = torch.cat([values[1:], torch.zeros_like(values[:1])]) * ~paths.done
    experience = experience_of(paths, *advantages(paths, rewards, values, after, gamma, lam))
    kl = trpo(policy, experience, kl_step=kl_step, entropy=entropy)
    baseline.fit(paths.obs, discounted(rewards, paths.done, gamma))
    return kl
