"""What a policy did: paths of many environments side by side, their returns and advantages."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Paths:
    """T steps of n environments; column i is what environment i did, one or more episodes in turn.

    Args:
        obs: (T, n, d).
        actions: (T, n, k) as the policy drew them, not clipped, or (T, n) choices.
        log_probs: (T, n), log pi(a | s) of the policy that acted.
        next_obs: (T, n, d), what followed, the last of an episode included.
        rewards: (T, n), the environment's own.
        terminated: (T, n) bool, whether the task ended with this step.
        done: (T, n) bool, whether the episode did, by the task or by its time.
    """

    obs: Tensor
    actions: Tensor
    log_probs: Tensor
    next_obs: Tensor
    rewards: Tensor
    terminated: Tensor
    done: Tensor

    def columns(self, which: Tensor | slice) -> "Paths":
        """The paths of some environments."""
        return Paths(*(getattr(self, f.name)[:, which] for f in fields(self)))

    def beside(self, other: "Paths") -> "Paths":
        """These paths and others of as many steps."""
        return Paths(*(torch.cat([getattr(self, f.name), getattr(other, f.name)], 1) for f in fields(self)))

    def as_dict(self) -> dict[str, Tensor]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def returns(self) -> Tensor:
        """Undiscounted true returns of the episodes, those that were neither ended nor T steps long left out."""
        ends = [[-1, *torch.nonzero(column)[:, 0].tolist()] for column in self.done.T]
        sums = [
            self.rewards[a + 1 : b + 1, i].sum() for i, at in enumerate(ends) for a, b in itertools.pairwise(at)
        ]
        sums += [self.rewards[:, i].sum() for i, at in enumerate(ends) if len(at) == 1]
        return torch.stack(sums)


def rollout(
    envs: gym.vector.VectorEnv, act: Callable[[Tensor], tuple[Tensor, Tensor]], steps: int, seed: int
) -> Paths:
    """Start every environment anew and let `act` act for so many steps.

    Args:
        envs: environments that start anew in the step that ends an episode.
        act: observations (n, d) -> actions and their log-probabilities (n,). Vectors of numbers are clipped to the
            environment's bounds for it alone.
        seed: names the starts; all that is random in the environments comes from it.
    """
    space = envs.single_action_space
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    kept: list[tuple] = []
    obs = torch.as_tensor(envs.reset(seed=seed)[0], dtype=torch.float32)
    for _ in range(steps):
        actions, log_probs = act(obs)
        given = actions.numpy() if low is None else np.clip(actions.numpy(), low, high)
        after, rewards, terminated, truncated, info = envs.step(given)
        after = torch.as_tensor(after, dtype=torch.float32)
        done, followed = terminated | truncated, after
        if done.any():
            followed = after.clone()
            for i in np.flatnonzero(info["_final_obs"]):
                followed[i] = torch.as_tensor(info["final_obs"][i], dtype=torch.float32)
        numbers = torch.as_tensor(rewards, dtype=torch.float32)
        kept.append((obs, actions, log_probs, followed, numbers, *map(torch.as_tensor, (terminated, done))))
        obs = after
    return Paths(*(torch.stack(parts) for parts in zip(*kept, strict=True)))


def advantages(
    paths: Paths, rewards: Tensor, values: Tensor, next_values: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantages (T, n), and what the values should have been (Schulman et al. 2016, arXiv 1506.02438).

    delta_t = r_t + gamma V(s_t+1) - V(s_t), A_t = sum_l (gamma lam)^l delta_t+l within an episode.

    Args:
        rewards: (T, n).
        values, next_values: V of each observation and of what followed, (T, n); the latter counts 0 where
            terminated.
    """
    delta = rewards + gamma * next_values * ~paths.terminated - values
    found, after = torch.empty_like(delta), torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        found[t] = after = delta[t] + gamma * lam * after * ~paths.done[t]
    return found, found + values


class LinearBaseline:
    """V(s, t) = w . (o, o^2, t, t^2, t^3, 1), by least squares on returns (rllab's LinearFeatureBaseline).

    Observations are clipped to +-10, t counts hundreds of steps, and the ridge is 1e-5. `weights` is None at first,
    when V is 0.
    """

    def __init__(self) -> None:
        self.weights: Tensor | None = None

    @staticmethod
    def features(obs: Tensor) -> Tensor:
        """(T, n, d) -> (T, n, 2 d + 4)."""
        t = (torch.arange(len(obs)) / 100).view(-1, 1, 1).expand(-1, obs.shape[1], 1)
        o = obs.clamp(-10, 10)
        return torch.cat([o, o.square(), t, t**2, t**3, torch.ones_like(t)], 2).double()

    def __call__(self, obs: Tensor) -> Tensor:
        """V, (T, n)."""
        if self.weights is None:
            return torch.zeros(obs.shape[:2])
        return (self.features(obs) @ self.weights).float()

    def fit(self, obs: Tensor, returns: Tensor) -> None:
        x = self.features(obs).flatten(0, 1)
        gram = x.T @ x + 1e-5 * torch.eye(x.shape[1], dtype=x.dtype)
        self.weights = torch.linalg.lstsq(gram, x.T @ returns.double().flatten()[:, None], driver="gelsd").solution[
            :, 0
        ]


def discounted(rewards: Tensor, done: Tensor, gamma: float) -> Tensor:
    """Discounted returns (T, n) from each step on, to the end of its episode or of the path."""
    found, after = torch.empty_like(rewards), torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        found[t] = after = rewards[t] + gamma * after * ~done[t]
    return found
