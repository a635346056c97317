"""Disturbances do what they say, to bytes, and grow with their level."""

import math

import pytest
import torch

from zoo.data import Drawn
from zoo.evaluation import disturbances as d

PIXELS = ["noise", "mixed_noise", "blur", "jpeg", "rectangles", "swirl", "salt_and_pepper"]
LEVELS = d.TTUR_LEVELS | {"noise": (0, 8, 16, 32), "jpeg": (0, 90, 50, 10)}


@pytest.fixture(scope="module")
def images():
    data = Drawn(n_images=40, resolution=32)
    data.setup()
    return data.images(torch.arange(40))


@pytest.mark.parametrize("name", PIXELS)
def test_a_disturbance_grows_with_its_level_and_keeps_its_seed(images, name):
    before, disturb = images.clone(), getattr(d, name)
    errors = []
    for level in LEVELS[name]:
        out = disturb(images, level, seed=3)
        assert out.shape == images.shape
        assert out.dtype == torch.uint8
        assert torch.equal(out, disturb(images, level, seed=3))
        errors.append((out.float() - images.float()).square().mean().item())
    assert errors[0] == 0
    assert errors == sorted(errors)
    assert len(set(errors)) == len(errors)
    assert torch.equal(images, before)


def test_noise_has_its_deviation():
    grey = torch.full((50, 3, 16, 16), 128, dtype=torch.uint8)
    moved = d.noise(grey, 8.0).float() - 128
    assert moved.std() == pytest.approx(8, rel=0.02)
    assert not torch.equal(d.noise(grey, 8.0), d.noise(grey, 8.0, seed=1))
    mixed = d.mixed_noise(grey, 0.5).float()
    assert mixed.amin() == 64
    assert mixed.amax() == 192


def test_blur_spreads_a_point_by_a_gaussian():
    point = torch.zeros(1, 3, 33, 33, dtype=torch.uint8)
    point[..., 16, 16] = 255
    row = d.blur(point, 1.0)[0, 0, 16].float()
    expected = 255 * torch.exp(-(torch.arange(33) - 16.0).square() / 2) / (2 * torch.pi)
    assert (row - expected).abs().max() < 1
    grey = torch.full((1, 3, 16, 16), 77, dtype=torch.uint8)
    assert torch.equal(d.blur(grey, 4.0), grey)


def test_a_swirl_turns_about_the_centre_and_less_from_there_on(images):
    half = d.swirl(images, math.pi, radius=1e9)  # as much everywhere
    assert (half.float() - images.flip(2, 3).float()).abs().max() <= 1
    assert (d.swirl(images, 1e-7).float() - images.float()).abs().max() <= 1
    ring = torch.zeros(1, 3, 65, 65, dtype=torch.uint8)
    ring[..., 32, 32 + 8] = 255  # 8 px to the right of the centre: seen where the turn leads to it
    radius = 5 * 8 / math.log(2)  # there the angle is strength / e
    y, x = divmod(d.swirl(ring, -math.pi / 2 * math.e, radius=radius)[0, 0].flatten().argmax().item(), 65)
    assert (y, x) == (32 + 8, 32)


def test_rectangles_and_salt_and_pepper_cover_their_share():
    white = torch.full((200, 3, 32, 32), 255, dtype=torch.uint8)
    one = d.rectangles(white, 0.25, n=1)
    assert ((one == 0).float().mean((1, 2, 3)) == 1 / 16).all()
    grey = torch.full((100, 3, 32, 32), 100, dtype=torch.uint8)
    out = d.salt_and_pepper(grey, 0.2)
    assert (out == 0).float().mean() == pytest.approx(0.1, abs=0.005)
    assert (out == 255).float().mean() == pytest.approx(0.1, abs=0.005)
    assert (out.amin(1) == out.amax(1)).all()  # all colours of a pixel together


def test_a_swirl_turns_the_middle_and_leaves_the_border(images):
    turned = d.swirl(images, 4.0)
    moved = (turned.float() - images.float()).abs()
    assert moved[..., 10:22, 10:22].mean() > 10 * moved[..., 0, :].mean()
    half = torch.zeros(1, 3, 65, 65, dtype=torch.uint8)
    half[..., :32, :] = 255
    assert d.swirl(half, float(torch.pi), radius=1e9)[0, 0, 10, 32] == 0  # half a turn of everything


def test_sets_lose_classes_repeat_themselves_and_take_strangers(images):
    others = torch.zeros(30, 3, 32, 32, dtype=torch.uint8)
    mixed = d.foreign(images, others, 0.25)
    assert (mixed == 0).all(3).all(2).all(1).sum() == 10
    with pytest.raises(ValueError, match="40 foreign images"):
        d.foreign(images, others, 1.0)
    repeated = d.duplicates(images, 0.5)
    kinds, counts = repeated.flatten(1).unique(dim=0, return_counts=True)
    assert len(kinds) == 20
    assert (counts == 2).all()
    with pytest.raises(ValueError, match="all be copies"):
        d.duplicates(images, 1.0)
    labels = torch.arange(40) % 4
    left = d.without_classes(labels, [1, 3])
    assert sorted(left.tolist()) == [i for i in range(40) if i % 4 in (0, 2)]
