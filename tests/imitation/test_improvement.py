"""TRPO, PPO and cloning make a policy better, by no more than they may."""

import pytest
import torch
from torch.distributions import kl_divergence

from zoo.imitation.cloning import clone
from zoo.imitation.improvement import Experience, clipped_surrogate, conjugate_gradients, ppo, trpo
from zoo.networks.imitation import CategoricalPolicy, GaussianPolicy, Value


def experience(policy, n: int = 400) -> Experience:
    """The advantage is that of a first number near 1, or of the choice 1."""
    obs = torch.randn(n, 3)
    with torch.no_grad():
        pi = policy(obs)
        actions = pi.sample()
        log_probs = pi.log_prob(actions)
    good = (actions == 1).float() if policy.discrete else -(actions[:, 0] - 1).square()
    return Experience(obs, actions, log_probs, (good - good.mean()) / good.std(), good)


def policies() -> list:
    torch.manual_seed(0)
    return [GaussianPolicy(3, 2, 32, 2), CategoricalPolicy(3, 3, 32, 2)]


@pytest.mark.parametrize("which", [0, 1])
def test_trpo_lowers_the_loss_within_its_step(which):
    policy = policies()[which]
    given = experience(policy)
    with torch.no_grad():
        before = policy(given.obs)
    kl = trpo(policy, given, kl_step=0.01)
    with torch.no_grad():
        after = policy(given.obs)
    assert 0.005 < kl <= 0.01
    assert float(kl_divergence(before, after).mean()) == pytest.approx(kl, rel=1e-4)
    ratio = (after.log_prob(given.actions) - given.log_probs).exp()
    assert (ratio * given.advantages).mean() > given.advantages.mean()


def test_trpo_stays_where_nothing_is_to_be_gained():
    policy = policies()[0]
    given = experience(policy)
    flat = Experience(given.obs, given.actions, given.log_probs, torch.zeros(400), given.targets)
    old = [p.clone() for p in policy.parameters()]
    assert trpo(policy, flat, kl_step=0.01) == 0
    assert all(torch.equal(a, b) for a, b in zip(old, policy.parameters(), strict=True))


@pytest.mark.parametrize("which", [0, 1])
def test_ppo_learns_what_is_rewarded(which):
    policy, value = policies()[which], Value(3, 32, 2)
    given = experience(policy)
    optimizer = torch.optim.Adam([*policy.parameters(), *value.parameters()], 1e-2)

    def update(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        before = policy(given.obs).log_prob(given.actions)
    ppo(policy, value, given, update, epochs=5, minibatch=100, clip=0.2, entropy=0.0)
    with torch.no_grad():
        gained = policy(given.obs).log_prob(given.actions) - before
    assert gained[given.advantages > 0.5].mean() > gained[given.advantages < -0.5].mean() + 0.1


def test_the_clipped_surrogate_is_the_papers():
    ratio, advantage = torch.tensor([0.5, 1.0, 1.5, 0.5]), torch.tensor([1.0, 1.0, 1.0, -1.0])
    assert float(clipped_surrogate(ratio, advantage, 0.2)) == pytest.approx(-(0.5 + 1 + 1.2 - 0.8) / 4)


def test_conjugate_gradients_solve():
    torch.manual_seed(0)
    root = torch.randn(6, 6).double()
    matrix, b = root @ root.T + torch.eye(6), torch.randn(6).double()
    torch.testing.assert_close(matrix @ conjugate_gradients(lambda v: matrix @ v, b, 20), b, atol=1e-4, rtol=0)


@pytest.mark.parametrize("which", [0, 1])
def test_cloning_copies_an_expert(which):
    policy = policies()[which]
    obs = torch.randn(500, 3)
    actions = (obs[:, 0] > 0).long() if policy.discrete else torch.stack([obs[:, 0], -obs[:, 1]], 1)
    clone(policy, obs, actions, steps=600, lr=1e-2)
    with torch.no_grad():
        best = policy.best(obs)
    if policy.discrete:
        assert (best == actions).float().mean() > 0.95
    else:
        assert (best - actions).square().mean() < 0.05
