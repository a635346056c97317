"""What people have on disk, as one list of images: folders, zips, NPY, TFRecords, parquet, lmdb, torchvision."""

from __future__ import annotations

import functools
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.files import TINY, BadImage, Files, MissingDataset
from zoo.data.kinds import KINDS
from zoo.data.labels import MOST_CLASSES, from_folders, listed
from zoo.data.paths import natural, one_snapshot
from zoo.preparation.arrays import read_memory, read_npy, read_stack
from zoo.preparation.splits import folder_of, images_in, shards_of

# sub-folders in which a data set's release keeps its images, and where others are to be ignored
FOLDERS = {
    "ffhq": ("images1024x1024", "thumbnails128x128"),
    "celebahq": ("CelebA-HQ-img", "celeba_hq", "data1024x1024"),
    "celeba": ("img_align_celeba_png", "img_align_celeba"),
}
SHARD = re.compile(r"^[^.]+-\d{5}-of-\d{5}$")  # TF-slim's TFRecords have no ending


@dataclass(eq=False)
class Source:
    """Images by number, read in worker processes.

    Args:
        read: picklable function (number, wished resolution) -> encoded bytes or uint8 (H, W, 3); the resolution is
            a hint for sources that hold several. It raises `BadImage("<what is wrong>")`.
        names: how a user finds each image.
        layout: what was recognised, for the manifest.
        stamp: hash of names and sizes, which tells one source from another.
        labels: class of each image, or None.
        classes: names of the classes, where known.
        levels: resolutions that are ready-made.
        ignored: files that hold no image of the set.
        split: whether this is the part that `--split` names.
        made: manifest of a source that `zoo data prepare` has made.
    """

    read: Callable[[int, int], bytes | np.ndarray]
    names: Sequence[str]
    layout: str
    stamp: str
    labels: list[int] | None = None
    classes: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    ignored: list[str] = field(default_factory=list)
    split: bool = False
    made: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)


