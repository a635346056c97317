"""Layers of the growing papers against closed forms and their plain definitions."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from zoo.networks import progressive as layers
from zoo.networks.progressive import EqualizedConv2d, EqualizedLinear


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_pixel_norm_has_unit_mean_square_unless_eps_limits_it():
    x = layers.pixel_norm(randn(3, 6, 2, 2))
    torch.testing.assert_close(x.square().mean(1), torch.ones(3, 2, 2, dtype=x.dtype), rtol=0, atol=1e-7)
    tiny = torch.full((1, 4), 1e-5, dtype=torch.float64)
    torch.testing.assert_close(layers.pixel_norm(tiny), tiny / math.sqrt(1e-10 + 1e-8))


def test_instance_norm_of_half_floats_is_rounded_once():
    x = randn(2, 3, 4, 4).to(torch.bfloat16)
    assert torch.equal(layers.instance_norm(x), layers.instance_norm(x.float()).to(torch.bfloat16))


def test_instance_norm_has_zero_mean_and_unit_variance():
    x = layers.instance_norm(randn(2, 3, 4, 4))
    torch.testing.assert_close(x.mean((2, 3)), torch.zeros(2, 3, dtype=x.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(x.square().mean((2, 3)), torch.ones(2, 3, dtype=x.dtype), rtol=0, atol=1e-6)


def test_stddev_of_equal_images_and_of_opposite_ones():
    same = randn(1, 2, 3, 3).expand(4, -1, -1, -1)
    assert layers.minibatch_stddev(same)[:, -1].allclose(torch.tensor(1e-4, dtype=same.dtype))
    a = torch.full((1, 2, 3, 3), 0.7, dtype=torch.float64)
    assert layers.minibatch_stddev(torch.cat([a, -a]))[:, -1].allclose(torch.tensor(0.7, dtype=a.dtype), atol=1e-7)


@given(st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 4]))
def test_stddev_groups_are_strided_and_features_contiguous(groups, group, features):
    x = randn(groups * group, 8, 2, 2)
    y = layers.minibatch_stddev(x, group, features)
    assert torch.equal(y[:, :8], x)
    for n in range(len(x)):
        members = x[n % groups :: groups]
        for f, part in enumerate(members.chunk(features, 1)):
            expected = (part.var(0, unbiased=False) + 1e-8).sqrt().mean()
            torch.testing.assert_close(y[n, 8 + f], expected.expand(2, 2))


def test_stddev_refuses_a_batch_that_does_not_split():
    with pytest.raises(ValueError, match="14 images of 8 maps do not split into 4 x 1"):
        layers.minibatch_stddev(randn(14, 8, 2, 2))


def test_blur_keeps_a_constant_inside_and_darkens_borders():
    y = layers.blur(torch.ones(1, 2, 4, 4))
    assert torch.equal(y[0, 1, 1:3, 1:3], torch.ones(2, 2))
    assert torch.equal(y[0, 0, 0], torch.tensor([9, 12, 12, 9]) / 16)


@given(st.sampled_from([1, 2, 4]))
def test_downscale_undoes_upscale(factor):
    x = randn(2, 3, 4, 4)
    torch.testing.assert_close(layers.downscale(layers.upscale(x, factor), factor), x)


@pytest.mark.parametrize("bias", [True, False])
def test_strided_convolutions_equal_the_two_steps(bias):
    x = randn(2, 3, 8, 8).requires_grad_()
    for resample in ("up", "down"):
        conv = EqualizedConv2d(3, 5, resample=resample, bias=bias).double()
        plain = EqualizedConv2d(3, 5, bias=bias).double()
        plain.load_state_dict(conv.state_dict())
        if bias:
            conv.bias.data = plain.bias.data = randn(5)
        apart = plain(layers.upscale(x)) if resample == "up" else layers.downscale(plain(x))
        together = conv(x)
        torch.testing.assert_close(together, apart)
        slopes = []
        for y, weight in ((together, conv.weight), (apart, plain.weight)):
            slope = torch.autograd.grad(y.square().sum(), [x, weight], create_graph=True)
            slopes.append([*slope, *torch.autograd.grad(slope[0].square().sum(), weight)])  # as penalties do
        for g, h in zip(*slopes, strict=True):
            torch.testing.assert_close(g, h)
    with pytest.raises(ValueError, match="3x3"):
        EqualizedConv2d(3, 5, kernel=1, resample="up")


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_kernels_of_strided_convolutions_keep_the_layout_of_their_weights(layout):
    """Else every pass copies a kernel that is larger than the weight."""
    weight = randn(5, 3, 3, 3).to(memory_format=layout)
    kernel = layers.mean_of_shifts(layers.turned(weight))
    assert kernel.shape == (3, 5, 4, 4)
    assert kernel.is_contiguous(memory_format=layout)
    assert torch.equal(kernel[1, 2, 0, 0], weight[2, 1, 2, 2] / 4)


def test_equalized_layers_scale_at_run_time_and_plain_ones_at_the_start():
    torch.manual_seed(0)
    linear = EqualizedLinear(200, 300, gain=1.0, lrmul=0.01)
    assert linear.weight.std().item() == pytest.approx(100, rel=0.02)
    x = torch.randn(64, 200)
    torch.testing.assert_close(linear(x), F.linear(x, linear.weight * 0.01 / math.sqrt(200)))
    linear.bias.data.fill_(2.0)
    torch.testing.assert_close(linear(0 * x), torch.full((64, 300), 0.02))
    conv = EqualizedConv2d(20, 30)
    assert conv.weight.std().item() == pytest.approx(1, rel=0.05)
    assert conv.scale == math.sqrt(2) / math.sqrt(180)
    he = EqualizedConv2d(20, 30, equalized=False)
    assert he.weight.std().item() == pytest.approx(math.sqrt(2 / 180), rel=0.05)
    assert he.scale == 1


@given(st.floats(0, 1))
def test_fade_is_linear_and_exact_at_its_ends(t):
    new, old = randn(2, 3), randn(2, 3) + 1
    torch.testing.assert_close(layers.fade(new, old, t), (1 - t) * new + t * old)
    assert layers.fade(new, old, 0.0) is new


def test_reals_fade_towards_their_lower_level_and_widths_halve():
    x = randn(2, 3, 4, 4)
    assert layers.fade_reals(x, 3.0) is x
    lower = layers.upscale(layers.downscale(x))
    torch.testing.assert_close(layers.fade_reals(x, 1.25), 0.75 * x + 0.25 * lower)
    assert [layers.fmaps(s) for s in range(10)] == [512, 512, 512, 512, 512, 256, 128, 64, 32, 16]
