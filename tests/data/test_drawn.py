import hashlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data import Drawn
from zoo.data.drawn import ATTRIBUTES, HAIR_COLOURS, attributes, draw


@settings(deadline=None, max_examples=15)
@given(indices=st.lists(st.integers(0, 2**40), min_size=1, max_size=6), power=st.integers(3, 6))
def test_a_face_is_a_function_of_its_index(indices, power):
    together = draw(indices, 2**power)
    assert together.shape == (len(indices), 3, 2**power, 2**power)
    assert together.dtype == torch.uint8
    alone = torch.cat([draw([i], 2**power) for i in indices])
    assert torch.equal(together, alone)


def test_the_bytes_are_fixed():
    """A change of the pictures must come with a new drawn.VERSION (and then a new hash here)."""
    digest = hashlib.sha256(draw(range(20), 32).numpy()).hexdigest()
    assert digest == "cc0b2d6a8fb4c494055b8a67260b4792db8fe3a4fa34b9f877af71dff632cf61"


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_the_same_face_at_every_resolution(resolution):
    small = draw(range(100), resolution).float()
    big = F.avg_pool2d(draw(range(100), 128).float(), 128 // resolution)
    apart = (small - big).abs().flatten(1).mean(1)
    others = (small - big.roll(1, 0)).abs().flatten(1).mean(1)
    assert apart.max() < 0.2 * others.min()


@pytest.mark.parametrize("resolution", [8, 256])
def test_the_ends_of_the_range(resolution):
    small, big = draw(range(4), 8).float(), F.avg_pool2d(draw(range(4), 256).float(), 32)
    assert (small - big).abs().mean() < 4
    assert draw([3], resolution).shape == (1, 3, resolution, resolution)


@pytest.mark.parametrize("resolution", [0, 4, 24, 100])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(ValueError, match=f"powers of two from 8 px on.*not {resolution}"):
        draw([0], resolution)
    with pytest.raises(ValueError, match=r"powers of two|whole number from 1"):
        Drawn(resolution).setup()


def test_negative_index_is_refused():
    with pytest.raises(ValueError, match="index of 0 or more, got -1"):
        draw([3, -1], 8)


def test_attributes_are_balanced_and_independent():
    n = 20_000
    values = attributes(range(n))
    assert list(values) == list(ATTRIBUTES)
    assert torch.bincount(values["hair_colour"]).tolist() == [n // 10] * 10
    for name, names in ATTRIBUTES.items():
        counts = torch.bincount(values[name], minlength=len(names))
        assert len(counts) == len(names)
        expected = n / len(names)
        assert (counts - expected).abs().max() < 5 * expected**0.5  # five standard deviations
        for other, others in ATTRIBUTES.items():
            if other != name:
                cells = torch.bincount(
                    values[name] * len(others) + values[other], minlength=len(names) * len(others)
                )
                expected = n / len(cells)
                assert (cells - expected).abs().max() < 5 * expected**0.5


def test_the_class_is_visible():
    """Some pixels have the hair's own colour, and no other colour of hair is nearly as frequent."""
    images = draw(range(200), 64).permute(0, 2, 3, 1).reshape(200, -1, 1, 3).float()
    palette = torch.tensor(list(HAIR_COLOURS.values())).float()
    near = ((images - palette).abs().amax(-1) < 20).float().mean(1)  # (200, 10) shares of pixels
    own = near.gather(1, (torch.arange(200) % 10)[:, None])
    assert own.min() > 0.03


def test_faces_differ():
    images = draw(range(500), 16)
    assert len({image.numpy().tobytes() for image in images}) == 500


def test_drawn_module():
    dm = Drawn(16, n_images=50, batch_size=8, seed=0)
    assert len(dm) == 50
    assert dm.n_classes == 10
    assert dm.name == "drawn faces"
    assert torch.equal(dm.labels, torch.arange(50) % 10)
    assert torch.equal(dm.images([3, 3, 9]), draw([3, 3, 9], 16))
    x, y = next(iter(dm.train_dataloader()))
    assert x.shape == (8, 3, 16, 16)
    assert y.shape == (8,)
    assert torch.equal(torch.cat([x for x, _ in dm.batches(7)]), draw(range(50), 16))
    assert dm.fingerprint != Drawn(16, n_images=51).fingerprint != Drawn(32, n_images=51).fingerprint


def test_drawn_without_memory_draws_in_workers():
    dm = Drawn(8, n_images=20, batch_size=5, memory_gib=0, num_workers=1, seed=0)
    kept = Drawn(8, n_images=20, batch_size=5, seed=0)
    for (x, _), (x_, _), _ in zip(dm.train_dataloader(), kept.train_dataloader(), range(3), strict=False):
        assert torch.equal(x, x_)


def test_no_images_is_refused():
    with pytest.raises(ValueError, match="n_images takes a whole number of at least 1, not 0"):
        Drawn(n_images=0)
