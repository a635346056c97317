"""Lower resolutions of a growing model: their own files where there are any, else the full size averaged down."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zoo.data import CIFAR10, Drawn, ImageDataModule, Images
from zoo.data.files import decode as real
from zoo.data.images import box_down, loader
from zoo.data.stage import Stage


@given(st.integers(0, 3), st.integers(0, 2**31))
def test_box_down_is_the_repeated_mean_rounded_once_to_even(levels, seed):
    x = torch.randint(256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    mean = x.numpy().astype(np.float32)
    for _ in range(levels):
        mean = (mean[..., ::2, ::2] + mean[..., ::2, 1::2] + mean[..., 1::2, ::2] + mean[..., 1::2, 1::2]) * 0.25
    assert np.array_equal(box_down(x, 2**levels).numpy(), np.rint(mean).clip(0, 255).astype(np.uint8))


def level(path, resolution: int, value: int, n: int = 4) -> None:
    """A zip of grey images."""
    with zipfile.ZipFile(path, "w") as z:
        for i in range(n):
            buffer = io.BytesIO()
            Image.new("RGB", (resolution, resolution), (value + i,) * 3).save(buffer, format="png")
            z.writestr(f"{i}.png", buffer.getvalue())


def values(data: ImageDataModule) -> list[int]:
    return data.images(range(4))[:, 0, 0, 0].tolist()


def test_a_zip_of_the_stages_own_resolution_is_served_and_the_full_one_need_not_be_there(tmp_path):
    level(tmp_path / "set-8.zip", 8, 100)
    data = ImageDataModule(str(tmp_path / "set-{resolution}.zip"), resolution=32, batch_size=2)
    data.enter(Stage(8, 4))
    assert values(data) == [100, 101, 102, 103]
    assert data.images([0]).shape == (1, 3, 8, 8)
    assert next(iter(data.train_dataloader()))[0].shape == (4, 3, 8, 8)
    level(tmp_path / "set-32.zip", 32, 50)
    data.enter(Stage(16, 2))  # there is no such zip
    assert values(data) == [50, 51, 52, 53]
    assert data.images([0]).shape == (1, 3, 16, 16)
    data.enter(Stage(32, 2))
    assert data.images([0]).shape == (1, 3, 32, 32)


def test_levels_of_different_sets_are_refused_at_the_start(tmp_path):
    level(tmp_path / "set-8.zip", 8, 100)
    level(tmp_path / "set-32.zip", 32, 50, n=5)
    data = ImageDataModule(str(tmp_path / "set-{resolution}.zip"), resolution=32, batch_size=2)
    data.enter(Stage(8, 4))
    with pytest.raises(ValueError, match=r"set-8.zip and .*set-32.zip hold 4 images and 5, .*--pyramid true"):
        data.setup()


def test_the_images_of_another_stage_are_released():
    data = Drawn(resolution=16, n_images=10)
    data.enter(Stage(4, 2))
    assert data.images([3]).shape == (1, 3, 4, 4)
    full = Drawn(resolution=16, n_images=10).images([3])
    assert torch.equal(data.images([3]), box_down(full, 4))
    data.enter(Stage(4, 5))
    assert data._images is not None  # only the batch size changed
    data.enter(Stage(16, 5))
    assert data._images is None
    assert torch.equal(data.images([3]), full)


def test_larger_files_are_averaged_down_when_asked(tmp_path):
    level(tmp_path / "set.zip", 32, 7)
    data = ImageDataModule(str(tmp_path / "set.zip"), resolution=8, source_resolution=32)
    assert data.images([1]).shape == (1, 3, 8, 8)
    assert data.resolution == 8
    with pytest.raises(ValueError, match="source_resolution 24 is not 8 times a power of two"):
        ImageDataModule(str(tmp_path / "set.zip"), resolution=8, source_resolution=24)


def test_a_set_in_memory_shrinks_in_memory(monkeypatch):
    pixels = torch.arange(2 * 3 * 32 * 32, dtype=torch.int64).remainder(256).to(torch.uint8).view(2, 3, 32, 32)
    monkeypatch.setattr(CIFAR10, "open", lambda self: Drawn(resolution=32, n_images=2).open())
    data = CIFAR10(resolution=32)
    data.enter(Stage(4, 2))
    assert data.images([0, 1]).shape == (2, 3, 4, 4)
    assert torch.equal(Images(None, 2, "x", pixels=pixels).shrunk(8).pixels, box_down(pixels, 8))


def test_a_later_stage_starts_at_once_and_keeps_what_it_reads(tmp_path, monkeypatch):
    for resolution in (8, 16):
        level(tmp_path / f"set-{resolution}.zip", resolution, resolution)
    data = ImageDataModule(str(tmp_path / "set-{resolution}.zip"), resolution=16, batch_size=2, num_workers=0)
    data.enter(Stage(8, 4))
    assert data.opened.pixels is not None  # the first stage is read, and checked, as a whole
    decoded = []
    monkeypatch.setattr(
        "zoo.data.opening.decode", lambda files, r, indices: decoded.extend(indices) or real(files, r, indices)
    )
    data.enter(Stage(16, 2))
    assert data.opened.pixels is None
    assert not decoded
    for indices in ([3, 1, 3], [1, 2], [0, 3]):
        assert data.images(indices)[:, 0, 0, 0].tolist() == [16 + i for i in indices]
    assert sorted(decoded) == [0, 1, 2, 3]
    straight = ImageDataModule(str(tmp_path / "set-16.zip"), resolution=16, num_workers=0)
    assert torch.equal(data.images(range(4)), straight.images(range(4)))


def test_workers_share_what_they_remember(tmp_path):
    level(tmp_path / "set.zip", 16, 9)
    images = ImageDataModule(str(tmp_path / "set.zip"), 16, num_workers=0, memory_gib=0).opened.remembered(16)
    batches = list(loader(images, [[0, 1], [1, 2], [2, 3], [3, 0]], workers=2))
    assert [x[:, 0, 0, 0].tolist() for x, _ in batches] == [[9, 10], [10, 11], [11, 12], [12, 9]]
    assert images.read.known.all()  # seen from here, though workers read them
    copy = pickle.loads(pickle.dumps(images))  # for workers that are not forked
    assert torch.equal(copy[[2]][0], images[[2]][0])
