"""Policies at play: what a trained one, a cloned one, chance and the demonstrations are worth."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.imitation import environments
from zoo.imitation.base import Imitation
from zoo.imitation.cloning import clone
from zoo.imitation.experts import RULES, acting
from zoo.imitation.paths import Paths, rollout

Act = Callable[[Tensor], tuple[Tensor, Tensor]]


def drawn(policy: nn.Module) -> Act:
    """A policy by its drawn actions, as `rollout` takes it; torch's global stream draws."""

    @torch.no_grad()
    def act(obs: Tensor) -> tuple[Tensor, Tensor]:
        pi = policy(obs)
        actions = pi.sample()
        return actions, pi.log_prob(actions)

    return act


def likeliest(policy: nn.Module) -> Act:
    """A policy by its likeliest action in each state."""

    @torch.no_grad()
    def act(obs: Tensor) -> tuple[Tensor, Tensor]:
        actions = policy.best(obs)
        return actions, policy(obs).log_prob(actions)

    return act


def chance(envs) -> Act:
    """Uniform actions within an environment's bounds."""
    space = envs.single_action_space

    def act(obs: Tensor) -> tuple[Tensor, Tensor]:
        if environments.discrete(envs):
            return torch.randint(int(space.n), (len(obs),)), obs.new_zeros(len(obs))
        low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
        return low + (high - low) * torch.rand(len(obs), len(low)), obs.new_zeros(len(obs))

    return act


def play(act: Act, env: str, episodes: int, horizon: int, seed: int) -> Paths:
    """Paths of so many environments, `horizon` steps each; (act, env, seed) names them."""
    envs = environments.make(env, episodes)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return rollout(envs, act, horizon, seed)
    finally:
        envs.close()


def cloned(model: Imitation, seed: int) -> nn.Module:
    """A policy of the model's size, cloned from its demonstrations."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = model.new_policy(model.hparams.policy_std)
        obs, actions, _ = model.demos.steps()
        clone(policy, obs, actions)
    return policy


def references(model: Imitation, episodes: int, seed: int) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the true returns of what a policy is to be held against, by name.

    The demonstrations, the rule where there is one, uniform chance and a cloned policy in `env`; the latter three
    in `transfer_env` too.
    """
    h = model.hparams
    clone_of = cloned(model, seed)
    found = {"demonstrations": model.demos.returns}
    for prefix, env in {"": h.env, "transfer/": h.transfer_env}.items():
        if env is None:
            continue
        if env in RULES:
            act = acting(RULES[env], 0.0, torch.Generator())
            found[f"{prefix}expert"] = play(act, env, episodes, h.horizon, seed).returns()
        found[f"{prefix}random"] = play(chance(model.envs), env, episodes, h.horizon, seed).returns()
        found[f"{prefix}cloned"] = play(likeliest(clone_of), env, episodes, h.horizon, seed).returns()
    return {name: (float(x.mean()), float(x.std(correction=0))) for name, x in found.items()}
