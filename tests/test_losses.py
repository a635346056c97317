"""Adversarial losses at points where the value and gradient are known by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.losses import ADVERSARIAL, hinge_d, hinge_g, nonsaturating_d, nonsaturating_g

floats = st.lists(st.floats(-20, 20), min_size=1, max_size=8)


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_values_by_hand():
    assert hinge_d(t(0.5, 2.0), t(-0.25)).item() == pytest.approx(0.25 + 0.75)
    assert hinge_g(t(1.0, 3.0)).item() == -2
    assert nonsaturating_d(t(0.0), t(0.0)).item() == pytest.approx(2 * math.log(2))
    assert nonsaturating_g(t(0.0)).item() == pytest.approx(math.log(2))


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
