"""TFRecords without TensorFlow: PGGAN's and StyleGAN's multi-resolution files, and files of encoded images.

A file is a run of records: uint64 length, masked CRC-32C of it, payload, masked CRC-32C of the payload. A payload
is a `tf.train.Example`, a protocol buffer that maps names to lists of bytes, floats or integers.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from zoo.data.files import BadImage
from zoo.data.labels import numbered

LEVEL = re.compile(r"-r(\d\d)\.tfrecords$")
ENCODED = ("image/encoded", "image_raw", "image", "jpeg", "png")  # names that other writers use
LABELS = ("image/class/label", "label", "labels", "class", "image/label", "target", "class_name")


def masked_crc(data: bytes) -> int:
    """TensorFlow's checksum: CRC-32C, rotated right by 15 bits, plus a constant."""
    try:
        import google_crc32c
    except ImportError as error:
        raise ModuleNotFoundError(
            "TFRecords carry CRC-32C checksums, for which google-crc32c is needed: pip install 'gan-zoo[data]'."
        ) from error
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def unpacked(path: Path) -> IO[bytes] | None:
    """What a file that TensorFlow compressed (GZIP or ZLIB) holds, in a file without a name; None of a plain one.

    Raises:
        ValueError: it is cut off or damaged.
    """
    with path.open("rb") as file:
        head = file.read(12)
        plain = len(head) < 12 or masked_crc(head[:8]) == int.from_bytes(head[8:], "little")
        if plain or not (
            head[:2] == b"\x1f\x8b" or (head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0)
        ):
            return None
        file.seek(0)
        out = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as its records
        stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            while data := file.read(2**20):
                while data:  # gzip files may follow one another
                    stream = zlib.decompressobj(zlib.MAX_WBITS | 32) if stream.eof else stream
                    out.write(stream.decompress(data))
                    data = stream.unused_data
        except zlib.error as error:
            raise ValueError(f"{path} is compressed, and damaged ({error}): copy it again.") from error
    if not stream.eof:
        raise ValueError(f"{path} is compressed, and cut off: copy it again.")
    out.flush()
    return out


def offsets(path: Path, packed: IO[bytes] | None = None) -> np.ndarray:
    """Where each record's payload starts and how long it is, int64 (n, 2).

    Args:
        packed: what `unpacked` made of the file.

    Raises:
        ValueError: the file is cut off or damaged.
    """
    found: list[tuple[int, int]] = []
    with contextlib.nullcontext(packed) if packed else path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        position = 0
        while position < size:
            file.seek(position)
            head = file.read(12)
            length = int.from_bytes(head[:8], "little")
            if len(head) == 12 and masked_crc(head[:8]) != int.from_bytes(head[8:], "little"):
                raise ValueError(f"{path} is damaged at byte {position} (checksum of a length): copy it again.")
            if position + length + 16 > size:
                raise ValueError(f"{path} is cut off after {len(found):,} whole records: copy it again.")
            found.append((position + 12, length))
            position += length + 16
    return np.array(found, np.int64).reshape(-1, 2)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protocol buffer message; values are integers or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        else:
            length, at = (8, at) if kind == 1 else (4, at) if kind == 5 else _varint(data, at)
            if kind not in (1, 2, 5) or at + length > len(data):
                raise ValueError("is not a tf.train.Example")
            value, at = data[at : at + length], at + length
        yield tag >> 3, value


def example(data: bytes) -> dict[str, list]:
    """Features of a `tf.train.Example`: name -> list of bytes, floats or integers."""
    features: dict[str, list] = {}
    for _, feature_map in fields(data):
        for _, entry in fields(feature_map):
            pair = dict(fields(entry))
            for kind, values in fields(pair[2]):
                features[pair[1].decode()] = list(_VALUES[kind](values))
    return features


def _integers(data: bytes) -> Iterator[int]:
    for _, value in fields(data):
        at, packed = 0, value if isinstance(value, bytes) else None
        if packed is None:
            yield _signed(value)
        while packed and at < len(packed):
            number, at = _varint(packed, at)
            yield _signed(number)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _floats(data: bytes) -> Iterator[float]:
    for _, value in fields(data):
        yield from struct.unpack(f"<{len(value) // 4}f", value)


_VALUES = {1: lambda data: (value for _, value in fields(data)), 2: _floats, 3: _integers}


