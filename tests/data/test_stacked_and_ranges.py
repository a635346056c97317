"""Stacked MNIST, a range of ImageNet's classes, and random crops, on small stand-ins."""

from types import SimpleNamespace

import pytest
import torch

from zoo.data import ImageNet, StackedMNIST
from zoo.data.floats import cropped
from zoo.data.images import Images
from zoo.data.named import between_classes


@pytest.fixture
def digits(monkeypatch):
    """Ten digits, of which digit c is a picture of the number 10 c."""
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28) * 10
    stand_in = SimpleNamespace(data=pixels, targets=torch.arange(10))
    monkeypatch.setattr(StackedMNIST, "fetch", lambda self, download: stand_in)


def test_stacked_mnist_s_label_is_its_number_and_its_colours_its_digits(digits):
    data = StackedMNIST(resolution=32, n_images=500, seed=0)
    assert len(data) == 500
    images = data.images(torch.arange(500))
    assert images.shape == (500, 3, 32, 32)
    number = (images[:, :, 16, 16].long() / 10 * torch.tensor([100, 10, 1])).sum(1).long()
    assert torch.equal(number, data.labels)
    assert len(number.unique()) > 300
    assert images[:, :, :2].max() == 0  # two black pixels around
    assert data.fingerprint != StackedMNIST(resolution=32, n_images=499, seed=0).fingerprint


def images_of(labels: list[int]) -> Images:
    pixels = torch.tensor(labels, dtype=torch.int64).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).to(torch.uint8)
    return Images(read=None, n=len(labels), content="x", labels=torch.tensor(labels), pixels=pixels.contiguous())


def test_a_range_of_classes_is_taken_and_numbered_from_0():
    kept = between_classes(images_of([150, 151, 200, 293, 294, 151]), 151, 293)
    assert kept.labels.tolist() == [0, 49, 142, 0]
    assert kept.pixels[:, 0, 0, 0].tolist() == [151, 200, 293 % 256, 151]
    with pytest.raises(ValueError, match="needs the labels"):
        between_classes(Images(read=None, n=1, content="x", pixels=torch.zeros(1, 3, 4, 4)), 1, 2)


def test_imagenet_takes_the_range(monkeypatch):
    """A thousand images, one a class, stand for the prepared set."""
    from zoo.data import named

    monkeypatch.setattr(named.ImageDataModule, "open", lambda self: images_of(list(range(1000))))
    monkeypatch.setitem(named.KINDS["imagenet"].counts, "train", 1000)
    data = ImageNet(resolution=4, classes=(151, 293), seed=0)
    assert (len(data), data.n_classes) == (143, 143)
    assert data.name == "ImageNet, classes 151 to 293"
    assert len(ImageNet(resolution=4, seed=0)) == 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": (5, 4)}, "the first and the last"),
        ({"classes": (0, 1000)}, "within 0..999"),
        ({"crop": 1.5}, "crop"),
    ],
)
def test_mistakes_are_one_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        ImageNet(resolution=64, **options)


def test_crops_are_squares_of_the_image_enlarged():
    x = torch.arange(20.0).view(1, 1, 1, 20).expand(64, 1, 20, 20)
    y = cropped(x, 0.5, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    step = y[:, 0, 10, 11] - y[:, 0, 10, 10]
    torch.testing.assert_close(step, torch.full((64,), 0.5))  # twice as large
    starts = (y[:, 0, 10, 0] + 0.25).round().unique()  # the left edge lies a quarter pixel inside
    assert starts.min() == 0
    assert starts.max() == 10
    torch.testing.assert_close(cropped(x, 1.0), x)
