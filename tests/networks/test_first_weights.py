"""How weights start: golden vectors load theirs, so nothing else looks at it."""

import pytest
import torch
from torch import nn

from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.dcgan import start_normal


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
