"""Adversarial losses at points where the value and gradient are known by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.objectives.losses import (
    ADVERSARIAL,
    feature_matching,
    gaussian_kl,
    hinge_d,
    hinge_g,
    nonsaturating_d,
    nonsaturating_g,
    saturating_g,
    unlabelled_d,
    wasserstein_d,
    wasserstein_g,
)

floats = st.lists(st.floats(-20, 20), min_size=1, max_size=8)


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_values_by_hand():
    assert hinge_d(t(0.5, 2.0), t(-0.25)).item() == pytest.approx(0.25 + 0.75)
    assert hinge_g(t(1.0, 3.0)).item() == -2
    assert nonsaturating_d(t(0.0), t(0.0)).item() == pytest.approx(2 * math.log(2))
    assert nonsaturating_g(t(0.0)).item() == pytest.approx(math.log(2))
    assert saturating_g(t(0.0)).item() == pytest.approx(-math.log(2))


@given(floats, floats)
def test_hinge_gradient_vanishes_beyond_the_margin(real, fake):
    real, fake = t(*real), t(*fake)
    d_real, d_fake = torch.autograd.grad(hinge_d(real, fake), (real, fake))
    assert torch.all(d_real[real > 1] == 0)
    assert torch.all(d_fake[fake < -1] == 0)
    assert torch.all(d_real[real < 1] == -1 / len(real))


@given(floats, floats)
def test_nonsaturating_is_the_log_likelihood_of_the_sigmoid(real, fake):
    real, fake = t(*real), t(*fake)
    expected = -torch.sigmoid(real).log().mean() - (1 - torch.sigmoid(fake)).log().mean()
    torch.testing.assert_close(nonsaturating_d(real, fake), expected, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(nonsaturating_g(fake), -torch.sigmoid(fake).log().mean(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_the_players_pull_in_opposite_directions(name):
    loss_d, loss_g = ADVERSARIAL[name]
    real, fake = t(0.1, -0.3), t(0.2, 0.4, -0.1)
    d_real, d_fake = torch.autograd.grad(loss_d(real, fake), (real, fake))
    (g_fake,) = torch.autograd.grad(loss_g(fake), fake)
    assert torch.all(d_real < 0)
    assert torch.all(d_fake > 0)
    assert torch.all(g_fake < 0)


def test_wasserstein_by_hand():
    assert wasserstein_d(t(1.0, 3.0), t(0.5)).item() == -1.5
    assert wasserstein_g(t(1.0, 3.0)).item() == -2


@given(floats, floats)
def test_unlabelled_images_of_one_class_are_half_of_the_standard_loss(real, fake):
    """With one class Z is its logit, and softplus(Z) - Z = softplus(-Z)."""
    real, fake = t(*real), t(*fake)
    expected = nonsaturating_d(real, fake) / 2
    torch.testing.assert_close(unlabelled_d(real[:, None], fake[:, None]), expected, rtol=1e-9, atol=1e-12)


def test_feature_matching_by_hand():
    real, fake = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    assert feature_matching(real, fake).item() == 3
    assert feature_matching(real, fake, power=2).item() == 10


def test_kl_of_gaussians_by_hand():
    """Mean 1: 1/2 nat a channel. Deviation e: (e^2 - 1) / 2 - 1 nats. Channels add up, positions do not."""
    zero, one = torch.zeros(2, 3, 4, 4, dtype=torch.float64), torch.ones(2, 3, 4, 4, dtype=torch.float64)
    assert gaussian_kl(zero, zero).eq(0).all()
    assert gaussian_kl(zero, zero).shape == (2, 4, 4)
    torch.testing.assert_close(gaussian_kl(one, zero), torch.full((2, 4, 4), 1.5, dtype=torch.float64))
    spread = 3 * ((math.e**2 - 1) / 2 - 1)
    torch.testing.assert_close(gaussian_kl(zero, one), torch.full((2, 4, 4), spread, dtype=torch.float64))
    assert gaussian_kl(zero.bfloat16(), one.bfloat16()).dtype == torch.float32


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-2, 2)), min_size=1, max_size=5))
def test_kl_of_gaussians_is_torchs(channels):
    mean, logstd = t(*(m for m, _ in channels)), t(*(s for _, s in channels))
    ours = gaussian_kl(mean[None], logstd[None])
    q = torch.distributions.Normal(mean, logstd.exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(ours[0], torch.distributions.kl_divergence(q, p).sum(), rtol=1e-9, atol=1e-9)
