"""Penalties at points where the value is known by hand."""

import pytest
import torch

from zoo.objectives.divergences import DIVERGENCES
from zoo.objectives.losses import feature_matching, squared_error
from zoo.objectives.penalties import (
    between,
    class_consistency,
    consistency,
    f_gan_regularizer,
    input_gradient,
    js_regularizer,
    pair_distance,
    quadratic_potential,
    r1,
    r2,
    slope_hinge,
    wgan_div,
    wgan_gp,
    wgan_gp_one_sided,
)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def test_wgan_gp_of_a_linear_critic():
    w, x = normal(3 * 4 * 4), normal(5, 3, 4, 4).requires_grad_()
    torch.testing.assert_close(wgan_gp(x.flatten(1) @ w, x), (w.norm() - 1) ** 2)


def test_wgan_gp_averages_squares_over_images():
    """D(x) = |x|^2 / 2 has the gradient x, so the penalty is the mean of (|x_i| - 1)^2."""
    x = normal(6, 2).requires_grad_()
    torch.testing.assert_close(wgan_gp(x.square().sum(1) / 2, x), (x.norm(dim=1) - 1).square().mean())


def test_wgan_gp_of_a_critic_that_scores_pairs():
    """D(x1, x2) = u.x1 + v.x2: every image has a norm of its own, |u| or |v|."""
    u, v, x = normal(4), normal(5)[1:], normal(6, 4).requires_grad_()
    value = wgan_gp(x.view(3, 8) @ torch.cat([u, v]), x)
    torch.testing.assert_close(value, ((u.norm() - 1) ** 2 + (v.norm() - 1) ** 2) / 2)


def test_given_points_between_real_and_fake():
    real, fake = normal(5, 3, 2, 2), normal(5, 3, 2, 3)[..., :2]
    torch.testing.assert_close(between(real, fake, torch.zeros(5)).detach(), real)
    torch.testing.assert_close(between(real, fake, torch.ones(5, 1)).detach(), fake)


def test_wgan_gp_has_a_finite_gradient_where_the_critic_is_flat():
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    x = normal(3, 4).requires_grad_()
    (grad,) = torch.autograd.grad(wgan_gp(x @ w, x), w)
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize("factor", [0.0, 3.0])
def test_r1_by_wgan_div_is_the_mean_square_to_the_bit(factor):
    """Its value and its gradient, where the slope is 0 too."""
    w = (factor * normal(7)).float().requires_grad_()
    x = normal(6, 7).float().requires_grad_()

    def value_and_gradient(penalty):
        value = penalty(torch.tanh(x @ w), x)
        return value, torch.autograd.grad(value, w)[0]

    plain = value_and_gradient(lambda logits, x: input_gradient(logits, x).square().sum(1).mean())
    assert all(torch.equal(a, b) for a, b in zip(value_and_gradient(r1), plain, strict=True))


@pytest.mark.parametrize("penalty", [r1, r2])
def test_zero_centred_penalty_of_a_linear_critic_and_its_gradient(penalty):
    """D(x) = w.x: the penalty is |w|^2, a sum over pixels and no 1/2, and its gradient 2w."""
    w, x = normal(3 * 4 * 4).requires_grad_(), normal(5, 3, 4, 4).requires_grad_()
    value = penalty(x.flatten(1) @ w, x)
    torch.testing.assert_close(value, w.square().sum())
    torch.testing.assert_close(torch.autograd.grad(value, w)[0], 2 * w)


def test_zero_centred_penalty_averages_squares_over_images():
    x = normal(6, 2).requires_grad_()
    torch.testing.assert_close(r1(x.square().sum(1) / 2, x), x.square().sum(1).mean())


def test_zero_centred_penalty_is_computed_in_float32():
    x = normal(6, 2).bfloat16().requires_grad_()
    assert r1(x.square().sum(1), x).dtype == torch.float32


