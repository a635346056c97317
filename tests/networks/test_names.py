"""Whoever builds a single network is told which names it knows: an unknown one built another network silently."""

import pytest
import torch

from zoo.evaluation.efficientnet import prepared
from zoo.evaluation.ppl import path_lengths
from zoo.evaluation.subject import to_uint8
from zoo.networks import (
    biggan,
    biggan_architectures,
    conopt,
    ctgan,
    imitation,
    keras_dcgan,
    pairs,
    progressive,
    r1gan,
    rothgan,
    sngan_cnn,
    vgan,
)
from zoo.networks.stylegan_synthesis import AddNoise

X = torch.zeros(1, 3, 8, 8)
BUILT = {
    "biggan": lambda: biggan.Generator(32, 4, 8, 2, init="ortho"),
    "biggan's two": lambda: biggan_architectures.networks(32, 2, 8, architecture="ortho"),
    "conopt": lambda: conopt.build("ortho", 32, 8, 4, 4),
    "ctgan": lambda: ctgan.build("ortho", 32, 0, 8, 4, 4, None),
    "vail": lambda: imitation.CodedMLP(3, bottleneck="ortho"),
    "keras": lambda: keras_dcgan.start_kernels(torch.nn.Linear(2, 2), "ortho"),
    "pairs": lambda: pairs.build("ortho", 32, 8, 4, 4),
    "pairs' norm": lambda: pairs.build("dcgan", 32, 8, 4, 4, norm_d="ortho"),
    "progressive": lambda: progressive.EqualizedConv2d(2, 2, resample="ortho"),
    "r1gan": lambda: r1gan.ladder("ortho", 32),
    "rothgan": lambda: rothgan.DCGANGenerator(32, 4, 8, activation="ortho"),
    "sngan": lambda: sngan_cnn.build("ortho", 32, 0, 8, 4, 4),
    "sngan's norm": lambda: sngan_cnn.CNNDiscriminator(32, norm="ortho"),
    "vgan": lambda: vgan.Discriminator(32, 4, bottleneck="ortho"),
    "stylegan": lambda: AddNoise(3, 8)(X, "ortho"),
    "bytes": lambda: to_uint8(X, "ortho"),
    "efficientnet": lambda: prepared(X.byte(), "ortho"),
    "path's space": lambda: path_lengths(None, None, 1, space="ortho"),
    "path's ends": lambda: path_lengths(None, None, 1, sampling="ortho"),
}


@pytest.mark.parametrize("name", BUILT)
def test_a_name_that_is_not_known_is_told_with_those_that_are(name):
    with pytest.raises(ValueError, match=r"\w+(, \w+)* (or \w+, )?.*ortho"):
        BUILT[name]()
