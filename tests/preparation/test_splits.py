"""Which part of a source is prepared: splits in folders and shards, images among other files."""

import json
import zipfile

import foreign
import numpy as np
import pytest
from pictures import png
from PIL import Image

from zoo.preparation.prepare import prepare
from zoo.preparation.sources import open_source


def put(folder, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(sum(name.encode())))


def manifest_of(path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


@pytest.mark.parametrize("root", ["", "imagenette2/"])
def test_a_split_of_folders_is_taken_and_its_classes_are_those_below(tmp_path, root):
    put(
        tmp_path / "in", *(f"{root}{part}/{k}/{i}.png" for part in ("train", "Val") for k in "ab" for i in range(2))
    )
    prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8, split="val", workers=0)
    found = manifest_of(tmp_path / "out.zip")
    assert (found["images"], found["classes"], found["split"]) == (4, ["a", "b"], "val")
    assert list(open_source("folder", tmp_path / "in", "train").names) == [
        "a/0.png",
        "a/1.png",
        "b/0.png",
        "b/1.png",
    ]
    with pytest.raises(ValueError, match=f"holds the splits {root}Val, {root}train and no test: give one of them"):
        prepare("folder", tmp_path / "in", tmp_path / "other.zip", 8, split="test")


def test_a_split_that_the_source_cannot_tell_is_refused(tmp_path):
    put(tmp_path / "in", "a/0.png", "b/0.png")
    with pytest.raises(ValueError, match="in is not divided into splits: leave out --split"):
        prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8, split="train")


def test_shards_of_records_are_those_of_the_split(tmp_path):
    pytest.importorskip("google_crc32c", reason="needs google-crc32c (the data extra)")
    for part, n in (("train", 6), ("test", 3)):
        records = [foreign.record(foreign.example({"image": [png(i)], "label": [i % 2]})) for i in range(n)]
        (tmp_path / f"flowers-{part}.tfrecord-00000-of-00001").write_bytes(b"".join(records))
    assert len(open_source("folder", tmp_path, "train")) == 6
    assert len(open_source("folder", tmp_path, "test")) == 3
    with pytest.raises(ValueError, match="holds the splits test, train and no val"):
        open_source("folder", tmp_path, "val")


def test_imagenet_s_records_number_classes_from_1(tmp_path):
    pytest.importorskip("google_crc32c", reason="needs google-crc32c (the data extra)")
    records = [
        foreign.record(foreign.example({"image/encoded": [png(i)], "image/class/label": [i]})) for i in (1, 9)
    ]
    (tmp_path / "train-00000-of-00001.tfrecord").write_bytes(b"".join(records))
    assert open_source("imagenet", tmp_path, "train").labels == [0, 8]
    assert open_source("folder", tmp_path, "train").labels == [1, 9]