def test_consistency_of_a_linear_critic_under_dropout():
    """E (D' - D'')^2 = 2 (1 - q) / q * sum w_k^2 x_k^2 for masks that keep with probability q."""
    q, n = 0.8, 200_000
    w, x = normal(6), normal(6, 1).flatten()
    rng = torch.Generator().manual_seed(0)
    scores = [(x / q * (torch.rand(n, 6, generator=rng) < q)) @ w for _ in range(2)]
    expected = 2 * (1 - q) / q * (w * x).square().sum()
    ours = consistency((scores[0], scores[1]), (torch.zeros(n, 1), torch.zeros(n, 1)))
    torch.testing.assert_close(ours, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("penalty", [consistency, class_consistency])
def test_equal_passes_cost_nothing_and_the_width_of_the_features_does_not_count(penalty):
    shape = (4,) if penalty is consistency else (4, 3)
    a, b, f, g = normal(*shape), 2 * normal(*shape) + 1, normal(4, 5), normal(4, 5) + 1
    assert penalty((a, a), (f, f)) == 0
    double = torch.cat([f, f], 1), torch.cat([g, g], 1)
    torch.testing.assert_close(penalty((a, b), (f, g)), penalty((a, b), double))


def test_consistency_by_hand():
    """Distances 1 + 0.1 * 4 and 0 + 0.1 * 0; the margin is subtracted per image, before the mean."""
    scores = torch.tensor([1.0, 5.0]), torch.tensor([0.0, 5.0])
    features = torch.tensor([[2.0, 2.0], [0.0, 0.0]]), torch.zeros(2, 2)
    assert consistency(scores, features).item() == pytest.approx(1.4 / 2)
    assert consistency(scores, features, margin=0.4).item() == pytest.approx(1.0 / 2)
    assert consistency(scores, features, margin=2).item() == 0


def test_consistency_pulls_at_both_passes():
    a, b = torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    grads = torch.autograd.grad(consistency((a, b), (torch.zeros(2, 1), torch.zeros(2, 1))), (a, b))
    assert torch.all(grads[0] > 0)
    assert torch.all(grads[1] < 0)


def test_points_between_lie_on_the_line_of_each_pair_of_any_shape():
    for shape in ((5, 2), (5, 3, 4, 4)):
        real, fake = torch.zeros(shape).requires_grad_(), torch.ones(shape)
        x = between(real, fake)
        assert x.is_leaf
        assert x.requires_grad
        alpha = x.detach().flatten(1)
        assert torch.equal(alpha, alpha[:, :1].expand_as(alpha))  # one for all coordinates of a sample
        assert 0 <= alpha.min() < alpha.max() < 1


#: every penalty that takes scores, of a critic's scores of x and of other images
OF_SCORES = {
    "wgan_gp": lambda critic, x, other: wgan_gp(critic(x), x),
    "one-sided": lambda critic, x, other: wgan_gp_one_sided(critic(x), x),
    "hinge": lambda critic, x, other: slope_hinge(critic(x), x),
    "wgan_div": lambda critic, x, other: wgan_div(critic(x), x),
    "r1": lambda critic, x, other: r1(critic(x), x),
    "r2": lambda critic, x, other: r2(critic(x), x),
    "js": lambda critic, x, other: js_regularizer(critic(x), x, critic(other), other),
    "f": lambda critic, x, other: f_gan_regularizer(DIVERGENCES["js"], critic(x), x),
    "consistency": lambda critic, x, other: consistency((critic(x), critic(other)), (x, other), margin=0.01),
    "potential": lambda critic, x, other: quadratic_potential(critic(x), critic(other), pair_distance(x, other)),
}


@pytest.mark.parametrize("name", OF_SCORES)
def test_scores_in_a_column_are_those_in_a_row(name):
    """A D that ends in a linear layer gives (N, 1), one that ends in a convolution (N, 1, 1, 1)."""
    w, x, other = normal(6), normal(5, 6).requires_grad_(), normal(6, 5).T.contiguous().requires_grad_()

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (x @ w).square() / 10 + x @ w

    expected = OF_SCORES[name](critic, x, other)
    for shape in ((-1, 1), (-1, 1, 1, 1)):
        torch.testing.assert_close(OF_SCORES[name](lambda x, s=shape: critic(x).view(s), x, other), expected)


def test_more_scores_than_images_and_batches_that_differ_are_refused():
    x, patches = normal(4, 3, 8, 8).requires_grad_(), normal(4, 1, 2, 2)
    with pytest.raises(ValueError, match=r"one score for each image.*\(4, 1, 2, 2\): average those of an image"):
        js_regularizer(patches, x, patches, x)
    for difference in (between, pair_distance, squared_error):
        with pytest.raises(ValueError, match=r"one shape, not \(4, 3, 8, 8\) and \(1, 3, 8, 8\)"):
            difference(x, x[:1])
    with pytest.raises(ValueError, match="l1 or l2, not L1"):
        pair_distance(x, x, norm="L1")


SLOPES = [wgan_gp, wgan_gp_one_sided, slope_hinge, wgan_div, r1, r2]


@pytest.mark.parametrize("slope", SLOPES)
def test_a_slope_of_a_mean_of_many_scores_or_of_other_images_is_refused(slope):
    """A critic that gives its batch's mean had slopes of a N-th; two scores an image, those of their sum."""
    w, x = normal(6), normal(5, 6).requires_grad_()
    with pytest.raises(ValueError, match=r"one score an image, not \(\) of 5 images: take no mean"):
        slope((x @ w).mean(), x)
    with pytest.raises(ValueError, match=r"one score an image, not \(5, 2\) of 5 images: average"):
        slope(torch.stack([x @ w, x @ w], 1), x)
    for images in (x.detach(), x.clone()):
        with pytest.raises(ValueError, match=r"do not follow from these images.*requires_grad_\(\)"):
            slope(x @ w, images)
    with torch.no_grad(), pytest.raises(ValueError, match=r"do not follow from these images.*without no_grad"):
        slope(x @ w, x)


def test_numbers_of_other_images_are_refused_where_they_would_be_taken_for_all():
    s, x, one = normal(4), normal(4, 6).requires_grad_(), torch.ones(1)
    for compute in (
        lambda: quadratic_potential(s, s[:1], s),
        lambda: quadratic_potential(s, s, one),
        lambda: consistency((s, s[:1]), (x, x)),
        lambda: f_gan_regularizer(DIVERGENCES["js"], x.sum().view(1), x),
    ):
        with pytest.raises(ValueError, match=r"one score for each image.* N = 4, not \(1,\)"):
            compute()
    with pytest.raises(ValueError, match=r"one number for each of 4 images, not \(1,\)"):
        between(x, x, one)
    for compute in (
        lambda: consistency((s, s), (x, x[:1])),
        lambda: class_consistency((x, x), (x, x[:1])),
        lambda: feature_matching(x, x[:, :1]),
    ):
        with pytest.raises(ValueError, match="both batches are of one shape"):
            compute()


def test_features_that_are_maps_are_averaged_an_image():
    """(N, K, N, N) beside scores (N,) would be taken as scores of columns."""
    s, f, g = normal(4), normal(4, 3, 4, 4), normal(4, 3, 4, 4) ** 2
    flat = f.flatten(1), g.flatten(1)
    torch.testing.assert_close(consistency((s, 2 * s), (f, g)), consistency((s, 2 * s), flat))
    torch.testing.assert_close(class_consistency((flat[0], flat[1]), (f, g)), class_consistency(flat, flat))
