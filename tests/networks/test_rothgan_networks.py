"""Shapes, parameter counts and initialisation of the DCGAN family, and the toy's MLPs and data."""

import math

import pytest
import torch

from zoo.data.mixture import MODES, centres, embed, rotation, submanifold_mixture
from zoo.networks import rothgan
from zoo.papers.rothgan import RothGAN, build

ARCHITECTURES = ["dcgan", "resnet", "constant", "mlp", "no-norm", "gated", "tanh"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("resolution", [32, 64])
def test_shapes_and_range(architecture, resolution):
    G, D = build(architecture, resolution, 5, 2, 2)
    images = G(torch.randn(3, 5))
    assert images.shape == (3, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert D(images).shape == (3,)
    has_norm = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in [*G.modules(), *D.modules()])
    assert has_norm == (architecture != "no-norm")


def test_toy_counts_are_the_official_ones():
    assert sum(p.numel() for p in rothgan.ToyMLP(2, 3).parameters()) == 17_283
    assert sum(p.numel() for p in rothgan.ToyMLP(3, 1).parameters()) == 17_153


def test_toy_weights_are_cut_at_two_standard_deviations():
    weight = rothgan.ToyMLP(2, 3, 512)[2].weight
    assert weight.abs().max() <= 0.2
    assert weight.std().item() == pytest.approx(0.1 * 0.8796, rel=0.02)  # of the cut normal distribution


def test_initialisation_is_uniform_of_the_given_spread():
    G = rothgan.DCGANGenerator(64, 16, 64)
    for layer in (G.dense, *G.deconvs[:3]):
        assert layer.weight.abs().max() <= 0.02 * math.sqrt(3)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)


def test_the_gate_halves_the_channels():
    x = torch.randn(2, 6, 3, 3)
    torch.testing.assert_close(rothgan.gate(x)[:, 1], torch.sigmoid(x[:, 2]) * torch.tanh(x[:, 3]))


def test_wrong_resolution():
    with pytest.raises(ValueError, match="divisible by 16, not 40"):
        build("mlp", 40, 5, 2, 2)


def test_the_mixture_lies_in_a_plane():
    points = submanifold_mixture(5000, torch.Generator().manual_seed(0))
    assert points.shape == (5000, 3)
    torch.testing.assert_close(rotation() @ rotation().t(), torch.eye(3, dtype=torch.float64))
    flat = (points.double() - 1 / math.sqrt(3)) @ rotation().t()
    assert flat[:, 2].abs().max() < 1e-6
    distance = torch.cdist(points.double(), embed(centres()))
    assert distance.min(1).values.max() < 0.06
    counts = distance.argmin(1).bincount(minlength=MODES)
    assert counts.min() > 5000 / MODES * 0.8
    nearest = distance.min(1).values
    assert nearest.square().mean().sqrt().item() == pytest.approx(0.01 * math.sqrt(2), rel=0.05)


def test_the_two_sided_regularizer_belongs_to_jensen_shannon():
    with pytest.raises(ValueError, match="not kl: set generic"), torch.device("meta"):
        RothGAN(divergence="kl")