def stamp(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def sizes(paths: Sequence[Path]) -> str:
    """Names and sizes of files."""
    return stamp(*(f"{p.name} {p.stat().st_size}" for p in paths))


def open_source(kind: str, path: Path, split: str, download: bool = False) -> Source:
    """The images of data set `kind` at `path`, in whichever layout they are; of several splits those of `split`.

    Raises:
        MissingDataset: nothing is there.
        ValueError: it is no layout that is known, lacks the split, or is damaged.
    """
    counts = KINDS[kind].counts
    if counts and split not in counts:
        raise ValueError(f"{KINDS[kind].title} has no split {split!r}: choose one of {', '.join(counts)}.")
    if kind in TORCHVISION and not path.is_file():
        return _torchvision(kind, path, split, download)
    if not path.exists():
        raise MissingDataset(f"there is no folder or file at {path}: give the original images, or {TINY}.")
    if kind == "imagenet" and path.is_dir():
        from zoo.preparation.imagenet import folders

        found = folders(path, split)
        if found is not None:
            return found
    path = _inner(kind, path)
    if path.is_dir():
        one_snapshot(path)
    source = next(opened for layout in _LAYOUTS if (opened := layout(kind, path, split)) is not None)
    if not len(source):
        raise ValueError(f"{path} holds no images: give a folder, zip, parquet, TFRecords, lmdb or NPY of them.")
    if KINDS[kind].labelled and source.labels and max(source.labels) >= MOST_CLASSES:
        raise ValueError(
            f"{path} has a class {max(source.labels):,}: classes are numbered from 0 to {MOST_CLASSES - 1:,}."
        )
    return source if KINDS[kind].labelled else replace(source, labels=None, classes=())


def _inner(kind: str, path: Path) -> Path:
    names = FOLDERS.get(kind, ()) if path.is_dir() else ()
    return next((path / name for name in names if (path / name).is_dir()), path)


# ---- layouts: each returns None where it does not apply


def _tfrecords(kind: str, path: Path, split: str) -> Source | None:
    files = [path] if path.is_file() else sorted(path.iterdir())
    if not (files := [p for p in files if (".tfrecord" in p.name or SHARD.search(p.name)) and p.is_file()]):
        return None
    from zoo.preparation.tfrecords import TFRecords

    files, left, parted = shards_of(path, files, split)
    records = TFRecords(files, from_one=kind == "imagenet")
    return Source(
        records.read,
        _Numbered(records.name, len(records)),
        "TFRecords",
        sizes(files),
        labels=records.labels,
        classes=records.classes,
        levels=records.levels,
        ignored=left + records.ignored,
        split=parted,
    )


def _parquet(kind: str, path: Path, split: str) -> Source | None:
    files = sorted(p for p in path.rglob("*.parquet") if p.is_file()) if path.is_dir() else [path]
    files = [p for p in files if p.suffix == ".parquet"]
    if not files:
        return None
    from zoo.preparation.stores import Parquet, holds_images

    if images_in(path) and not any(map(holds_images, files)):  # a table of the images beside it
        return None
    files, left, parted = shards_of(path, files, split)
    table = Parquet(files)
    return Source(
        table.read,
        _Numbered(table.name, len(table)),
        "parquet",
        sizes(table.files),
        labels=table.labels,
        classes=table.classes if table.labels is not None else (),
        ignored=left + table.ignored,
        split=parted,
    )


def _lmdb(kind: str, path: Path, split: str) -> Source | None:
    if path.name == "data.mdb":
        path = path.parent
    if not (path / "data.mdb").is_file():
        return None
    from zoo.preparation.stores import Lmdb

    store = Lmdb(path)
    return Source(
        store.read, [k.decode("utf-8", "replace") for k in store.keys], "lmdb", sizes([path / "data.mdb"])
    )


def _npy(kind: str, path: Path, split: str) -> Source | None:
    if path.suffix == ".npy" and path.is_file():
        try:
            stack = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(
                f"{path} is no array of images, or it is damaged ({error}): save it again with np.save."
            ) from error
        if stack.ndim < 3:
            raise ValueError(f"{path} has the shape {stack.shape}, not (images, height, width, channels).")
        names = _Numbered(functools.partial("{}#{}".format, path.name), len(stack))
        return Source(functools.partial(read_stack, path), names, "NPY array", sizes([path]))
    files = [p for p in path.rglob("*.npy") if p.is_file()] if path.is_dir() else []
    files.sort(key=lambda p: natural(p.as_posix()))
    if not files or images_in(path) > len(files):
        return None
    files, left, parted = shards_of(path, files, split)
    names = [str(p.relative_to(path)) for p in files]
    read = functools.partial(read_npy, files)
    if not KINDS[kind].labelled or split == "all":
        return Source(read, names, "NPY files", sizes(files), ignored=left, split=parted)
    labels, classes = from_folders([name.replace("\\", "/") for name in names], path)
    return Source(read, names, "NPY files", sizes(files), labels, classes, ignored=left, split=parted)


def _files(kind: str, path: Path, split: str) -> Source:
    part = folder_of(path, split) if path.is_dir() else path
    files = Files(part, labels=KINDS[kind].labelled, whole=split == "all")
    return Source(
        functools.partial(read_file, files, files.names),
        files.names,
        "zip" if files.zipped else "folder",
        files.listing(),
        labels=files.labels,
        classes=files.class_names if files.labels is not None else (),
        ignored=files.others + (_unnamed(files) if KINDS[kind].labelled else []),
        split=part != path,
        made=files.manifest or {},
    )


def _unnamed(files: Files) -> list[str]:
    """What is told of a zip whose folders look like classes, which only a folder's or dataset.json's are."""
    folders = sorted({name.rpartition("/")[0] for name in files.names})
    if not files.zipped or files.labels is not None or len(folders) < 2 or all(f[-1:].isdigit() for f in folders):
        return []
    return [f"the folders {listed(folders)} of a zip, which are no classes: unpack it where they shall be"]


def read_file(files: Files, names: Sequence[str], i: int, resolution: int) -> bytes:
    """Encoded bytes of image i."""
    try:
        return files.bytes(names[i])
    except Exception as error:  # zipfile raises many kinds for damaged archives
        raise BadImage(f"cannot be read ({error})") from error


_LAYOUTS = (_tfrecords, _parquet, _lmdb, _npy, _files)


# ---- torchvision's copies

TORCHVISION = {
    "cifar10": ("CIFAR10", lambda split: {"train": split == "train"}),
    "stl10": ("STL10", lambda split: {"split": split}),
    "svhn": ("SVHN", lambda split: {"split": split}),
}


def _torchvision(kind: str, path: Path, split: str, download: bool) -> Source:
    from zoo.data.torchvision_sets import torchvision_set

    name, options = TORCHVISION[kind]
    title = KINDS[kind].title
    data = torchvision_set(name, title, str(path), download=download, **options(split))
    targets = getattr(data, "targets", None) if kind == "cifar10" else data.labels
    labels = None if targets is None or min(map(int, targets)) < 0 else [int(t) for t in targets]
    return Source(
        functools.partial(read_memory, data.data),
        _Numbered(functools.partial("{} {} image {}".format, title, split), len(data.data)),
        "torchvision",
        stamp(title, split, len(data.data)),
        labels=labels,
        classes=tuple(getattr(data, "classes", ()) or ()) if labels is not None else (),
    )


@dataclass(frozen=True)
class _Numbered(Sequence):
    """Names made when they are asked for: a data set has millions of images."""

    name: Callable[[int], str]
    n: int

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> str:
        if not 0 <= i < self.n:
            raise IndexError(i)
        return self.name(i)


def first_bytes(data: bytes | np.ndarray) -> str:
    """How an image is encoded, by its first bytes."""
    if isinstance(data, np.ndarray):
        return "array"
    head = io.BytesIO(data).read(12)
    magic = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"RI": "WebP", b"BM": "BMP", b"II": "TIFF", b"MM": "TIFF"}
    return magic.get(head[:2], "other")
