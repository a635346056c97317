"""Every layout that people have on disk, written here by others' conventions, read by `zoo data prepare`."""

import gzip
import io
import json
import os
import pickle
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import foreign
import numpy as np
import pytest
from pictures import pixels, png

from zoo.data import ImageDataModule, MissingDataset
from zoo.data.files import BadImage
from zoo.preparation.prepare import prepare
from zoo.preparation.sources import open_source

SIZE = 8


def images(n: int, size: int = SIZE) -> list[np.ndarray]:
    """(3, size, size) uint8 each."""
    return [pixels(png(i, (size, size))) for i in range(n)]


def prepared(kind: str, source: Path, tmp_path: Path, resolution: int = SIZE, **options) -> ImageDataModule:
    dest = tmp_path / f"out-{resolution}.zip"
    prepare(kind, source, dest, resolution, workers=0, **options)
    return ImageDataModule(str(dest), resolution, seed=0, num_workers=0)


def stack(dm: ImageDataModule) -> np.ndarray:
    return dm.images(range(len(dm))).numpy()


# ---- TFRecords


@pytest.fixture
def crc():
    return pytest.importorskip("google_crc32c", reason="needs google-crc32c (the data extra)")


def test_checksum_is_tensorflow_s(crc):
    from zoo.preparation.tfrecords import masked_crc

    assert crc.value(b"123456789") == 0xE3069283  # the check value of CRC-32C
    for data in (b"", b"123456789", bytes(range(256))):
        assert masked_crc(data) == int.from_bytes(foreign.masked(data), "little")


def test_pggan_records_keep_the_authors_levels(crc, tmp_path):
    levels = {r: images(5, 2**r) for r in (2, 3)}  # unrelated pictures: a level computed here would differ
    labels = np.eye(3, dtype=np.float32)[[2, 0, 1, 1, 0]]
    folder = foreign.pggan_folder(tmp_path, "tiny", levels, labels)
    prepare("folder", folder, tmp_path / "out-{resolution}.zip", 8, pyramid=True)
    for r in (2, 3):
        dm = ImageDataModule(str(tmp_path / f"out-{2**r}.zip"), 2**r, seed=0)
        assert np.array_equal(stack(dm), np.stack(levels[r]))
        assert dm.labels.tolist() == [2, 0, 1, 1, 0]


def test_a_resolution_between_the_levels_is_made_from_the_next_larger(crc, tmp_path):
    folder = foreign.pggan_folder(tmp_path, "tiny", {r: images(3, 2**r) for r in (2, 4)}, None)
    got = stack(prepared("celebahq", folder, tmp_path, 8))
    big = np.stack(images(3, 16)).astype(np.float64).reshape(3, 3, 8, 2, 8, 2).mean((3, 5))
    assert np.array_equal(got, np.rint(big))


@pytest.mark.parametrize("packed", [True, False])
def test_grey_records_and_unpacked_integers(crc, tmp_path, packed):
    grey = images(1)[0][:1]
    (tmp_path / "a-r03.tfrecords").write_bytes(foreign.pggan_record(grey, packed))
    got = stack(prepared("folder", tmp_path, tmp_path / "out"))
    assert np.array_equal(got[0], np.repeat(grey, 3, 0))


def test_sharded_records_of_encoded_images(crc, tmp_path):
    for shard, numbers in (("00000", (0, 1)), ("00001", (2, 3, 4))):
        records = [
            foreign.record(foreign.example({"image/encoded": [png(i)], "image/class/label": [i % 2], "w": [0.5]}))
            for i in numbers
        ]
        (tmp_path / f"train.tfrecord-{shard}-of-00002").write_bytes(b"".join(records))
    dm = prepared("folder", tmp_path, tmp_path / "out")
    assert np.array_equal(stack(dm), np.stack(images(5)))
    assert dm.labels.tolist() == [0, 1, 0, 1, 0]


