"""Image files of a data set: a folder or a StyleGAN2-ADA style zip, listed once and read by number."""

from __future__ import annotations

import builtins
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from zoo.data.colours import BadImage, upright_rgb
from zoo.data.labels import check_places, from_folders, from_table, parsed, refuse_splits, slashed
from zoo.data.paths import EXTENSIONS, in_order, is_hidden, is_image, name_of, one_snapshot, refuse_dangers, walk

METADATA = ("dataset.json", "manifest.json")
TINY = "use a tiny.yaml recipe (--config reproductions/<paper>/tiny.yaml), which needs no files"


class MissingDataset(FileNotFoundError):
    """There is no data set where one was looked for."""


class Files:
    """The images of one folder or zip, in the order of their names' numbers (2.jpg before 10.jpg); with labels.

    Labels come from `dataset.json` (`{"labels": [[path, class], ...]}`, or `{"labels": null}` for none), at the top
    or in the one folder that holds everything; a folder without that file is labelled by its sub-folders in sorted
    order, or unlabelled when the images lie directly in it. Stored (uncompressed) members of a zip are read
    straight from the file at their place, without a handle that workers would have to share.

    Args:
        labels: False makes no classes of folders, and reads no dataset.json but that of a prepared set.
        whole: images of several splits may lie side by side, and are all taken.

    Attributes:
        names: paths inside the folder or zip, with `/`.
        others: files that are no images.
        stamps: what identifies each file's content without reading it: CRC-32 and size in a zip, size in a folder.
        labels: class of each image, or None.
        classes: names of the classes where sub-folders name them, else empty.
        manifest: content of `manifest.json` as written by `zoo data prepare`, or None.

    Raises:
        MissingDataset: nothing is at `path`.
        ValueError: it is neither a folder nor a zip, holds no image or those of several splits, labels or manifest
            do not fit the images, or a name in the zip leads out of it or a member unpacks to more than an image.
    """

    def __init__(self, path: str | Path, labels: bool = True, whole: bool = False) -> None:
        self.path = Path(path)
        self.zipped = self.path.is_file()
        self._zip: tuple[int, zipfile.ZipFile] | None = None
        self._file: io.FileIO | None = None
        if self.zipped:
            try:
                members = [i for i in self._open().infolist() if not i.is_dir()]
            except (zipfile.BadZipFile, NotImplementedError) as error:
                if is_image(self.path.name):
                    raise ValueError(f"{path} is a single image: give the folder it lies in, or a zip.") from error
                raise ValueError(
                    f"{path} is not a readable zip ({error}): copy it again, or give a folder of images."
                ) from error
            for member in members:
                refuse_dangers(self.path, member)
            self._members = {slashed(i.filename): i.filename for i in members}
            if len(self._members) < len(members):
                twice = next(n for n, k in Counter(slashed(i.filename) for i in members).items() if k > 1)
                raise ValueError(f"{path} holds {twice} more than once: pack it anew, each file once.")
            infos = {slashed(i.filename): f"{i.CRC:08x}:{i.file_size}" for i in members}
            self._stored = {
                slashed(i.filename): (i.header_offset, i.file_size, i.CRC) for i in members if _is_stored(i)
            }
        elif self.path.is_dir():
            one_snapshot(self.path)
            infos = {name: str(size) for name, size in walk(self.path)}
        else:
            raise MissingDataset(f"there is no folder or zip at {path}: check the path.")

        self.names = in_order(name for name in infos if is_image(name))
        self.stamps = [infos[name] for name in self.names]
        if not self.names:
            raise ValueError(
                f"{path} holds no images ({', '.join(sorted(EXTENSIONS))}): give a folder or zip that does."
            )
        self.classes: tuple[str, ...] = ()
        visible = [name for name in infos if not is_hidden(name)]
        #: folder of the metadata, which a zip of a folder holds below its only root
        self.root = check_places(visible, self.names, path)
        metadata = {f"{self.root}{name}" for name in METADATA}
        self.others = sorted(set(visible) - set(self.names) - metadata)
        labelled, told = (f"{self.root}{name}" in infos for name in METADATA)
        if not labelled and not whole:
            refuse_splits(self.names, path, self.zipped)
        self.labels = self._labels(labelled) if labels or told else None
        self.manifest = self._manifest(told)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, as folders or the manifest have them, or nothing."""
        return self.classes or tuple((self.manifest or {}).get("classes") or ())

    def _open(self) -> zipfile.ZipFile:
        # a handle shared with a forked worker would share its file position too
        if self._zip is None or self._zip[0] != os.getpid():
            self._zip = (os.getpid(), zipfile.ZipFile(self.path))
        return self._zip[1]

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_zip": None, "_file": None}

    def bytes(self, name: str) -> bytes:
        """Content of the file `name`, its checksum verified where there is one."""
        if not self.zipped:
            return (self.path / name).read_bytes()
        if name not in self._stored:
            return self._open().read(self._members[name])
        if self._file is None:
            self._file = io.FileIO(self.path)
        start, size, crc = self._stored[name]
        # a member is 30 fixed bytes, its name, extra fields, then its content
        guess = 30 + len(self._members[name].encode()) + 64
        data = os.pread(self._file.fileno(), guess + size, start)
        begin = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
        if begin > guess:
            data = os.pread(self._file.fileno(), begin + size, start)
        content = data[begin : begin + size]
        if data[:4] != b"PK\3\4" or zlib.crc32(content) != crc:
            raise zipfile.BadZipFile("wrong checksum")
        return content

    def size(self, i: int) -> int:
        """Bytes of the file of image i."""
        return int(self.stamps[i].rpartition(":")[2])

    def checksum(self, i: int) -> int | None:
        """CRC-32 of the file of image i, None if it cannot be read; a zip tells it without reading."""
        if self.zipped:
            return int(self.stamps[i].partition(":")[0], 16)
        try:
            return zlib.crc32(self.bytes(self.names[i]))
        except OSError:
            return None

    def where(self, i: int) -> str:
        """Image i as a user finds it."""
        return f"{self.path}: {self.names[i]}" if self.zipped else str(self.path / self.names[i])

    def image(self, i: int) -> Image.Image:
        """Image i as decoded RGB, turned by its EXIF tag; `BadImage` when it cannot be."""
        try:
            with Image.open(io.BytesIO(self.bytes(self.names[i]))) as image:
                return upright_rgb(image)[0]
        except BadImage as error:
            raise BadImage(f"{self.where(i)} {error}") from None
        except Exception as error:  # Pillow and zipfile raise many kinds for damaged files
            raise BadImage(
                f"{self.where(i)} cannot be decoded ({reason(error)}): replace it, or leave it out with "
                "`zoo data prepare`, which lists and skips such files."
            ) from error

    def listing(self, labels: bool = True) -> str:
        """sha256 (hex) over name, stamp and label of every image; independent of where the files lie."""
        kept = self.labels if labels and self.labels is not None else ["-"] * len(self)
        names = [name.removeprefix(self.root) for name in self.names]
        return listing_hash(zip(names, self.stamps, kept, strict=True))

    def version(self) -> str:
        """sha256 (hex) over where a folder lies and when its images were written; "" of a zip."""
        if self.zipped:
            return ""
        times = (str((self.path / name).stat().st_mtime_ns) for name in self.names)
        return hashlib.sha256("\n".join([str(self.path.resolve()), *times]).encode()).hexdigest()

    def _labels(self, has_json: bool) -> list[int] | None:
        if has_json:
            where = f"{self.root}dataset.json in {self.path}"
            table = parsed(self._metadata("dataset.json"), where)
            return None if table is None else from_table(table, self.names, self.root, where)
        if self.zipped:
            return None  # sub-folders of a zip only shard it: the convention puts its labels into dataset.json
        labels, self.classes = from_folders(self.names, self.path)
        return labels

    def _metadata(self, name: str) -> builtins.bytes:
        try:
            return self.bytes(f"{self.root}{name}")
        except Exception as error:  # zipfile raises many kinds for damaged archives
            raise ValueError(
                f"{name} in {self.path} cannot be read ({reason(error)}): copy or pack it anew."
            ) from error

    def _manifest(self, present: bool) -> dict | None:
        if not present:
            return None
        content = self._metadata("manifest.json")
        try:
            manifest = json.loads(content)
            expected = {key: manifest[key] for key in ("images", "resolution", "listing_sha256")}
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # some other tool's manifest
        if expected["images"] != len(self):
            raise ValueError(
                f"{self.path} holds {len(self)} images but its manifest.json counts {expected['images']}: "
                "prepare the set again with `zoo data prepare`."
            )
        if expected["listing_sha256"] != self.listing():
            raise ValueError(
                f"images or labels in {self.path} differ from its manifest.json (listing_sha256): "
                "prepare the set again with `zoo data prepare`."
            )
        return manifest


def check_unread(option: str, out: Path, *read: Path) -> None:
    """Refuse a file to write that is read, or that would be the next time: an image in a folder of images.

    Args:
        read: files, and folders of images.

    Raises:
        ValueError: naming the option.
    """
    own = out.resolve()
    for path in read:
        if own == path.resolve():
            raise ValueError(f"{option} {out} is itself read by this command: name another file")
        if path.is_dir() and path.resolve() in own.parents and (is_image(out.name) or out.name in METADATA):
            raise ValueError(f"{option} {out} lies in {path}, whose images are read: name a file elsewhere")


def _is_stored(member: zipfile.ZipInfo) -> bool:
    return member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1 and hasattr(os, "pread")


def reason(error: Exception) -> str:
    """Why a file cannot be decoded, in words for users."""
    if isinstance(error, UnidentifiedImageError):  # Pillow's own text names an object in memory
        return "it is no image, or its first bytes are damaged"
    return str(error).partition("\n")[0] or type(error).__name__


def listing_hash(entries: Iterable[tuple[str, str, int | str]]) -> str:
    """sha256 (hex) over (name, stamp, label or "-") of every image."""
    digest = hashlib.sha256()
    for name, stamp, label in entries:
        digest.update(f"{name} {stamp} {label}\n".encode())
    return digest.hexdigest()


def decode(files: Sequence[Files], resolution: int, indices: Sequence[int]) -> torch.Tensor:
    """Images `indices`, counted through all of `files`, as uint8 (n, 3, resolution, resolution).

    Raises:
        BadImage: a file cannot be decoded or has another size.
    """
    out = np.empty((len(indices), 3, resolution, resolution), np.uint8)
    ends = np.cumsum([len(f) for f in files])
    for row, index in enumerate(indices):
        part = int(np.searchsorted(ends, index, side="right"))
        source, i = files[part], int(index) - int(ends[part]) + len(files[part])
        image = source.image(i)
        check_size(source, i, image.size, resolution)
        out[row] = np.asarray(image).transpose(2, 0, 1)
    return torch.from_numpy(out)


def check_size(source: Files, i: int, size: tuple[int, int], resolution: int) -> None:
    """`BadImage` unless image i, which is `size` = (width, height), is a square of `resolution` pixels."""
    if size == (resolution, resolution):
        return
    width, height = size
    dest = f"data/{name_of(source.path)}-{resolution}.zip"
    prepare = f"zoo data prepare folder {source.path} {dest} --resolution {resolution}"
    if width != height:
        raise BadImage(f"{source.where(i)} is {width}x{height} px, not square: crop the set with `{prepare}`.")
    mend = f"or resize the set with `{prepare}`" if width > resolution else "since nothing is ever enlarged"
    raise BadImage(
        f"{source.where(i)} is {width}x{height} px, not {resolution}x{resolution}: "
        f"set resolution to {width}, {mend}."
    )
