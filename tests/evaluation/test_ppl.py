import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zoo.evaluation.ppl import (
    feature_distance,
    lerp,
    path_lengths,
    perceptual_path_length,
    prepare,
    slerp,
    trimmed_mean,
)


class Line:
    """A stand-in for a GAN whose image is linear in the latent: every pixel is the scaled sum of z."""

    def __init__(self, slope: float = 1.0) -> None:
        self.slope, self.G, self.G_ema = slope, nn.Identity(), None

    def indexed_latents(self, n, seed=0, start=0, truncation=None):
        rows = [torch.randn(4, generator=torch.Generator().manual_seed(seed + start + i)) for i in range(n)]
        return torch.stack(rows).double(), None

    def renderer(self, space, ema, seed):
        return (lambda z, label: z), (
            lambda w, label: self.slope * w.sum(1)[:, None, None, None].expand(-1, 3, 16, 16)
        )


def squared(a, b):
    return (a - b).square().mean((1, 2, 3))


def test_length_of_a_straight_way_is_its_speed_squared():
    gan = Line(slope=0.5)
    z = gan.indexed_latents(8, 3)[0]
    speed = 0.5 * (z[1::2] - z[0::2]).sum(1) * 127.5
    for sampling in ("full", "end"):
        found = path_lengths(gan, squared, 4, seed=3, sampling=sampling)
        torch.testing.assert_close(found, speed.square(), rtol=1e-6, atol=1e-6)


def test_pairs_do_not_depend_on_the_batches_they_are_measured_in():
    gan = Line()
    whole = perceptual_path_length(gan, squared, 10, batch_size=10, seed=1)
    assert perceptual_path_length(gan, squared, 10, batch_size=3, seed=1) == pytest.approx(whole, rel=1e-9)
    assert perceptual_path_length(gan, squared, 10, batch_size=10, seed=2) != pytest.approx(whole)


@given(seed=st.integers(0, 1000), t=st.floats(0, 1))
def test_slerp_stays_on_the_sphere_and_turns_evenly(seed, t):
    a, b = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = slerp(a, b, t)
    torch.testing.assert_close(x.norm(dim=1), torch.ones(3, dtype=torch.float64))
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    whole = torch.acos((a * b).sum(1))
    torch.testing.assert_close(torch.cos(t * whole), (a * x).sum(1))


def test_both_ends_are_met():
    a, b = torch.randn(2, 3, 8)
    torch.testing.assert_close(lerp(a, b, 1.0), b)
    torch.testing.assert_close(slerp(a, b, 1.0), b / b.norm(dim=1, keepdim=True))


def test_outliers_of_both_sides_do_not_count():
    values = np.r_[-1e9, np.arange(1000.0), 1e9]
    mean, n = trimmed_mean(values)
    assert n == 1002 - 2 * 10
    assert mean == pytest.approx(499.5)
    with pytest.raises(ValueError, match="no distances"):
        trimmed_mean([])


def test_crop_takes_the_middle_columns_and_the_lower_rows():
    x = torch.zeros(1, 3, 16, 16)
    x[:, :, 6:14, 4:12] = 1
    assert (prepare(x) == 255).all()
    assert prepare(x).shape == (1, 3, 8, 8)
    assert prepare(torch.zeros(1, 3, 1024, 1024)).shape[-1] == 256
    assert prepare(x, crop=False).shape[-1] == 16


def test_feature_distance_does_not_see_the_length_of_features():
    x = torch.rand(2, 3, 4, 4)
    same = feature_distance(lambda images: [images])
    torch.testing.assert_close(same(x, 2 * x), torch.zeros(2))
    one, two = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1), torch.tensor([0.0, 1, 0]).view(1, 3, 1, 1)
    assert feature_distance(lambda images: [images, images])(one, two).item() == pytest.approx(4.0)


def test_other_gans_have_z_alone():
    class Plain(Line):
        renderer = None

        def generate(self, G, z, label, truncation):
            return z.sum(1)[:, None, None, None].expand(-1, 3, 16, 16)

    gan = Plain()
    del Plain.renderer, Line.renderer
    with pytest.raises(ValueError, match="no space w"):
        path_lengths(gan, squared, 2)
    assert path_lengths(gan, squared, 2, space="z").shape == (2,)
