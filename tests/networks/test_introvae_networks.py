"""Parameter counts of the official program, shapes at every size of the paper, and widths that do not fit."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.networks.introvae import (
    WIDTHS,
    Block,
    Encoder,
    Generator,
    beside_bigan,
    expands,
    parameters_beside_bigan,
)

# counted by instantiating the official classes as main.py does (hhb072/IntroVAE @ c8ce5d2)
COUNTS = [
    (256, True, 22_973_600, 16_452_963),
    (256, False, 22_711_456, 16_190_819),
    (1024, True, 27_969_616, 21_428_147),
    (1024, False, 27_445_328, 20_903_859),
]


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("resolution", "expand", "encoder", "generator"), COUNTS)
def test_parameter_counts_are_the_official_ones(resolution, expand, encoder, generator):
    with torch.device("meta"):
        E = Encoder(resolution, WIDTHS[resolution], expand_equal_above_256=expand)
        G = Generator(resolution, WIDTHS[resolution], expand_equal_above_256=expand)
    assert (count(E), count(G)) == (encoder, generator)


@pytest.mark.parametrize(
    ("resolution", "channels"), [(8, 3), (32, 1), (64, 3), (128, 3), (256, 1), (512, 3), (1024, 3)]
)
def test_shapes(resolution, channels):
    widths = [2] * ((resolution // 4).bit_length() - 1)
    E, G = Encoder(resolution, widths, 5, channels), Generator(resolution, widths, 5, channels)
    mean, logvar = E(torch.rand(2, channels, resolution, resolution))
    assert mean.shape == logvar.shape == (2, 5)
    assert G(mean).shape == (2, channels, resolution, resolution)


@given(st.integers(1, 600), st.integers(1, 600), st.booleans())
def test_only_equal_widths_above_256_depend_on_the_flag(before, after, flag):
    differs = expands(before, after, True) != expands(before, after, False)
    assert differs == (before == after > 256)
    assert expands(before, after, flag) or before == after


@pytest.mark.parametrize(("scale", "shift"), [(0.1, 0.0), (7.0, -3.0)])
def test_second_norm_acts_on_the_sum(scale, shift):
    """In train mode scaling both parts of the sum alike, and shifting one, changes nothing."""
    torch.manual_seed(0)
    block, x = Block(3, 3, expand=True).double(), torch.randn(4, 3, 4, 4, dtype=torch.float64)
    block.norm2.eps = 1e-30
    before = block(x)
    with torch.no_grad():
        block.conv2.weight *= scale
        block.shortcut.weight *= scale
        block.shortcut.bias = torch.nn.Parameter(torch.full((3,), shift, dtype=torch.float64))
    torch.testing.assert_close(block(x), before)


@pytest.mark.parametrize("network", [Encoder, Generator])
@pytest.mark.parametrize(
    ("resolution", "widths", "words"), [(48, [2] * 4, "power of two"), (64, [2] * 3, "4 widths")]
)
def test_what_does_not_fit_is_refused(network, resolution, widths, words):
    with pytest.raises(ValueError, match=words):
        network(resolution, widths)


def test_saved_parameters_are_those_of_the_page():
    page = (Path(__file__).parents[2] / "reproductions" / "introvae" / "README.md").read_text()
    for resolution, widths in WIDTHS.items():
        assert beside_bigan(resolution, widths) in page
    ours, theirs = parameters_beside_bigan(256, WIDTHS[256])
    assert ours == 22_973_600 + 16_452_963
    trunk = 22_973_600 - (16 * 512 + 1) * 1024
    assert theirs - ours == trunk + 16 * 512 + 512 + 1