def test_damaged_records(crc, tmp_path):
    path = tmp_path / "in" / "a-r03.tfrecords"
    path.parent.mkdir()
    records = [foreign.pggan_record(x) for x in images(3)]
    flipped = bytearray(b"".join(records))
    flipped[len(records[0]) + 60] ^= 1  # a pixel of the second image
    path.write_bytes(flipped)
    report = prepare("folder", path.parent, tmp_path / "out.zip", 8)
    assert report.manifest["images"] == 2
    assert report.skipped == ["a-r03.tfrecords#1 is damaged (checksum)"]
    path.write_bytes(b"".join(records)[:-1])
    with pytest.raises(ValueError, match="cut off after 2 whole records"):
        open_source("folder", path, "train")
    flipped[3] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="damaged at byte 0"):
        open_source("folder", path, "train")


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"shape": [3, 8, 8], "data": [b"short"]}, "holds 5 bytes for the shape"),
        ({"shape": [5, 1, 1], "data": [b"short"]}, "holds 5 bytes for the shape"),
        ({"text": [b"hello"]}, "holds no image, only text"),
    ],
)
def test_records_that_hold_no_image(crc, tmp_path, features, words):
    (tmp_path / "a.tfrecords").write_bytes(foreign.record(foreign.example(features)))
    source = open_source("folder", tmp_path / "a.tfrecords", "train")
    with pytest.raises(BadImage, match=words):
        source.read(0, 8)


@pytest.mark.parametrize("payload", [b"\xff" * 40, b"\x0a", b"", b"\x0a\x03\x0a\x01\x08"])
def test_records_that_are_no_example(crc, tmp_path, payload):
    (tmp_path / "a.tfrecords").write_bytes(foreign.pggan_record(images(1)[0]) + foreign.record(payload))
    source = open_source("folder", tmp_path / "a.tfrecords", "train")
    assert source.labels is None
    with pytest.raises(BadImage):
        source.read(1, 8)


@pytest.mark.parametrize("name", ["a.tfrecord-00000-of-00001", "train-00000-of-00001", "a.tfrecords"])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_records_and_names_of_shards(crc, tmp_path, pack, name):
    folder = tmp_path / "my.records"
    folder.mkdir()
    records = b"".join(foreign.record(foreign.example({"image": [png(i)], "label": [i % 2]})) for i in range(5))
    (folder / name).write_bytes(records)
    plain = open_source("folder", folder, "train")
    (folder / name).write_bytes(pack(records))
    source = pickle.loads(pickle.dumps(open_source("folder", folder, "train")))
    assert [source.read(i, 8) for i in range(5)] == [png(i) for i in range(5)]
    assert source.labels == plain.labels == [0, 1, 0, 1, 0]
    (folder / name).write_bytes(pack(records)[:-9])
    with pytest.raises(ValueError, match="is compressed, and cut off: copy it again"):
        open_source("folder", folder, "train")


@pytest.mark.parametrize(
    ("name", "values", "labels", "classes"),
    [
        ("image/label", [[2], [0]], [2, 0], ()),
        ("label", [[b"dog"], [b"cat"]], [1, 0], ("cat", "dog")),
        ("label", [[2.0], [0.0]], [2, 0], ()),
        ("label", [[-1], [-1]], None, ()),
        ("label", [[0.5], [0.0]], "holds 0.5, which is no class", ()),
        ("label", [[0, 0, 1], [0, 1, 0]], "#0 of .* has 3 values in label, not one class", ()),
        ("label", [[0], [-1]], "#1 of .* has the class -1", ()),
        ("breed", [[1], [2]], None, ()),
    ],
)
def test_classes_of_records_by_any_type(crc, tmp_path, name, values, labels, classes):
    records = [foreign.record(foreign.example({"image": [png(i)], name: v})) for i, v in enumerate(values)]
    (tmp_path / "a.tfrecords").write_bytes(b"".join(records))
    if isinstance(labels, str):
        with pytest.raises(ValueError, match=labels):
            open_source("folder", tmp_path, "train")
        return
    source = open_source("folder", tmp_path, "train")
    assert (source.labels, source.classes) == (labels, classes)
    assert source.ignored == (["feature breed"] if name == "breed" else [])


