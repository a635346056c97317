"""Images inside parquet shards (the Hugging Face layout) and inside LSUN's lmdb."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import numpy as np

from zoo.data.files import BadImage
from zoo.data.labels import listed, numbered

#: columns that are taken for the class, the first that is there
COLUMNS = ("label", "labels", "class", "fine_label", "cls", "target", "category", "class_name", "class_id", "y")
IMAGES = ("image", "img", "jpg", "png")  # columns that are taken for the image, likewise
HINT = "pip install 'gan-zoo[data]'"


class Parquet:
    """Rows of parquet files with a column of encoded images, bare or as `{bytes, path}`, and maybe one of labels.

    Raises:
        ValueError: a file is damaged, has no such column, or others than the first, or classes that are none.
    """

    def __init__(self, files: list[Path]) -> None:
        pq = _pyarrow()
        self.files = files
        counts, values, found = [], [], []
        for file in files:
            try:
                opened = pq.ParquetFile(file)
            except Exception as error:  # pyarrow raises its own kinds
                raise ValueError(f"{file} is not a readable parquet file ({error}): copy it again.") from error
            found.append(_columns(file, opened.schema_arrow))
            if found[-1][:3] != found[0][:3]:
                raise ValueError(
                    f"{files[0]} has {_told(*found[0])} and {file} {_told(*found[-1])}, so they are no parts of "
                    "one set: prepare them one by one, or write them alike."
                )
            self.image, self.label, named, self.ignored = found[-1]
            counts += [(file, g, opened.metadata.row_group(g).num_rows) for g in range(opened.num_row_groups)]
            values.append(opened.read(columns=[self.label]).column(0).to_pylist() if self.label else [])
        self.groups = [(file, group) for file, group, _ in counts]
        self.ends = np.cumsum([n for _, _, n in counts])
        labels, self.classes = numbered([v for some in values for v in some], f"{files[0].parent}, {self.label}")
        self.classes = named or self.classes
        starts = np.cumsum([0, *map(len, values)]).tolist()
        shards = [
            _known(f, self.label, labels[a : a + len(v)]) for f, a, v in zip(files, starts, values, strict=False)
        ]
        without = [file for file, some in zip(files, shards, strict=True) if some is None]
        if without and len(without) < len(files):
            raise ValueError(f"{without[0]} has no labels, but other files have: label all of them, or none.")
        self.labels = None if without else [c for some in shards for c in some]

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def _place(self, i: int) -> tuple[int, int]:
        group = int(np.searchsorted(self.ends, i, side="right"))
        return group, i - (int(self.ends[group - 1]) if group else 0)

    def name(self, i: int) -> str:
        group, row = self._place(i)
        file, number = self.groups[group]
        return f"{file.name}#{number}.{row}"

    def read(self, i: int, resolution: int) -> bytes:
        """Encoded bytes of image i."""
        group, row = self._place(i)
        file, number = self.groups[group]
        value = _row_group(file, number, self.image)[row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise BadImage("holds no image bytes")
        return data


@functools.lru_cache(maxsize=2)  # of each worker, which reads its rows in order
def _row_group(file: Path, group: int, column: str):
    try:
        return _pyarrow().ParquetFile(file).read_row_group(group, columns=[column]).column(0)
    except Exception as error:
        raise BadImage(f"cannot be read from {file.name} ({error})") from error


def holds_images(file: Path) -> bool:
    """Whether a parquet file has a column of images; True too of one that cannot be read, which `Parquet` tells."""
    try:
        return bool(_columns(file, _pyarrow().ParquetFile(file).schema_arrow))
    except ValueError:
        return False
    except Exception:  # pyarrow raises its own kinds
        return True


def _known(file: Path, column: str | None, rows: list[int | None]) -> list[int] | None:
    """The classes of one file's rows, or None where no row has any.

    Raises:
        ValueError: some rows have a class and some none.
    """
    known = [c is not None and c >= 0 for c in rows]  # test splits have the label -1
    if any(known) and not all(known):
        i = known.index(False)
        raise ValueError(
            f"{file} has no class for row {i} ({column} {rows[i]}), but for others: give each row one, or none."
        )
    return rows if any(known) or (column and not rows) else None


def _told(image: str, label: str | None, classes: tuple[str, ...], ignored: list[str]) -> str:
    of = f" of {listed(classes)}" if classes else ""
    return f"images in the column {image} and " + (f"classes in {label}{of}" if label else "no classes")


def _columns(file: Path, schema) -> tuple[str, str | None, tuple[str, ...], list[str]]:
    """Columns of images and classes, the names of these where the hub's metadata have them, and other columns."""
    import pyarrow as pa

    def holds_images(kind) -> bool:
        if pa.types.is_struct(kind):
            return any(kind.field(k).name == "bytes" for k in range(kind.num_fields))
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    images = [f.name for f in schema if holds_images(f.type)]
    if not images:
        raise ValueError(f"{file} has no column of images, only {', '.join(schema.names)}.")
    image = next((n for n in IMAGES if n in images), images[0])
    if image not in IMAGES and len(images) > 1:
        raise ValueError(f"{file} has several columns of images ({', '.join(images)}): name the one to take image.")
    simple = [f.name for f in schema if not pa.types.is_nested(f.type) and f.name not in images]
    label = next((n for n in COLUMNS if n in simple), None)
    ignored = [f"column {n}" for n in schema.names if n not in (image, label)]
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return image, label, tuple(features[label]["names"]), ignored
    except (KeyError, TypeError, ValueError):
        return image, label, (), ignored


def _pyarrow():
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ModuleNotFoundError(f"parquet files are read with pyarrow: {HINT}.") from error
    return pq


class Lmdb:
    """LSUN's database: every value is an encoded image; the order is that of the keys.

    Raises:
        ValueError: the database is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, object] | None = None
        try:
            with self._environment().begin(buffers=False) as transaction:
                self.keys = list(transaction.cursor().iternext(values=False))
        except _lmdb().Error as error:
            raise ValueError(f"{path} is not a readable lmdb ({error}): unzip or copy it again.") from error

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_opened": None}

    def _environment(self):
        if self._opened is None or self._opened[0] != os.getpid():  # a handle must not cross a fork
            opened = _lmdb().open(
                str(self.path), readonly=True, lock=False, readahead=False, meminit=False, max_readers=1
            )
            self._opened = (os.getpid(), opened)
        return self._opened[1]

    def read(self, i: int, resolution: int) -> bytes:
        """Encoded bytes of image i."""
        with self._environment().begin() as transaction:
            data = transaction.get(self.keys[i])
        if not data:
            raise BadImage("holds no image bytes")
        return data


def _lmdb():
    try:
        import lmdb
    except ImportError as error:
        raise ModuleNotFoundError(f"LSUN's lmdb is read with the lmdb package: {HINT}.") from error
    return lmdb
