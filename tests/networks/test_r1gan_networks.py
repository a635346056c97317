"""Parameter counts of the official models, shapes at every architecture, and wrong sizes."""

import pytest
import torch

from zoo.networks.r1gan import Discriminator, Generator, Trunk

# counted by instantiating the official classes (LMescheder/GAN_stability @ c1f64c9)
COUNTS = [
    ("resnet", 1024, 16, 512, 0, 18_810_036, 16_705_201),  # celebA-HQ
    ("resnet", 256, 64, 1024, 0, 52_154_052, 47_944_385),  # LSUN
    ("resnet2", 128, 64, 1024, 1000, 100_535_747, 108_260_776),  # ImageNet
    ("resnet3", 256, 64, 1024, 0, 67_849_284, 59_429_953),  # released LSUN models
    ("resnet4", 256, 64, 1024, 0, 52_161_732, 47_952_065),  # released celebA model
]


@pytest.mark.parametrize(("architecture", "resolution", "width", "most", "classes", "g", "d"), COUNTS)
def test_parameter_counts_are_the_official_ones(architecture, resolution, width, most, classes, g, d):
    with torch.device("meta"):
        G = Generator(resolution, width, most, n_classes=classes, architecture=architecture)
        D = Discriminator(resolution, width, most, n_classes=classes, architecture=architecture)
    assert sum(p.numel() for p in G.parameters()) == g
    assert sum(p.numel() for p in D.parameters()) == d


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(
    ("architecture", "resolution"),
    [("resnet", 8), ("resnet", 32), ("resnet2", 32), ("resnet3", 64), ("resnet4", 64)],
)
def test_shapes_and_range(architecture, resolution, classes):
    label = torch.tensor([0, 2]) if classes else None
    G = Generator(resolution, 1, 4, latent_dim=5, n_classes=classes, architecture=architecture)
    D = Discriminator(resolution, 1, 4, n_classes=classes, architecture=architecture)
    images = G(torch.randn(2, 5), label)
    assert images.shape == (2, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert D(images, label).shape == (2,)


def test_images_do_not_interact_in_d():
    """What the penalty's one gradient for the whole batch rests on."""
    D, x = Discriminator(8, 2, 4), torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(D(x)[1:3], D(x[1:3]))


def test_pooling_counts_the_padding():
    """A constant map keeps its value inside and loses 3 of 9 parts at an edge, 5 of 9 in the corner."""
    trunk = Trunk(8, 1, 1)
    for p in trunk.parameters():
        p.data.zero_()
    trunk.conv.bias.data.fill_(9.0)
    features = trunk(torch.zeros(1, 3, 8, 8))[0, 0]
    assert features[0, 0] == 4
    assert features[0, 1] == 6
    assert features[1, 1] == 9


@pytest.mark.parametrize(
    ("architecture", "resolution", "words"),
    [("resnet", 48, "power of two"), ("resnet2", 48, "divisible by 32"), ("resnet4", 32, "divisible by 64")],
)
def test_wrong_resolution_is_refused(architecture, resolution, words):
    with pytest.raises(ValueError, match=words):
        Generator(resolution, architecture=architecture)
    with pytest.raises(ValueError, match=words):
        Discriminator(resolution, architecture=architecture)
