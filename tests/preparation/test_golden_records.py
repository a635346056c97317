"""PGGAN's official exporter against our reader and our levels (golden vectors pggan-data)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from zoo.data import ImageDataModule
from zoo.preparation.pixels import levels
from zoo.preparation.prepare import prepare

spec = importlib.util.spec_from_file_location("vectors", Path(__file__).parents[1] / "golden" / "vectors.py")
vectors = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vectors)


def rgb(images: np.ndarray) -> np.ndarray:
    return np.broadcast_to(images, (len(images), 3, *images.shape[2:]))


@pytest.mark.parametrize("path", vectors.files("pggan-data*.npz"))
def test_official_records(path, tmp_path):
    pytest.importorskip("google_crc32c", reason="needs google-crc32c (the data extra)")
    file = vectors.Vectors(path)
    records = file.group("output/tfrecord_bytes/")
    expected = file.group("output/images_uint8/")
    assert records
    folder = tmp_path / "official"
    folder.mkdir()
    for level, data in records.items():
        (folder / f"official-{level}.tfrecords").write_bytes(data.tobytes())
    top = max(2 ** int(level[1:]) for level in records)
    prepare("celebahq", folder, tmp_path / "out-{resolution}.zip", top, pyramid=True, workers=0)
    for level, images in expected.items():
        side = 2 ** int(level[1:])
        dm = ImageDataModule(str(tmp_path / f"out-{side}.zip"), side, seed=0, num_workers=0)
        assert np.array_equal(dm.images(range(len(dm))).numpy(), rgb(images))


@pytest.mark.parametrize("path", vectors.files("pggan-data*.npz"))
def test_our_levels_are_the_official_ones(path):
    file = vectors.Vectors(path)
    expected = {2 ** int(k[1:]): rgb(v) for k, v in file.group("output/images_uint8/").items()}
    sizes = sorted(expected, reverse=True)
    for n, image in enumerate(rgb(file.arrays["input/images_uint8"])):
        made = levels(np.ascontiguousarray(image.transpose(1, 2, 0)), sizes)
        for side in sizes:
            assert np.array_equal(made[side].transpose(2, 0, 1), expected[side][n]), side
