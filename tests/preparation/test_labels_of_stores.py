"""Classes that a store has beside its images, whatever they are called and written as: kept, or told."""

import gzip
from pathlib import Path

import foreign
import numpy as np
import pytest
from pictures import png

from zoo.preparation.prepare import prepare
from zoo.preparation.sources import open_source

KINDS = {
    "numbers": ([1, 0, 1], [1, 0, 1], ()),
    "names": (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
    "true and false": ([True, False, True], [1, 0, 1], ()),
    "floats": ([1.0, 0.0, 1.0], [1, 0, 1], ()),
}
WRONG = {
    "half": ([0.5, 1.0, 1.0], "has 0.5 as the class of row 0"),
    "negative": ([0, -3, 1], "has -3 as the class of row 1"),
}


def table(path: Path, **columns: list) -> None:
    """A parquet file without any metadata of the hub."""
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)


def pngs(n: int = 3) -> list[bytes]:
    return [png(i, (8, 8)) for i in range(n)]


@pytest.mark.parametrize("name", ["label", "category", "class_name"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_classes(kind, name, tmp_path):
    given, labels, classes = KINDS[kind]
    table(tmp_path / "a.parquet", image=pngs(), **{name: given})
    source = open_source("folder", tmp_path, "train")
    assert source.labels == labels
    assert source.classes == classes


@pytest.mark.parametrize("name", ["label", "image/class/label", "class_id"])
@pytest.mark.parametrize("kind", ["numbers", "names", "floats"])
def test_a_feature_of_classes(kind, name, tmp_path):
    given, labels, classes = KINDS[kind]
    values = [c.encode() if isinstance(c, str) else c for c in given]
    records = [{"image/encoded": [file], name: [c]} for file, c in zip(pngs(), values, strict=True)]
    (tmp_path / "a.tfrecords").write_bytes(b"".join(foreign.record(foreign.example(r)) for r in records))
    source = open_source("folder", tmp_path, "train")
    assert source.labels == labels
    assert source.classes == classes


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_class_is_told(kind, tmp_path):
    given, words = WRONG[kind]
    table(tmp_path / "a.parquet", image=pngs(), label=given)
    with pytest.raises(ValueError, match=words):
        open_source("folder", tmp_path, "train")


def test_names_are_numbered_over_all_files_and_each_file_has_its_own_column_of_images(tmp_path):
    files = pngs(4)
    table(tmp_path / "a.parquet", image=files[:2], label=["owl", "bat"])
    table(tmp_path / "b.parquet", img=files[2:], label=["cat", "bat"])
    source = open_source("folder", tmp_path, "train")
    assert source.classes == ("bat", "cat", "owl")
    assert source.labels == [2, 0, 1, 0]
    assert [source.read(i, 8) for i in range(4)] == files


def test_files_that_number_their_classes_differently_are_not_joined(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    foreign.parquet(tmp_path / "a.parquet", pngs(), [0, 1, 0], ["cat", "dog"])
    foreign.parquet(tmp_path / "b.parquet", pngs(), [0, 1, 0], ["dog", "cat"])
    with pytest.raises(ValueError, match=r"b\.parquet names its classes otherwise than .*a\.parquet"):
        open_source("folder", tmp_path, "train")


def test_columns_that_are_not_read_and_several_of_images_are_told(tmp_path):
    table(tmp_path / "a.parquet", image=pngs(), breed=[1, 0, 1])
    report = prepare("folder", tmp_path / "a.parquet", tmp_path / "out.zip", 8, workers=0)
    assert "no image, ignored: a.parquet: breed (classes are read of a column named label)" in str(report)
    table(tmp_path / "b.parquet", photo=pngs(), mask=pngs())
    with pytest.raises(ValueError, match=r"several columns of images \(photo, mask\): name the one to take image"):
        open_source("folder", tmp_path / "b.parquet", "train")


def test_arrays_in_folders_have_the_folders_as_classes(tmp_path):
    for name, n in (("cat", 2), ("dog", 1)):
        (tmp_path / "set.v2" / name).mkdir(parents=True)
        for i in range(n):
            np.save(tmp_path / "set.v2" / name / f"{i}.npy", np.zeros((8, 8, 3), np.uint8))
    source = open_source("folder", tmp_path / "set.v2", "train")
    assert source.labels == [0, 0, 1]
    assert source.classes == ("cat", "dog")
    assert open_source("ffhq", tmp_path / "set.v2", "train").labels is None  # a set without classes


def test_shards_of_tf_slim_have_no_ending_and_packed_ones_are_told(tmp_path):
    pytest.importorskip("google_crc32c", reason="needs google-crc32c (the data extra)")
    records = [foreign.record(foreign.example({"image/encoded": [file]})) for file in pngs()]
    for shard in range(3):
        (tmp_path / f"train-{shard:05d}-of-00003").write_bytes(records[shard])
    source = open_source("folder", tmp_path, "train")
    assert [source.read(i, 8) for i in range(3)] == pngs()
    (tmp_path / "packed.tfrecord.gz").write_bytes(gzip.compress(records[0]))
    with pytest.raises(ValueError, match=r"packed\.tfrecord\.gz is packed by gzip or zlib.*unpack it"):
        open_source("folder", tmp_path / "packed.tfrecord.gz", "train")


def test_somebody_s_file_beside_the_zip_is_not_replaced(tmp_path):
    (tmp_path / "images").mkdir()
    for i, file in enumerate(pngs()):
        (tmp_path / "images" / f"{i}.png").write_bytes(file)
    own = tmp_path / "out.report.txt"
    own.write_text("quarterly report\n")
    with pytest.raises(FileExistsError, match=r"out\.report\.txt is no list of `zoo data prepare`.*move it away"):
        prepare("folder", tmp_path / "images", tmp_path / "out.zip", 8, workers=0)
    assert own.read_text() == "quarterly report\n"
    assert not (tmp_path / "out.zip").exists()
    own.write_text("left out: 7.png is smaller than 8 px\n")  # of an earlier zip
    prepare("folder", tmp_path / "images", tmp_path / "out.zip", 8, workers=0)
    assert not own.exists()
