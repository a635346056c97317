"""How weights start: golden vectors load theirs, so nothing else looks at it."""

import pytest
import torch
from torch import nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.dcgan import start_normal
from zoo.networks.keras_dcgan import start_kernels


def test_dcgan_s_start():
    torch.manual_seed(0)
    net = start_normal(nn.Sequential(nn.Conv2d(64, 64, 5), BatchNorm2d(10_000), nn.Linear(100, 1000)))
    for layer in (net[0], net[2]):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert layer.bias.abs().max() == 0
    assert net[1].weight.mean().item() == pytest.approx(1, abs=1e-3)
    assert net[1].weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert net[1].bias.abs().max() == 0
    wide = start_normal(nn.Linear(100, 1000), std=0.5)
    assert wide.weight.std().item() == pytest.approx(0.5, rel=0.02)


def test_keras_starts_set_kernels_and_leave_a_batch_norm_s_gain_at_one():
    """bojone/gan keras/wgan_div_celeba.py gives its kernels N(0, 0.02^2) and nothing to BatchNormalization."""
    torch.manual_seed(0)
    for start, std in (("normal", 0.02), ("glorot", (2 / (25 * 128)) ** 0.5)):
        net = start_kernels(nn.Sequential(nn.Conv2d(64, 64, 5), BatchNorm2d(64)), start)
        assert net[0].weight.std().item() == pytest.approx(std, rel=0.02)
        assert net[0].bias.abs().max() == 0
        assert (net[1].weight == 1).all()
