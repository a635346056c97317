"""Rollouts, returns, advantages and the linear baseline."""

import math

import numpy as np
import pytest
import torch

from zoo.imitation import environments
from zoo.imitation.experts import RULES, acting
from zoo.imitation.paths import LinearBaseline, Paths, advantages, discounted, rollout


def some_paths(T: int = 12, n: int = 3, seed: int = 0) -> Paths:
    g = torch.Generator().manual_seed(seed)
    done = torch.rand(T, n, generator=g) < 0.2
    terminated = done & (torch.rand(T, n, generator=g) < 0.5)
    obs = torch.randn(T, n, 2, generator=g)
    return Paths(
        obs,
        torch.zeros(T, n, 1),
        torch.zeros(T, n),
        obs.roll(-1, 0),
        torch.randn(T, n, generator=g),
        terminated,
        done,
    )


def test_advantages_are_the_discounted_sum_of_temporal_differences():
    paths = some_paths()
    g = torch.Generator().manual_seed(1)
    values, after = torch.randn(12, 3, generator=g), torch.randn(12, 3, generator=g)
    found, targets = advantages(paths, paths.rewards, values, after, 0.9, 0.8)
    for i in range(3):
        for t in range(12):
            total, weight = 0.0, 1.0
            for k in range(t, 12):
                ahead = 0.0 if paths.terminated[k, i] else 0.9 * float(after[k, i])
                total += weight * (float(paths.rewards[k, i]) + ahead - float(values[k, i]))
                weight *= 0.9 * 0.8
                if paths.done[k, i]:
                    break
            assert float(found[t, i]) == pytest.approx(total, abs=1e-5)
    torch.testing.assert_close(targets, found + values)


def test_returns_leave_out_what_was_cut():
    done = torch.tensor([[0, 0], [1, 0], [0, 0], [1, 0], [0, 0]]).bool()
    rewards = torch.arange(10.0).view(5, 2)
    blank = torch.zeros(5, 2)
    paths = Paths(torch.zeros(5, 2, 1), blank, blank, torch.zeros(5, 2, 1), rewards, done, done)
    # the first column has two episodes and a cut one, the second lasted all five steps
    assert sorted(paths.returns().tolist()) == [2, 10, 25]


def test_the_linear_baseline_finds_a_linear_value():
    g = torch.Generator().manual_seed(0)
    obs = torch.randn(50, 20, 3, generator=g)
    t = torch.arange(50).view(-1, 1) / 100
    returns = 2 * obs[..., 0] - obs[..., 1].square() + 3 * t - 1
    baseline = LinearBaseline()
    assert (baseline(obs) == 0).all()
    baseline.fit(obs, returns)
    torch.testing.assert_close(baseline(obs), returns, atol=1e-2, rtol=0)


def test_discounted_returns_stop_at_an_episodes_end():
    done = torch.tensor([[False], [True], [False]])
    found = discounted(torch.ones(3, 1), done, 0.5)
    assert found[:, 0].tolist() == [1.5, 1, 1]


def test_the_same_seed_is_the_same_path_and_what_followed_the_end_is_not_the_new_start():
    envs = environments.make("CartPole-v1", 4)
    right = acting(lambda obs: torch.ones(len(obs), dtype=torch.int64), 0.0, torch.Generator())
    one, other = rollout(envs, right, 40, 7), rollout(envs, right, 40, 7)
    assert torch.equal(one.obs, other.obs)
    assert one.terminated.any()
    fallen = one.next_obs[one.terminated]
    assert (fallen[:, 2].abs() > 0.2).all()  # beyond 12 degrees, not upright again
    inside = ~one.done[:-1]
    assert torch.equal(one.next_obs[:-1][inside], one.obs[1:][inside])


@pytest.mark.parametrize(
    ("name", "horizon", "at_least"),
    [
        ("CartPole-v1", 500, 499),
        ("MountainCar-v0", 200, -135),
        ("Acrobot-v1", 500, -150),
        ("Pendulum-v1", 200, -260),
        ("CMazeRight-v0", 100, -8),
        ("CMazeLeft-v0", 100, -8),
        ("SMaze-v0", 100, 150),
        ("SMazeFlip-v0", 100, 150),
    ],
)
def test_the_rules_are_experts(name, horizon, at_least):
    envs = environments.make(name, 8)
    returns = rollout(envs, acting(RULES[name], 0.0, torch.Generator()), horizon, 0).returns()
    assert len(returns) >= 4
    assert float(returns.mean()) > at_least


def test_noise_on_choices_is_refused():
    with pytest.raises(ValueError, match="leave out --noise"):
        acting(RULES["CartPole-v1"], 0.1, torch.Generator())(torch.zeros(2, 4))
    actions, density = acting(RULES["Pendulum-v1"], 0.1, torch.Generator())(torch.ones(2, 3))
    assert actions.shape == (2, 1)
    assert all(math.isnan(x) for x in density)
    assert np.isfinite(actions).all()
