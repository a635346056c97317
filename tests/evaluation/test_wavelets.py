"""The wavelet distance against the authors' package, its level, and what it is on equal sets."""

import numpy as np
import pytest
import pywt
import torch

from zoo.evaluation.wavelets import fwd, level_of, packets


# pytorchfwd 1.0.1 (ptwt 0.1.8, scipy 1.11.1) in an environment of its own, on these very images, 2026-11-29
@pytest.mark.parametrize(("side", "level", "theirs"), [(16, 1, 4.447423115239973), (32, 2, 4.4836754665778225)])
def test_it_is_the_authors_number(side, level, theirs):
    random = np.random.RandomState(0)
    for size in (16, 32):  # both sets of the smaller size come first
        reals = random.randint(0, 256, (400, 3, size, size))
        fakes = random.randint(0, 200, (400, 3, size, size)) + random.randint(0, 56, (400, 1, 1, 1))
        if size == side:
            break
    reals, fakes = (torch.from_numpy(x).byte() for x in (reals, fakes))
    found = fwd(reals.split(150), fakes.split(128), level)
    assert found == {f"fwd-{level}": pytest.approx(theirs, rel=1e-8)}


def test_packets_are_those_of_pywavelets():
    torch.manual_seed(0)
    image = torch.randint(0, 256, (1, 1, 16, 16), dtype=torch.uint8)
    tree = pywt.WaveletPacket2D(image[0, 0].numpy() / 255, "haar", maxlevel=2)
    expected = {tuple(node.data.ravel().round(9)) for node in tree.get_level(2)}
    assert {tuple(rows[0].numpy().round(9)) for rows in packets(image, 2)} == expected


def test_an_equal_set_is_no_distance_away_and_order_does_not_matter():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (300, 3, 16, 16), dtype=torch.uint8)
    assert fwd([images], [images.flip(0)])["fwd-1"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("side", "level"), [(8, 1), (16, 1), (32, 1), (64, 2), (128, 3), (256, 4)])
def test_the_level_keeps_packets_of_16_px_up_to_256(side, level):
    assert level_of(side) == level


def test_an_odd_side_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="need a side that 2 divides, not 15 px"):
        level_of(15)
    with pytest.raises(ValueError, match=r"taken up to 256 px, .* a covariance of 12,288 rows"):
        level_of(1024)