def test_levels_of_different_length(crc, tmp_path):
    folder = foreign.pggan_folder(tmp_path, "tiny", {2: images(2, 4), 3: images(3, 8)}, None)
    with pytest.raises(ValueError, match="different counts"):
        open_source("folder", folder, "train")


# ---- parquet


def test_parquet_shards(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    (tmp_path / "data").mkdir()
    files = [png(i) for i in range(10)]
    shards = (("train-00000-of-00002", 0, 7), ("train-00001-of-00002", 7, 10), ("validation-00000-of-00001", 0, 2))
    for name, a, b in shards:
        labels = [i % 2 for i in range(a, b)]
        foreign.parquet(tmp_path / "data" / f"{name}.parquet", files[a:b], labels, ["cat", "dog"])
    dm = prepared("imagenet", tmp_path, tmp_path / "out")
    assert np.array_equal(stack(dm), np.stack(images(10)))
    assert dm.labels.tolist() == [i % 2 for i in range(10)]
    with zipfile.ZipFile(dm.paths[0]) as archive:
        assert json.loads(archive.read("manifest.json"))["classes"] == ["cat", "dog"]
    assert len(open_source("imagenet", tmp_path, "val")) == 2


def test_parquet_without_labels_or_images(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    import pyarrow.parquet as pq

    foreign.parquet(tmp_path / "a.parquet", [png(0), b"", png(1)], None)
    source = open_source("celebahq", tmp_path / "a.parquet", "all")
    assert source.labels is None
    with pytest.raises(BadImage, match="no image bytes"):
        source.read(1, 8)
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet has no column of images, only text"):
        open_source("folder", tmp_path / "b.parquet", "train")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(ValueError, match=r"c\.parquet is not a readable parquet file"):
        open_source("folder", tmp_path / "c.parquet", "train")


@pytest.mark.parametrize(
    ("column", "values", "labels", "classes"),
    [
        ("category", ["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        ("label", [True, False, True], [1, 0, 1], ()),
        ("target", [2.0, 0.0, 1.0], [2, 0, 1], ()),
        ("label", [2.5, 0.0, 1.0], "holds 2.5, which is no class", ()),
        ("label", ["dog", None, "cat"], "has no class for row 1", ()),
        ("breed", [1, 2, 3], None, ()),
    ],
)
def test_classes_of_parquet_by_any_type(tmp_path, column, values, labels, classes):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    import pyarrow.parquet as pq

    folder = tmp_path / "set.parquet"  # as Spark writes
    folder.mkdir()
    for k, rows in enumerate((slice(0, 2), slice(2, 3))):
        part = {"image": [png(i) for i in range(3)][rows], column: values[rows]}
        pq.write_table(pa.table(part), folder / f"{k}.parquet")
    if isinstance(labels, str):
        with pytest.raises(ValueError, match=labels):
            open_source("folder", folder, "train")
        return
    source = open_source("folder", folder, "train")
    assert (source.labels, source.classes) == (labels, classes)
    assert source.ignored == (["column breed"] if column == "breed" else [])


def test_parquet_files_of_other_columns_or_classes_are_no_one_set(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow (the data extra)")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [png(0)]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"jpg": [png(1)]}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"a.parquet has images in the column image .*b.parquet .* the column jpg"):
        open_source("folder", tmp_path, "train")
    for name, classes in (("a", ["cat", "dog"]), ("b", ["dog", "cat"])):
        foreign.parquet(tmp_path / f"{name}.parquet", [png(0)], [0], classes)
    with pytest.raises(ValueError, match=r"classes in label of cat, dog and .*b.parquet .* of dog, cat"):
        open_source("folder", tmp_path, "train")


# ---- LSUN


def test_lmdb_in_the_order_of_its_keys(tmp_path):
    lmdb = pytest.importorskip("lmdb", reason="needs lmdb (the data extra)")
    folder = tmp_path / "bedroom_train_lmdb"
    with lmdb.open(str(folder), map_size=2**24) as database, database.begin(write=True) as transaction:
        for i in (3, 0, 2, 1):
            transaction.put(f"{i:040x}".encode(), png(i, (12, 10), format="webp"))
    dm = prepared("lsun", folder, tmp_path / "out", limit=3)
    expected = [pixels(png(i, (12, 10), format="webp"))[:, :, 1:11] for i in range(3)]  # the central square
    assert len(dm) == 3
    assert abs(stack(dm).mean((2, 3)) - np.stack(expected).mean((2, 3))).max() < 1.5  # Lanczos keeps the mean
    (folder / "data.mdb").write_bytes(b"junk" * 5000)
    with pytest.raises(ValueError, match="not a readable lmdb"):
        open_source("lsun", folder, "train")


# ---- folders


def test_imagenet_of_kaggle(tmp_path):
    root = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for synset, numbers in (("n02000000", (10, 2)), ("n01440764", (7,))):
        (root / "train" / synset).mkdir(parents=True)
        for i in numbers:
            (root / "train" / synset / f"{synset}_{i}.JPEG").write_bytes(png(i))  # ImageNet has PNGs named so
    (root / "val").mkdir()
    for i in (1, 2):
        (root / "val" / f"ILSVRC2012_val_{i:08d}.JPEG").write_bytes(png(i))
    rows = ["ImageId,PredictionString", "ILSVRC2012_val_00000001,n02000000 1 2 3 4"]
    rows += ["ILSVRC2012_val_00000002,n01440764 1 2 3 4 n01440764 5 6 7 8"]
    table = "\n".join(rows)
    (tmp_path / "LOC_val_solution.csv").write_text(table)
    train = open_source("imagenet", tmp_path, "train")
    assert train.labels == [0, 1, 1]
    assert train.classes == ("n01440764", "n02000000")
    assert [Path(n).stem for n in train.names] == ["n01440764_7", "n02000000_2", "n02000000_10"]
    assert open_source("imagenet", tmp_path, "val").labels == [1, 0]
    assert np.array_equal(stack(prepared("imagenet", tmp_path, tmp_path / "out"))[0], images(8)[7])


def test_imagenet_of_hugging_face_and_bare_class_folders(tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in (
        "n01440764_10026_n01440764.JPEG",
        "n02000000_1_n02000000.JPEG",
        "ILSVRC2012_val_00000293_n01440764.JPEG",
    ):
        (flat / name).write_bytes(png(0))
    assert open_source("imagenet", flat, "train").labels == [0, 0, 1]
    for synset in ("n02000000", "n01440764"):
        (tmp_path / "bare" / synset).mkdir(parents=True)
        (tmp_path / "bare" / synset / "x.JPEG").write_bytes(png(0))
    assert open_source("imagenet", tmp_path / "bare", "train").labels == [0, 1]
    (flat / "mystery.JPEG").write_bytes(png(0))
    with pytest.raises(ValueError, match=r"class of .*mystery\.JPEG cannot be told"):
        open_source("imagenet", flat, "train")


def test_imagenet_with_only_the_other_split(tmp_path):
    (tmp_path / "train" / "n01440764").mkdir(parents=True)
    (tmp_path / "train" / "n01440764" / "a.JPEG").write_bytes(png(0))
    with pytest.raises(MissingDataset, match="holds ImageNet's train images, but no val images"):
        open_source("imagenet", tmp_path, "val")


def test_ffhq_takes_the_large_images_and_no_labels_from_folders(tmp_path):
    for folder, size in (("images1024x1024", 16), ("thumbnails128x128", 8), ("in-the-wild-images", 20)):
        for i in (0, 1000):
            target = tmp_path / folder / f"{i // 1000 * 1000:05d}" / f"{i:05d}.png"
            target.parent.mkdir(parents=True)
            target.write_bytes(png(i, (size, size)))
    dm = prepared("ffhq", tmp_path, tmp_path / "out", 8)
    assert dm.labels is None
    expected = np.stack([pixels(png(i, (16, 16))) for i in (0, 1000)]).reshape(2, 3, 8, 2, 8, 2).mean((3, 5))
    assert np.array_equal(stack(dm), np.rint(expected))


def test_celeba_is_cut_as_pggan_does(tmp_path):
    folder = tmp_path / "img_align_celeba"
    folder.mkdir()
    for i in range(2):
        (folder / f"{i:06d}.png").write_bytes(png(i, (178, 218)))
    (folder / "odd.png").write_bytes(png(2, (200, 218)))
    report = prepare("celeba", tmp_path, tmp_path / "out.zip")
    assert report.skipped == ["odd.png is 200x218 px, not the 178x218 px of aligned CelebA images"]
    got = ImageDataModule(str(tmp_path / "out.zip"), 128, seed=0).images([1])[0].numpy()
    assert np.array_equal(got, pixels(png(1, (178, 218)))[:, 57:185, 25:153])


def test_wide_crop_is_framed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0, (640, 500)))
    (tmp_path / "in" / "low.png").write_bytes(png(0, (640, 400)))
    report = prepare("lsun", tmp_path / "in", tmp_path / "out.zip", 64, crop="wide")
    assert len(report.skipped) == 1
    got = ImageDataModule(str(tmp_path / "out.zip"), 64, seed=0).images([0])[0].numpy()
    assert not got[:, :8].any()
    assert not got[:, 56:].any()
    assert got[:, 8:56].any((0, 2)).all()


@pytest.mark.parametrize("shape", ["hwc", "chw", "1chw", "float"])
def test_folder_of_npy(tmp_path, shape):
    (tmp_path / "in").mkdir()
    for i, x in enumerate(images(11)):
        array = {"hwc": x.transpose(1, 2, 0), "chw": x, "1chw": x[None], "float": (x / 255).astype(np.float32)}[
            shape
        ]
        np.save(tmp_path / "in" / f"{i}.npy", array)
    np.save(tmp_path / "in" / "bad.npy", np.zeros((8, 8, 3), np.int64) + 300)
    np.save(tmp_path / "in" / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "in" / "cut.npy").write_bytes((tmp_path / "in" / "0.npy").read_bytes()[:100])
    report = prepare("celebahq", tmp_path / "in", tmp_path / "out.zip", 8)
    assert len(report.skipped) == 3
    assert np.array_equal(stack(ImageDataModule(str(tmp_path / "out.zip"), 8, seed=0)), np.stack(images(11)))


def test_folders_of_npy_are_classes(tmp_path):
    for i, name in enumerate(("dog", "cat")):
        (tmp_path / "in.npy" / name).mkdir(parents=True)
        np.save(tmp_path / "in.npy" / name / "0.npy", images(2)[i])
    source = open_source("folder", tmp_path / "in.npy", "train")
    assert (list(source.names), source.labels, source.classes) == (
        ["cat/0.npy", "dog/0.npy"],
        [0, 1],
        ("cat", "dog"),
    )


@pytest.mark.parametrize("channels_first", [True, False])
def test_one_npy_of_all_images(tmp_path, channels_first):
    array = np.stack(images(4))
    np.save(tmp_path / "all.npy", array if channels_first else array.transpose(0, 2, 3, 1))
    assert np.array_equal(stack(prepared("folder", tmp_path / "all.npy", tmp_path / "out")), array)


def test_torchvision_sets(tmp_path, monkeypatch):
    import torchvision.datasets

    array = np.stack(images(6, 32))
    asked = []

    def svhn(root, **options):
        asked.append(options)
        return SimpleNamespace(data=array, labels=np.arange(6) % 3)

    def stl(root, **options):
        return SimpleNamespace(data=array, labels=-np.ones(6))

    def cifar(root, **options):
        return SimpleNamespace(data=array.transpose(0, 2, 3, 1), targets=[0] * 6, classes=["a"])

    for name, fake in (("SVHN", svhn), ("STL10", stl), ("CIFAR10", cifar)):
        monkeypatch.setattr(torchvision.datasets, name, fake)
    dm = prepared("svhn", tmp_path, tmp_path / "svhn", 32, split="extra")
    assert asked == [{"download": False, "split": "extra"}]
    assert dm.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert np.array_equal(stack(dm), array)
    assert prepared("stl10", tmp_path, tmp_path / "stl", 16).labels is None
    assert np.array_equal(stack(prepared("cifar10", tmp_path, tmp_path / "cifar", 32)), array)
    with pytest.raises(ValueError, match="SVHN has no split 'val': choose one of train, test, extra"):
        open_source("svhn", tmp_path, "val")


def test_numbers_in_names_sort_by_value(tmp_path):
    (tmp_path / "in").mkdir()
    for i in (0, 2, 10):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i))
    assert list(open_source("celebahq", tmp_path / "in", "all").names) == ["0.png", "2.png", "10.png"]


# ---- what must not work


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_zip_with_names_that_lead_out(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, png(0))
    with pytest.raises(ValueError, match="leads out of it"):
        open_source("folder", tmp_path / "a.zip", "train")


def test_zip_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", bytes(2**26 + 1))
    with pytest.raises(ValueError, match="no image does"):
        open_source("folder", tmp_path / "a.zip", "train")


def test_image_of_too_many_pixels(tmp_path):
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (10**5).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b""))
    (tmp_path / "in" / "ok.png").write_bytes(png(0))
    report = prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
    assert "huge.png has more pixels than any photograph" in report.skipped[0]


