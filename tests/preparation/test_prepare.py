import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pictures import pixels, png
from PIL import Image

from zoo.data import ImageDataModule, MissingDataset
from zoo.preparation.prepare import prepare


@pytest.fixture
def photos(tmp_path) -> Path:
    """Class folders with images of 12x16 px."""
    for i in range(6):
        folder = tmp_path / "photos" / ("cat" if i % 2 else "ant")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.png").write_bytes(png(i, (12, 16)))
    return tmp_path / "photos"


def test_round_trip_through_the_loader(photos, tmp_path):
    report = prepare("folder", photos, tmp_path / "out" / "set-8.zip", 8, filter="box")
    dm = ImageDataModule(str(report.dest), 8, seed=0)
    assert len(dm) == 6
    assert dm.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert report.manifest["classes"] == ["ant", "cat"]
    assert report.manifest["per_class"] == {"0": 3, "1": 3}
    assert report.manifest["source"] == "photos"
    source = Image.fromarray(pixels(png(0, (12, 16))).transpose(1, 2, 0))
    square = source.crop((0, 2, 12, 14)).resize((8, 8), Image.Resampling.BOX)
    assert np.array_equal(dm.images([0])[0].numpy(), np.asarray(square).transpose(2, 0, 1))


def test_layout_of_the_zip(photos, tmp_path):
    prepare("folder", photos, tmp_path / "set.zip", 8)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        names = archive.namelist()
        assert names == [f"00000/img{i:08d}.png" for i in range(6)] + ["dataset.json", "manifest.json"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert json.loads(archive.read("dataset.json"))["labels"][5] == ["00000/img00000005.png", 1]
        manifest = json.loads(archive.read("manifest.json"))
    expected = {"images": 6, "skipped": 0, "resolution": 8, "crop": "center", "filter": "lanczos", "resized": 6}
    assert expected.items() <= manifest.items()


def test_image_of_the_right_size_is_unchanged(make_zip, tmp_path):
    prepare("folder", make_zip("from.zip", n=3), tmp_path / "to.zip", 8)
    dm = ImageDataModule(str(tmp_path / "to.zip"), 8, seed=0)
    assert np.array_equal(dm.images([0, 1, 2]).numpy(), np.stack([pixels(png(i)) for i in range(3)]))
    assert dm.labels.tolist() == [0, 1, 2]


def test_same_input_same_bytes(photos, tmp_path):
    for name, workers in (("a.zip", 1), ("b.zip", 4)):
        prepare("folder", photos, tmp_path / name, 8, workers=workers)
    digests = {hashlib.sha256((tmp_path / n).read_bytes()).digest() for n in ("a.zip", "b.zip")}
    assert len(digests) == 1


@pytest.mark.parametrize("made", [True, False])
def test_a_stretched_set_is_refused_where_a_plain_one_is_wanted(photos, tmp_path, made):
    dest = tmp_path / "set.zip"
    prepare("folder", photos, dest, 8, stretch=made)
    assert len(ImageDataModule(str(dest), 8, stretch=made)) == len(ImageDataModule(str(dest), 8))
    with pytest.raises(ValueError, match=f"set stretch to {str(made).lower()}"):
        len(ImageDataModule(str(dest), 8, stretch=not made))


def test_filters_differ(photos, tmp_path):
    for name in ("lanczos", "box", "bilinear", "bicubic"):
        prepare("folder", photos, tmp_path / f"{name}.zip", 8, filter=name)
    listings = set()
    for name in ("lanczos", "box", "bilinear", "bicubic"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            listings.add(json.loads(archive.read("manifest.json"))["listing_sha256"])
    assert len(listings) == 4


def test_bad_images_are_skipped_and_named(photos, tmp_path):
    (photos / "ant" / "broken.png").write_bytes(png(0)[:50])
    (photos / "ant" / "small.png").write_bytes(png(0, (7, 20)))
    report = prepare("folder", photos, tmp_path / "set.zip", 8)
    assert report.manifest["images"] == 6
    assert report.manifest["skipped"] == 2
    assert any("broken.png cannot be decoded" in reason for reason in report.skipped)
    assert any("small.png is 7x20 px, smaller than 8" in reason for reason in report.skipped)
    assert "small.png" in str(report)
    assert len(ImageDataModule(str(report.dest), 8, seed=0)) == 6


def test_crop_none_keeps_only_squares(photos, tmp_path):
    (photos / "ant" / "square.png").write_bytes(png(9, (16, 16)))
    report = prepare("folder", photos, tmp_path / "set.zip", 8, crop="none")
    assert report.manifest["images"] == 1
    assert all("not square" in reason for reason in report.skipped)


def test_exif_orientation_is_applied(tmp_path):
    (tmp_path / "in").mkdir()
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    image.save(tmp_path / "in" / "a.png", exif=exif)
    prepare("folder", tmp_path / "in", tmp_path / "set.zip", 8)
    got = ImageDataModule(str(tmp_path / "set.zip"), 8, seed=0).images([0])[0, 0].numpy()
    assert np.array_equal(got, np.arange(64, dtype=np.uint8).reshape(8, 8)[::-1, ::-1])


def test_existing_file_is_never_overwritten(photos, tmp_path):
    (tmp_path / "set.zip").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=r"set\.zip exists already"):
        prepare("folder", photos, tmp_path / "set.zip", 8)
    assert (tmp_path / "set.zip").read_bytes() == b"precious"


def test_a_failure_leaves_nothing_behind(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"no image of .* could be used: .*a\.png"):
        prepare("folder", tmp_path / "in", tmp_path / "out" / "set.zip", 8)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filter": "nearest"}, "filter 'nearest' does not exist: choose one of mean"),
        ({"crop": "left"}, "crop 'left' does not exist"),
        ({"resolution": 0}, "resolution must be at least 1"),
        ({"dest": "set.tar"}, "ends in .zip"),
    ],
)
def test_bad_options(photos, tmp_path, options, words):
    dest = tmp_path / options.pop("dest", "set.zip")
    with pytest.raises(ValueError, match=words):
        prepare("folder", photos, dest, options.pop("resolution", 8), **options)


def test_missing_source(tmp_path):
    with pytest.raises(MissingDataset, match="nowhere"):
        prepare("folder", tmp_path / "nowhere", tmp_path / "set.zip", 8)
