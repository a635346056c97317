"""Errors of reconstructions: closed forms, bounds, and which images they are of."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data import Drawn
from zoo.evaluation.reconstruction import NAMES, mean_errors, of_data, reconstruction_errors, to_bytes
from zoo.papers.introvae import IntroVAE


def noise(n: int = 3, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


def test_equal_images():
    errors = reconstruction_errors(noise(), noise())
    assert errors.shape == (3, len(NAMES))
    torch.testing.assert_close(errors[0], torch.tensor([0.0, 20 * math.log10(25500), 1.0], dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100))
def test_a_constant_difference(levels):
    x = noise() // 2
    mse, psnr, ssim = reconstruction_errors(x, x + levels).T
    torch.testing.assert_close(mse, torch.full((3,), (levels / 255) ** 2, dtype=torch.float64))
    torch.testing.assert_close(psnr, torch.full((3,), 20 * math.log10(255 / levels), dtype=torch.float64))
    assert (ssim < 1).all()


def test_ssim_is_that_of_torchmetrics():
    from torchmetrics.functional.image import structural_similarity_index_measure

    x, y = noise(seed=0), noise(seed=1) // 3 + noise(seed=0) // 2
    theirs = structural_similarity_index_measure(
        y.double() / 255, x.double() / 255, data_range=1.0, reduction="none"
    )
    torch.testing.assert_close(reconstruction_errors(x, y)[:, 2], theirs, rtol=1e-9, atol=1e-12)


def test_each_image_has_its_own_error():
    x, y = noise(seed=0), noise(seed=1)
    y[1] = x[1]
    whole = reconstruction_errors(x, y)
    assert whole[1, 0] == 0
    for i in range(3):
        torch.testing.assert_close(whole[i : i + 1], reconstruction_errors(x[i : i + 1], y[i : i + 1]))


def test_floats_become_the_nearest_bytes_and_are_clipped():
    assert to_bytes(torch.tensor([-1.0, -2.0, 1.0, 3.0, 0.0])).tolist() == [0, 0, 255, 255, 128]
    assert mean_errors(torch.ones(1, 3, 16, 16), torch.full((1, 3, 16, 16), 5.0))["mse"] == 0


def test_too_small_for_ssim():
    with pytest.raises(ValueError, match="at least 11 px"):
        reconstruction_errors(noise(size=8), noise(size=8))


def test_training_and_held_out_images_are_told_apart():
    torch.manual_seed(0)
    model = IntroVAE(16, [3, 4], 5).eval()
    data = Drawn(16, n_images=60)
    assert set(of_data(model, data, 8)) == {f"reconstruction_{name}" for name in NAMES}
    limited = Drawn(16, n_images=60, limit=40)
    errors = of_data(model, limited)
    assert set(errors) == {f"reconstruction_{name}{kind}" for name in NAMES for kind in ("", "_heldout")}
    assert errors["reconstruction_mse"] != errors["reconstruction_mse_heldout"]
    held_out = limited.held_out()
    assert len(held_out) == 20
    everything = {image.numpy().tobytes() for image in data.images(range(60))}
    parts = [
        {image.numpy().tobytes() for image in images}
        for images in (limited.images(range(40)), held_out[range(20)][0])
    ]
    assert parts[0] | parts[1] == everything
    assert not parts[0] & parts[1]