def test_zip_whose_member_lies_about_its_size(tmp_path):
    """The directory promises less than the stream holds: the image is damaged, not unpacked further."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", bytes(10**5))
        archive.writestr("b.png", png(0))
    data = path.read_bytes()
    path.write_bytes(data.replace((10**5).to_bytes(4, "little"), (500).to_bytes(4, "little")))
    report = prepare("folder", path, tmp_path / "out.zip", 8)
    assert report.manifest["images"] == 1
    assert "a.bmp cannot be read" in report.skipped[0]


def test_loop_of_links_is_read_once(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.png").write_bytes(png(0))
    os.symlink(tmp_path / "in", tmp_path / "in" / "a" / "again")
    assert list(open_source("ffhq", tmp_path / "in", "all").names) == ["a/x.png"]


def test_nothing_there_or_nothing_in_it(tmp_path):
    with pytest.raises(MissingDataset, match="nowhere"):
        open_source("ffhq", tmp_path / "nowhere", "all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        open_source("ffhq", tmp_path / "empty", "all")


def test_npy_of_no_images(tmp_path):
    np.save(tmp_path / "flat.npy", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="not \\(images, height, width, channels\\)"):
        open_source("folder", tmp_path / "flat.npy", "train")


def test_stored_and_packed_members_are_checked(tmp_path):
    """A flipped bit inside an image is noticed by its checksum, whichever way the member is read."""
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for i in range(3):
                archive.writestr(zipfile.ZipInfo(f"{i}.png"), png(i), compression)
        data = bytearray(buffer.getvalue())
        data[len(data) // 2 - 60] ^= 4
        (tmp_path / "a.zip").write_bytes(data)
        dest = tmp_path / f"out-{compression}.zip"
        assert prepare("folder", tmp_path / "a.zip", dest, 8).manifest["skipped"] == 1


def test_folders_of_a_zip_that_look_like_classes_are_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for i, name in enumerate(("cat/0.png", "dog/0.png")):
            file.writestr(name, png(i))
    source = open_source("folder", tmp_path / "a.zip", "train")
    assert source.labels is None
    assert source.ignored == ["the folders cat, dog of a zip, which are no classes: unpack it where they shall be"]
