"""Images inside parquet shards (the Hugging Face layout) and inside LSUN's lmdb."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import numpy as np

from zoo.data.files import BadImage
from zoo.data.labels import numbered

#: columns of classes, in the order they are looked for, before those that the hub's metadata call classes
LABELS = (
    *("label", "labels", "class", "fine_label", "cls"),
    *("class_label", "category", "target", "y", "class_id", "label_id", "class_name", "label_name"),
)
HINT = "pip install 'gan-zoo[data]'"


class Parquet:
    """Rows of parquet files with a column of encoded images, bare or as `{bytes, path}`, and maybe one of labels.

    Raises:
        ValueError: a file is damaged, or has no such column.
    """

    def __init__(self, files: list[Path]) -> None:
        pq = _pyarrow()
        self.files = files
        self.images: dict[Path, str] = {}
        self.unread: list[str] = []
        counts, labels, named = [], [], {}
        for file in files:
            try:
                opened = pq.ParquetFile(file)
            except Exception as error:  # pyarrow raises its own kinds
                raise ValueError(f"{file} is not a readable parquet file ({error}): copy it again.") from error
            schema = opened.schema_arrow
            self.images[file], label, named[file] = _columns(file, schema)
            counts += [(file, g, opened.metadata.row_group(g).num_rows) for g in range(opened.num_row_groups)]
            rows = opened.read(columns=[label]).column(0).to_pylist() if label else []
            known = [c not in (None, "", -1) for c in rows]  # test splits have the label -1
            labels.append(rows if any(known) or (label and not rows) else None)
            if any(known) and not all(known):
                i = known.index(False)
                raise ValueError(
                    f"{file} has no class for row {i} ({label} {rows[i]}), but for others: give each one, or none."
                )
            if not label and (others := [name for name in schema.names if name != self.images[file]]):
                self.unread.append(f"{file.name}: {', '.join(others)} (classes are read of a column named label)")
        self.groups = [(file, group) for file, group, _ in counts]
        self.ends = np.cumsum([n for _, _, n in counts])
        without = [file for file, some in zip(files, labels, strict=True) if some is None]
        if without and len(without) < len(files):
            raise ValueError(f"{without[0]} has no labels, but other files have: label all of them, or none.")
        if odd := next((file for file in files if named[file] != named[files[0]]), None):
            raise ValueError(f"{odd} names its classes otherwise than {files[0]}: prepare each by itself.")
        values = [] if without else [c for some in labels for c in some]
        self.labels, names = numbered(values, "the column of labels") if values else (None if without else [], ())
        self.classes = named[files[0]] or names

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
        value = _row_group(file, number, self.images[file])[row].as_py()
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


def _columns(file: Path, schema) -> tuple[str, str | None, tuple[str, ...]]:
    import pyarrow as pa

    def holds_images(kind) -> bool:
        if pa.types.is_struct(kind):
            return any(kind.field(k).name == "bytes" for k in range(kind.num_fields))
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    def holds_classes(kind) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        return numbers or pa.types.is_string(kind) or pa.types.is_large_string(kind)

    images = [f.name for f in schema if holds_images(f.type)]
    if not images:
        raise ValueError(f"{file} has no column of images, only {', '.join(schema.names)}.")
    image = next((n for n in ("image", "img", "jpg", "png") if n in images), None)
    if image is None and len(images) > 1:
        raise ValueError(f"{file} has several columns of images ({', '.join(images)}): name the one to take image.")
    columns = [f.name for f in schema if holds_classes(f.type)]
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = {k: tuple(v["names"]) for k, v in features.items() if isinstance(v, dict) and "names" in v}
    except (KeyError, TypeError, ValueError, AttributeError):
        names = {}
    label = next((name for name in (*LABELS, *names) if name in columns), None)
    return image or images[0], label, names.get(label, ())


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
