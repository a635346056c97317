"""Classes that a store has beside its images, whatever they are called and written as: kept, or told."""

from pathlib import Path

import foreign
import numpy as np
import pytest
from pictures import png

from zoo.preparation.sources import open_source

KINDS = {
    "numbers": ([1, 0, 1], [1, 0, 1], ()),
    "names": (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
    "true and false": ([True, False, True], [1, 0, 1], ()),
    "floats": ([1.0, 0.0, 1.0], [1, 0, 1], ()),
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


@pytest.mark.parametrize("name", ["label", "image/class/label"])
@pytest.mark.parametrize("kind", ["numbers", "names", "floats"])
def test_a_feature_of_classes(kind, name, tmp_path):
    given, labels, classes = KINDS[kind]
    values = [c.encode() if isinstance(c, str) else c for c in given]
    records = [{"image/encoded": [file], name: [c]} for file, c in zip(pngs(), values, strict=True)]
    (tmp_path / "a.tfrecords").write_bytes(b"".join(foreign.record(foreign.example(r)) for r in records))
    source = open_source("folder", tmp_path, "train")
    assert source.labels == labels
    assert source.classes == classes


def test_several_columns_of_images_are_told(tmp_path):
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
