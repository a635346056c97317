"""The columns of the f-divergence table against each other, and the regularisers where they are known by hand."""

import math

import pytest
import torch

from zoo.objectives.divergences import DIVERGENCES, f_gan_d, f_gan_g
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g
from zoo.objectives.penalties import f_gan_regularizer, js_regularizer

LOGITS = torch.linspace(-3, 3, 25, dtype=torch.float64)


def derivative(function, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(x).sum() + 0 * x.sum(), x)
    return slope


@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_columns_agree(name):
    d = DIVERGENCES[name]
    t = d.activation(LOGITS)
    torch.testing.assert_close(d.conjugate(t), d.on_fake(LOGITS))
    torch.testing.assert_close(derivative(d.conjugate, t), d.slope(t))
    torch.testing.assert_close(derivative(d.slope, t), d.curvature(t))
    torch.testing.assert_close(d.curvature(t) * derivative(d.activation, LOGITS) ** 2, d.weight(LOGITS))
    assert torch.all(t.diff() > 0)

    u = torch.linspace(0.3, 3, 10, dtype=torch.float64)
    slope = derivative(d.f, u)
    torch.testing.assert_close(d.slope(slope), u)  # f*' is the inverse of f'
    torch.testing.assert_close(u * slope - d.f(u), d.conjugate(slope))
    one = torch.ones(1, dtype=torch.float64)
    assert derivative(d.f, one).item() == pytest.approx(d.threshold)
    assert d.f(one).item() == pytest.approx(-2 * math.log(2) if name == "gan" else 0)


def test_gan_is_the_standard_game():
    real, fake = LOGITS, LOGITS.flip(0) * 2
    torch.testing.assert_close(f_gan_d(DIVERGENCES["gan"], real, fake), nonsaturating_d(real, fake))
    torch.testing.assert_close(f_gan_g(DIVERGENCES["gan"], fake), nonsaturating_g(fake))


def linear(n: int, w: torch.Tensor, x: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    if x is None:
        x = torch.randn(n, len(w), dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    x = x.requires_grad_()
    return x @ w, x


def test_js_regularizer_of_a_linear_logit():
    """Omega = mean ((1 - phi)^2 + phi~^2) ||w||^2: a sum of both sides, means over each."""
    w = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    (real, x), (fake, y) = linear(5, w), linear(7, w)
    expected = ((1 - torch.sigmoid(real)) ** 2).mean() + (torch.sigmoid(fake) ** 2).mean()
    torch.testing.assert_close(js_regularizer(real, x, fake, y), expected * w.square().sum())


@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_generic_regularizer_of_a_linear_logit(name):
    w = torch.tensor([0.5, -1.0], dtype=torch.float64)
    fake, y = linear(6, w)
    expected = DIVERGENCES[name].weight(fake).mean() * w.square().sum()
    torch.testing.assert_close(f_gan_regularizer(DIVERGENCES[name], fake, y), expected)


def test_the_weights_are_not_detached():
    """With V = c constant in x but a slope of 1, dOmega/dc is that of the weights alone."""
    c = torch.zeros((), dtype=torch.float64, requires_grad=True)
    x = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(js_regularizer(x[:, 0] + c, x, x[:, 0] + c, x), c)
    torch.testing.assert_close(grad.item(), 0.0)  # -phi'(1 - phi) * 2 + phi' phi * 2 at phi = 1/2
    (grad,) = torch.autograd.grad(f_gan_regularizer(DIVERGENCES["gan"], x[:, 0] + c, x), c)
    assert grad.item() == pytest.approx(0.25)


def test_a_flat_discriminator_pays_nothing_and_has_a_finite_gradient():
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    omega = js_regularizer(x @ w, x, x @ w, x)
    assert omega.item() == 0
    assert torch.isfinite(torch.autograd.grad(omega, w)[0]).all()


def test_all_forms_meet_at_the_optimal_discriminator():
    """P = N(0, 1), Q = N(m, 1), optimal V = log p/q = m^2/2 - m x: two-sided and generic Omega are equal."""
    m, n = 1.2, 200_001
    quantiles = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    real, fake = quantiles.clone().requires_grad_(), (quantiles + m).requires_grad_()
    logits = [(m**2 / 2 - m * x).squeeze(1) for x in (real, fake)]
    two_sided = js_regularizer(logits[0], real, logits[1], fake).item()
    generic = f_gan_regularizer(DIVERGENCES["js"], logits[1], fake).item()
    assert two_sided == pytest.approx(generic, rel=1e-5)
    assert generic == pytest.approx(0.5230273, rel=1e-5)
    reverse_kl = f_gan_regularizer(DIVERGENCES["reverse_kl"], logits[1], fake).item()
    assert reverse_kl == pytest.approx(m**2, rel=1e-9)
