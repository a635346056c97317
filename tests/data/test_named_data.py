from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision.datasets
from jsonargparse import ArgumentParser
from pictures import png

from zoo import data
from zoo.data import CIFAR10, FFHQ, MNIST, STL10, SVHN, CelebAHQ, ImageDataModule, ImageNet, MissingDataset


def fake(monkeypatch, name: str, images: np.ndarray, targets: list[int] | None = None):
    calls = []

    def make(root, **options):
        calls.append(options)
        return SimpleNamespace(data=images, targets=targets, labels=np.array(targets))

    monkeypatch.setattr(torchvision.datasets, name, make)
    return calls


def test_cifar10(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    calls = fake(monkeypatch, "CIFAR10", images, [i % 10 for i in range(20)])
    dm = CIFAR10(batch_size=4, seed=0)
    assert dm.name == "CIFAR-10"
    assert dm.n_classes == 10
    assert np.array_equal(dm.images([3])[0].numpy(), images[3].transpose(2, 0, 1))
    assert calls[0] == {"download": True, "train": True}
    fingerprint = dm.fingerprint
    images[0, 0, 0, 0] ^= 1
    assert CIFAR10(seed=0).fingerprint != fingerprint
    assert CIFAR10(split="test").name == "CIFAR-10 test"


def test_cifar10_without_files_or_network(tmp_path):
    with pytest.raises(MissingDataset) as caught:
        CIFAR10(path=str(tmp_path), download=False).setup()
    text = str(caught.value)
    for words in ("CIFAR-10 is not in", str(tmp_path), "ImageDataModule", "zoo data prepare", "tiny.yaml"):
        assert words in text
    assert "\n" not in text


def test_cifar10_has_one_resolution():
    with pytest.raises(ValueError, match="32 px images, not 64"):
        CIFAR10(resolution=64).setup()


def test_mnist_has_three_equal_channels(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    fake(monkeypatch, "MNIST", images, [i % 10 for i in range(20)])
    dm = MNIST(seed=0)
    assert dm.name == "MNIST"
    assert dm.n_classes == 10
    assert all(np.array_equal(channel, images[3]) for channel in dm.images([3])[0].numpy())
    with pytest.raises(ValueError, match="28 px images, not 32"):
        MNIST(resolution=32).setup()


def test_svhn(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    calls = fake(monkeypatch, "SVHN", images, [i % 10 for i in range(20)])
    dm = SVHN(split="extra", seed=0)
    assert dm.name == "SVHN extra"
    assert dm.n_classes == 10
    assert dm.labels[13] == 3
    assert np.array_equal(dm.images([3])[0].numpy(), images[3])
    assert calls[0] == {"download": True, "split": "extra"}
    with pytest.raises(ValueError, match="32 px images, not 64"):
        SVHN(resolution=64).setup()


def test_stl10_is_resized(monkeypatch):
    images = np.zeros((3, 3, 96, 96), np.uint8)
    images[1, 0] = 200
    fake(monkeypatch, "STL10", images)
    dm = STL10(seed=0)
    assert dm.labels is None
    assert dm.images([1]).shape == (1, 3, 48, 48)
    assert dm.images([1])[0, :, 5, 5].tolist() == [200, 0, 0]
    with pytest.raises(ValueError, match="96 px images"):
        STL10(resolution=128).setup()


@pytest.mark.parametrize(
    ("kind", "path"),
    [(ImageNet, "imagenet-64.zip"), (CelebAHQ, "celebahq-64.zip"), (FFHQ, "ffhq-64.zip")],
)
def test_default_paths_follow_the_resolution(kind, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataset, match=f"data/{path}.*zoo data prepare SOURCE data/{path} --resolution 64"):
        kind(resolution=64).setup()


def test_named_set_opens_its_zip(make_zip):
    dm = FFHQ(path=make_zip(), resolution=8, batch_size=2, seed=0, labels=False)
    assert dm.name == "FFHQ"
    assert dm.n_classes == 0
    assert len(dm) == 12


SETS = [n for n in data.__all__ if isinstance(kind := getattr(data, n), type) and issubclass(kind, ImageDataModule)]


@pytest.mark.parametrize("name", SETS)
def test_yaml_options(name):
    """Each data set can be named in a recipe and takes resolution, batch_size and the shared options."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(ImageDataModule, "data")
    options = {"resolution": 32, "batch_size": 16, "flip": True, "seed": 3}
    if name == "ImageDataModule":
        options["path"] = "some.zip"
    parsed = parser.parse_object({"data": {"class_path": name, "init_args": options}})
    assert options.items() <= vars(parsed.data.init_args).items()


def test_modules_do_not_draw_from_the_global_stream(tmp_path):
    (tmp_path / "a.png").write_bytes(png(0))
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    dm = ImageDataModule(str(tmp_path), 8, batch_size=1)
    next(iter(dm.train_dataloader()))
    list(dm.batches(2))
    assert torch.equal(torch.rand(2), expected)