def test_shards_of_parquet_by_any_spelling_of_the_split(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    for part, n in (("train", 5), ("valid", 2)):
        foreign.parquet(tmp_path / f"{part}-00000-of-00001.parquet", [png(i) for i in range(n)], None)
    assert len(open_source("imagenet", tmp_path, "val")) == 2
    with pytest.raises(ValueError, match="holds the splits train, valid and no test"):
        open_source("folder", tmp_path, "test")


def test_parquet_rows_without_a_class_among_others_are_named(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    files = [png(i) for i in range(3)]
    foreign.parquet(tmp_path / "a.parquet", files, [0, -1, 1])
    with pytest.raises(ValueError, match=r"a.parquet has no class for row 1 \(label -1\), but for others"):
        open_source("folder", tmp_path, "train")
    foreign.parquet(tmp_path / "a.parquet", files, [-1, -1, -1])
    assert open_source("folder", tmp_path, "train").labels is None
    foreign.parquet(tmp_path / "b.parquet", files, [0, 1, 0])
    with pytest.raises(ValueError, match=r"a.parquet has no labels, but other files have"):
        open_source("folder", tmp_path, "train")


@pytest.mark.parametrize(("name", "shape"), [("mean.npy", (8, 8, 3)), ("labels.npy", (5,))])
def test_images_are_not_given_up_for_an_array_among_them(tmp_path, name, shape):
    put(tmp_path, *(f"{i}.png" for i in range(5)))
    np.save(tmp_path / name, np.zeros(shape, np.uint8))
    found = open_source("folder", tmp_path, "train")
    assert (len(found), found.layout, found.ignored) == (5, "folder", [name])


def test_archives_in_the_place_of_imagenet_s_images_are_named(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "n01440764.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"train holds no images: unpack its archives, such as n01440764.tar"):
        open_source("imagenet", tmp_path, "train")
    put(tmp_path, "train/n01440764/0.png", "train/n01440764/._0.png")
    assert list(open_source("imagenet", tmp_path, "train").names) == ["n01440764/0.png"]


def test_a_prepared_set_keeps_what_its_manifest_says_of_filter_and_stretch(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(9, 99, (40, 40, 3), np.uint8)).save(
            tmp_path / f"in/{i}.png"
        )
    first = tmp_path / "16.zip"
    prepare("folder", tmp_path / "in", first, 16, filter="lanczos", stretch=True, workers=0)
    for side in (16, 8):
        prepare("celebahq", first, tmp_path / f"again-{side}.zip", side, workers=0)  # by means, or not at all
        found = manifest_of(tmp_path / f"again-{side}.zip")
        assert (found["filter"], found["stretch"]) == ("lanczos", True)
    with pytest.raises(
        ValueError, match=r"was resized with the filter lanczos .* give --filter lanczos, or prepare"
    ):
        prepare("folder", first, tmp_path / "no.zip", 8, filter="box")


def test_a_few_large_images_among_small_ones_are_found(tmp_path):
    for i in range(40):
        side = 8 if i in (3, 5) else 4
        Image.fromarray(np.full((side, side, 3), i, np.uint8)).save(tmp_path / f"{i:02d}.png")
    assert prepare("folder", tmp_path, tmp_path / "out.zip", 8, workers=0).manifest["images"] == 2


def test_a_wide_crop_wants_the_width_alone(tmp_path):
    Image.fromarray(np.zeros((480, 640, 3), np.uint8)).save(tmp_path / "a.png")
    found = prepare("lsun", tmp_path, tmp_path / "out.zip", 512, crop="wide", workers=0)
    assert found.manifest["images"] == 1


def test_a_list_of_an_earlier_zip_is_not_left_behind(tmp_path):
    put(tmp_path / "in", "0.png")
    (tmp_path / "in" / "1.png").write_bytes(b"no image")
    out = tmp_path / "out.zip"
    prepare("folder", tmp_path / "in", out, 8, workers=0)
    assert "1.png" in (tmp_path / "out.report.txt").read_text()
    (tmp_path / "in" / "1.png").unlink()
    out.unlink()
    prepare("folder", tmp_path / "in", out, 8, workers=0)
    assert not (tmp_path / "out.report.txt").exists()


def test_a_table_beside_the_images_it_lists_is_no_source_of_images(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    import pyarrow as pa
    import pyarrow.parquet as pq

    put(tmp_path, *(f"00000/{i}.png" for i in range(3)))
    pq.write_table(pa.table({"url": ["a", "b", "c"]}), tmp_path / "00000.parquet")
    found = open_source("folder", tmp_path, "train")
    assert (len(found), found.ignored) == (3, ["00000.parquet"])


def test_a_set_that_is_prepared_as_a_whole_takes_its_splits_together(tmp_path):
    put(tmp_path / "in", "train/0.png", "train/1.png", "val/2.png")
    found = prepare("celebahq", tmp_path / "in", tmp_path / "folders.zip", 8, workers=0).manifest
    assert (found["images"], found["split"]) == (3, "all")
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    (tmp_path / "hub").mkdir()
    foreign.parquet(tmp_path / "hub" / "train-00000-of-00001.parquet", [png(i) for i in range(4)], None)
    put(tmp_path / "hub", *(f"assets/{i}.png" for i in range(2)))  # of the page, and no part of the set
    assert prepare("celebahq", tmp_path / "hub", tmp_path / "hub.zip", 8, workers=0).manifest["images"] == 4


def test_splits_two_folders_deep_are_no_classes(tmp_path):
    put(tmp_path, *(f"archive/set/{part}/a/1.png" for part in ("train", "val")))
    assert list(open_source("folder", tmp_path, "val").names) == ["a/1.png"]


def test_arrays_are_those_of_the_split(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "1.npy", np.zeros((8, 8, 3), np.uint8))
    assert open_source("folder", tmp_path, "test").names == ["test/1.npy"]


def test_shards_that_name_no_split_beside_others_are_listed(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    for name in ("train-0", "more-0", "test-0"):
        foreign.parquet(tmp_path / f"{name}.parquet", [png(0)], None)
    found = open_source("folder", tmp_path, "train")
    assert (len(found), found.ignored) == (1, ["more-0.parquet"])