class TFRecords:
    """Images of TFRecords files, by number.

    Args:
        files: of one folder.
        from_one: `image/class/label` numbers the classes from 1 on, as TF-slim's ImageNet does.

    Attributes:
        levels: resolutions for which the files hold every image ready-made (PGGAN's layout), falling.
        labels: class of each image, or None.
        classes: their names, where labels are names.
        ignored: features that are neither image nor class, where there is no class.
    """

    def __init__(self, files: Sequence[Path], from_one: bool = False) -> None:
        by_level = {2 ** int(m[1]): p for p in files if (m := LEVEL.search(p.name))}
        self.levels = tuple(sorted(by_level, reverse=True))
        self.files = [by_level[r] for r in self.levels] or files
        self.packed = [unpacked(p) for p in self.files]
        self.index = [offsets(p, file) for p, file in zip(self.files, self.packed, strict=True)]
        if self.levels:
            counts = {p.name: len(i) for p, i in zip(self.files, self.index, strict=True)}
            if len(set(counts.values())) > 1:
                raise ValueError(
                    f"the levels of {self.files[0].parent} have different counts ({counts}): copy them again."
                )
        self.ends = np.cumsum([len(i) for i in (self.index[:1] if self.levels else self.index)])
        self._open: dict[int, IO[bytes] | io.FileIO] = {}  # read by position, so that workers may share them
        self.classes: tuple[str, ...] = ()
        self.ignored: list[str] = []
        self.labels = self._labels(files[0].parent, from_one)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getstate__(self) -> dict:  # for workers that are not forked: they unpack once more
        return self.__dict__ | {"_open": {}, "packed": []}

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state
        self.packed = [unpacked(p) for p in self.files]

    def name(self, i: int) -> str:
        file, row = self._place(i, self.levels[0] if self.levels else 0)
        return f"{self.files[file].name}#{row}"

    def _place(self, i: int, resolution: int) -> tuple[int, int]:
        if self.levels:
            fitting = [k for k, r in enumerate(self.levels) if r >= resolution]
            return (fitting[-1] if fitting else 0), i
        file = int(np.searchsorted(self.ends, i, side="right"))
        return file, i - int(self.ends[file]) + len(self.index[file])

    def features(self, i: int, resolution: int = 0) -> dict[str, list]:
        """Image i's features, its payload checked, from the smallest level of at least `resolution`."""
        file, row = self._place(i, resolution)
        start, length = self.index[file][row].tolist()
        if file not in self._open:
            self._open[file] = self.packed[file] or io.FileIO(self.files[file])
        data = os.pread(self._open[file].fileno(), length + 4, start)
        if masked_crc(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise BadImage("is damaged (checksum)")
        try:
            return example(data[:-4])
        except (IndexError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadImage(f"is not a tf.train.Example ({error})") from error

    def read(self, i: int, resolution: int) -> bytes | np.ndarray:
        """Encoded bytes, or uint8 (H, W, 3)."""
        features = self.features(i, resolution)
        if "shape" in features and "data" in features:
            raw, shape = np.frombuffer(features["data"][0], np.uint8), features["shape"]
            if raw.size != np.prod(shape) or len(shape) != 3 or shape[0] not in (1, 3):
                raise BadImage(f"holds {raw.size} bytes for the shape {shape}")
            return np.ascontiguousarray(np.broadcast_to(raw.reshape(shape).transpose(1, 2, 0), (*shape[1:], 3)))
        for name in ENCODED:
            if features.get(name):
                return features[name][0]
        raise BadImage(f"holds no image, only {', '.join(sorted(features)) or 'nothing'}")

    def _labels(self, folder: Path, from_one: bool) -> list[int] | None:
        tables = sorted(folder.glob("*.labels"))
        if tables:
            table = np.load(tables[0], allow_pickle=False)
            if len(table) != len(self):
                raise ValueError(f"{tables[0]} labels {len(table):,} images, the records hold {len(self):,}.")
            return table.argmax(1).tolist() if table.ndim == 2 and table.shape[1] > 1 else None
        if self.levels or not len(self):
            return None
        try:
            first = self.features(0)
            name = next((n for n in LABELS if n in first), None)
            if name is None:
                known = ("shape", "data", *ENCODED)
                self.ignored = [f"feature {n}" for n in sorted(first) if n not in known]
                return None
            values = [self._label(i, name) for i in range(len(self))]
        except (BadImage, KeyError) as error:
            raise ValueError(f"the labels of {self.files[0]} cannot be read ({error}): copy it again.") from error
        labels, self.classes = numbered(values, f"{folder}, {name}")
        if max(labels) < 0:  # test splits have the label -1
            return None
        if min(labels) < 0:
            i = next(i for i, c in enumerate(labels) if c < 0)
            raise ValueError(
                f"{self.name(i)} of {folder} has the class {labels[i]}: classes are numbered from 0 on."
            )
        from_one = from_one and name == "image/class/label" and min(labels) > 0
        return [c - 1 for c in labels] if from_one else labels

    def _label(self, i: int, name: str) -> int | float | str:
        """Class of image i, by number or name.

        Raises:
            ValueError: it has none, or several numbers.
        """
        found = self.features(i)[name]
        if len(found) != 1:
            raise ValueError(
                f"{self.name(i)} of {self.files[0].parent} has {len(found)} values in {name}, not one class: write "
                "the number of the class instead."
            )
        return found[0].decode("utf-8", "replace") if isinstance(found[0], bytes) else found[0]
