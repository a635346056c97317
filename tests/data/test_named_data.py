from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision.datasets
from jsonargparse import ArgumentParser
from pictures import png

from zoo import data
from zoo.data import CIFAR10, FFHQ, MNIST, STL10, SVHN, CelebAHQ, ImageDataModule, ImageNet, MissingDataset
from zoo.data.kinds import KINDS
from zoo.preparation.prepare import prepare


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


@pytest.mark.parametrize("there", [False, True])
def test_a_download_that_fails_leaves_no_empty_folders(tmp_path, monkeypatch, there):
    def fails(root, **options):
        (Path(root) / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(torchvision.datasets, "MNIST", fails)
    root = tmp_path / "data"
    if there:
        root.mkdir()
    with pytest.raises(MissingDataset, match="was not downloaded"):
        MNIST(path=str(root)).prepare_data()
    assert list(tmp_path.rglob("*")) == ([root] if there else [])


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
    framed = MNIST(resolution=32).images([3])[0].numpy()
    assert np.array_equal(framed[0, 2:-2, 2:-2], images[3])
    assert framed.sum(dtype=int) == 3 * images[3].sum(dtype=int)  # two black pixels around
    with pytest.raises(ValueError, match="28 px images, not 64"):
        MNIST(resolution=64).setup()


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
    ("kind", "name", "path"),
    [
        (ImageNet, "imagenet", "imagenet-64.zip"),
        (CelebAHQ, "celebahq", "celebahq-64.zip"),
        (FFHQ, "ffhq", "ffhq-64.zip"),
    ],
)
def test_default_paths_follow_the_resolution(kind, name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = f"zoo data prepare {name} SOURCE data/{path} --resolution 64"
    with pytest.raises(MissingDataset, match=f"data/{path}.*{command}"):
        kind(resolution=64).setup()


def test_validation_images_of_imagenet_have_a_zip_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataset, match=r"data/imagenet-val-64\.zip"):
        ImageNet(resolution=64, split="val").setup()
    assert ImageNet(split="val").name == "ImageNet val"


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (
            FFHQ,
            {},
            r"FFHQ has 70,000 images, .*set\.zip holds 12: prepare the whole set with `zoo data prepare ffhq`",
        ),
        (CelebAHQ, {"split": "val"}, "CelebA-HQ has 30,000 images, .* holds 12"),
        (ImageNet, {}, "ImageNet has 1,281,167 train images, .* holds 12"),
        (ImageNet, {"split": "val"}, "ImageNet has 50,000 val images, .* holds 12"),
    ],
)
def test_a_set_that_is_not_whole_is_refused(make_zip, kind, options, words):
    with pytest.raises(ValueError, match=words):
        kind(path=make_zip(), resolution=8, seed=0, **options).setup()


def small(monkeypatch, kind: str, **counts: int) -> None:
    monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], counts=counts))


def test_splits_are_the_first_and_the_last_images(make_zip, monkeypatch):
    small(monkeypatch, "celebahq", all=12, train=9, val=3)
    path = make_zip(classes=12)
    labels = {s: CelebAHQ(path, 8, s, seed=0).labels.tolist() for s in ("all", "train", "val")}
    assert labels == {"all": list(range(12)), "train": list(range(9)), "val": [9, 10, 11]}
    assert len({CelebAHQ(path, 8, s, seed=0).fingerprint for s in labels}) == 3


def test_what_preparing_left_out_counts_as_present(tmp_path, monkeypatch):
    small(monkeypatch, "ffhq", all=4, train=3, val=1)
    (tmp_path / "in").mkdir()
    for i in range(4):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i, (16, 16)) if i else b"broken")
    prepare("ffhq", tmp_path / "in", tmp_path / "set-8.zip", 8)
    assert len(FFHQ(str(tmp_path / "set-{resolution}.zip"), 8, seed=0)) == 3
    (tmp_path / "in" / "3.png").unlink()
    prepare("ffhq", tmp_path / "in", tmp_path / "less.zip", 8)
    with pytest.raises(ValueError, match=r"holds 2 and 1 were left out when it was prepared"):
        FFHQ(str(tmp_path / "less.zip"), 8, seed=0).setup()


def test_imagenet_needs_its_thousand_classes(make_zip, monkeypatch):
    small(monkeypatch, "imagenet", train=12)
    with pytest.raises(ValueError, match=r"1000 classes, .*set\.zip labels 3"):
        ImageNet(make_zip(), 8, seed=0).setup()
    assert len(ImageNet(make_zip(), 8, labels=False, seed=0)) == 12


@pytest.mark.parametrize("filter", ["lanczos", "box", "mean"])
def test_the_filter_of_the_manifest_is_checked(tmp_path, monkeypatch, filter):
    small(monkeypatch, "ffhq", all=2)
    (tmp_path / "in").mkdir()
    for i in range(2):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i, (16, 16)))
    for resolution in (8, 16):
        prepare("ffhq", tmp_path / "in", tmp_path / f"set-{resolution}.zip", resolution, filter=filter)
    path = str(tmp_path / "set-{resolution}.zip")
    assert len(FFHQ(path, 16, seed=0)) == 2  # nothing was resized
    assert len(FFHQ(path, 8, filter=filter, seed=0)) == 2
    assert len(ImageDataModule(path, 8, seed=0)) == 2
    if filter == "lanczos":
        with pytest.raises(ValueError, match=r"with the filter lanczos .* wants mean, and FID depends on it"):
            FFHQ(path, 8, seed=0).setup()
    else:  # Pillow's box and the repeated means differ by rounding alone
        assert len(FFHQ(path, 8, seed=0)) == 2


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


def test_test_images_of_imagenet_need_not_be_as_many_and_are_of_the_same_classes(make_zip, monkeypatch):
    small(monkeypatch, "imagenet", train=1000)
    train, tests = make_zip(n=1000, classes=1000), make_zip("val.zip", n=500, classes=500, start=1000)
    data = ImageNet(train, 8, seed=0, classes=(151, 293), test_path=tests)
    assert (len(data), len(data.test_images())) == (143, 143)
    assert data.test_images().labels.tolist() == list(range(143))
    assert len(ImageNet(train, 8, seed=0, labels=False, test_path=tests).test_images()) == 500
