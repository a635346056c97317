"""What the baselines refuse, and whose turn it is."""

from itertools import accumulate

import pytest
import torch

from zoo.baselines.wgan import LONG_EVERY, LONG_FIRST, generator_moves
from zoo.baselines.wgan_div import POINTS
from zoo.evaluation.parzen import choose_sigma, log_likelihoods, mean_and_error
from zoo.training.loading import model_class


@pytest.mark.parametrize(("n_critic", "long"), [(5, 100), (3, 7), (1, 2)])
def test_critic_steps_between_two_of_g_are_the_official_loop_s(n_critic, long):
    """WassersteinGAN main.py:176: 100 for the first 25 iterations and for each that 500 divides."""
    lengths = [long if i < LONG_FIRST or i % LONG_EVERY == 0 else n_critic for i in range(2 * LONG_EVERY + 9)]
    ends = {n - 1 for n in accumulate(lengths)}
    moves = {s for s in range(sum(lengths)) if generator_moves(s, n_critic, long)}
    assert moves == ends


def test_without_long_iterations_every_nth_critic_step_is_followed_by_g():
    assert [s for s in range(12) if generator_moves(s, 4, None)] == [3, 7, 11]


@pytest.mark.parametrize("name", sorted(POINTS))
def test_points_where_the_slope_is_paid_are_leaves_of_their_own(name):
    real, fake = torch.zeros(4, 3, 2, 2), torch.ones(4, 3, 2, 2)
    for x in POINTS[name](real, fake):
        assert x.requires_grad
        assert x.is_leaf
        assert x.shape[1:] == real.shape[1:]
    (x,) = POINTS["lines"](real, fake)
    assert ((x > 0) & (x < 1)).all()
    assert torch.equal(x[0], x[0, 0, 0, 0].expand_as(x[0]))  # one number an image


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("wgan_gp", {"norm_d": "batch", "n_classes": 0, "architecture": "cnn"}, "batch norm couples images"),
        ("wgan_gp", {"architecture": "cnn"}, "set n_classes to 0"),
        ("wgan_div", {"power": 1.0}, "power takes a number above 1"),
        ("dcgan", {"resolution": 28}, "16, 32 .*, not 28"),
        ("dcgan", {"resolution": 28, "architecture": "cnn"}, "set channels to 1"),
        ("gan_qp", {"width_d": 6, "resolution": 64}, "cannot be halved"),
        ("gan_qp", {"norm_d": "none"}, "set norm_d"),
        ("wgan", {"architecture": "mlp"}, "architecture mlp has the norm 'none' in D: set norm_d to it"),
        ("cgan", {"n_classes": 0}, "n_classes takes a whole number from 1 to 1,000,000, not 0"),
        ("cgan", {"resolution": 30}, "divisible by 4|maxout"),
    ],
)
def test_what_does_not_exist_is_one_sentence(name, options, words):
    small = {"width_g": 1, "width_d": 1} | options
    if options == {"resolution": 30}:
        small["architecture"] = "mnist"
    with pytest.raises(ValueError, match=words):
        model_class(name)(**small)


def test_wgan_of_mlps_takes_any_side():
    gan = model_class("wgan")(resolution=20, architecture="mlp", norm_d="none", latent_dim=3)
    sizes = [(net.hidden[0].in_features, net.linear.in_features, net.linear.out_features) for net in (gan.G, gan.D)]
    assert sizes == [(3, 512, 1200), (1200, 512, 1)]
    assert gan.D(gan.G(torch.randn(2, 3))).shape == (2,)


def test_parzen_window_of_one_sample_is_the_normal_density_and_the_best_width_is_found():
    torch.manual_seed(0)
    x, sigma = torch.randn(2000, 3, dtype=torch.float64) * 0.3, 0.3
    density = torch.distributions.Normal(0, sigma).log_prob(x).sum(1)
    torch.testing.assert_close(log_likelihoods(x, torch.zeros(1, 3), sigma), density.double(), rtol=1e-6, atol=1e-6)
    assert choose_sigma(x, torch.zeros(1, 3)) == pytest.approx(0.2782559, rel=1e-5)  # of the ten, next to 0.3
    mean, error = mean_and_error(torch.tensor([1.0, 3.0]))
    assert (mean, error) == (2.0, pytest.approx(1 / 2**0.5))
