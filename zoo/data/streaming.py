"""Data sets larger than a disk: chunks in object storage, fetched and dropped by litdata while training goes on.

`zoo data stream` cuts a prepared zip into chunks; ImageDataModule reads them where it would read a zip, from a
folder or from s3://, gs://, r2://, azure:// and hf:// addresses. The order is shuffled within windows of a few
chunks (see `zoo.data.order.windowed`), a pure function of (seed, position) as everywhere: every rank and worker
fetches the chunks of the running window, and a resumed run asks for the same images.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from zoo.data.colours import upright_rgb
from zoo.data.files import BadImage, Files, MissingDataset, check_size, reason
from zoo.data.images import Images
from zoo.data.labels import MOST_CLASSES
from zoo.data.paths import name_of
from zoo.data.whole import write_whole
from zoo.options.bar import track

ABOUT, LABELS = "zoo.json", "labels.npy"
REMOTE = ("s3://", "gs://", "r2://", "azure://", "hf://", "local:")  # local: is a folder treated as if it were far


def _litdata():
    os.environ.setdefault("LITDATA_DISABLE_VERSION_CHECK", "1")  # it would ask a server at every start
    try:
        import litdata
    except ImportError as error:
        raise ModuleNotFoundError("streaming needs litdata: pip install 'gan-zoo[data]'.") from error
    return litdata


def is_stream(path: str) -> bool:
    """Whether chunks are read from `path`, not files."""
    return path.startswith(REMOTE) or Path(path, ABOUT).is_file()


def write_stream(source: str | Path, dest: str | Path, chunk_mb: int = 64) -> int:
    """Cut the images of a prepared zip into chunks in the folder `dest`, to be copied to object storage as it is.

    Args:
        source: zip or folder that ImageDataModule reads.
        dest: a folder that does not exist yet, or is empty.
        chunk_mb: size of a chunk; a window of 16 of them is shuffled together.

    Returns:
        the number of images.

    Raises:
        FileExistsError: there is something in `dest`.
        BadImage: an image cannot be decoded, or is of another size than the first.
        ValueError: `source` is no data set, or chunk_mb is not positive.
    """
    _litdata()
    from litdata.streaming import Cache

    if chunk_mb < 1:
        raise ValueError(f"chunk_mb must be at least 1, got {chunk_mb}.")
    dest = Path(dest)
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise FileExistsError(f"{dest} is {'not empty' if dest.is_dir() else 'a file'}: choose another folder.")
    files = Files(source)
    width, height = files.image(0).size
    if width != height:
        raise ValueError(f"{files.where(0)} is {width}x{height} px, not square: prepare the set first.")
    for i in track(range(len(files)), len(files), what="images looked at"):
        check_size(files, i, files.image(i).size, width)  # all of them, before anything is written
    dest.mkdir(parents=True, exist_ok=True)
    cache = Cache(str(dest), chunk_bytes=f"{chunk_mb}MB")
    for i, name in enumerate(track(files.names, len(files.names), what="images cut")):
        cache[i] = {"image": files.bytes(name)}
    cache.done()
    cache.merge()
    if files.labels is not None:
        np.save(dest / LABELS, np.array(files.labels, np.int64))
    about = {
        "name": name_of(files.path),
        "images": len(files),
        "resolution": width,
        "labelled": files.labels is not None,
        "content": files.listing(labels=False),
        "manifest": files.manifest,
    }
    write_whole(dest / ABOUT, json.dumps(about, indent=1))  # last: without it the folder is no data set
    return len(files)


def open_stream(path: str, cache_gib: float | None = None) -> tuple[Images, dict]:
    """The images behind `path`, and what prepared them.

    Args:
        path: folder or address that `write_stream`'s folder was copied to.
        cache_gib: keep fetched chunks on the disk up to this size; three quarters of the free disk by default.

    Raises:
        MissingDataset: nothing is there.
    """
    _litdata()
    about, index, labels = _about(path), _json(path, "index.json"), None
    try:
        sizes = torch.tensor([chunk["chunk_size"] for chunk in index["chunks"]])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"index.json at {path} is damaged ({error!r}): write the stream anew.") from error
    if about["labelled"]:
        try:
            labels = torch.from_numpy(np.load(io.BytesIO(_fetch(path, LABELS)))).to(torch.int64)
        except (ValueError, TypeError, EOFError) as error:
            raise ValueError(f"{LABELS} at {path} is damaged ({error}): write the stream anew.") from error
        if labels.shape != (about["images"],) or labels.min() < 0 or labels.max() >= MOST_CLASSES:
            raise ValueError(
                f"{LABELS} at {path} does not hold a class number for each image: write the stream anew."
            )
    images = Images(
        read=Streamed(path, about["resolution"], cache_gib),
        n=about["images"],
        content=f"{about['content']} in chunks of {sizes.tolist()}",
        labels=labels,
        chunks=sizes,
    )
    return images, {"resolution": about["resolution"]} | (about["manifest"] or {})


def _json(path: str, name: str) -> dict:
    """A small JSON file beside the chunks.

    Raises:
        ValueError: naming it, if it is none.
    """
    try:
        found = json.loads(_fetch(path, name))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{name} at {path} is not JSON ({error}): write the stream anew with `zoo data stream`."
        ) from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} at {path} is no mapping: write the stream anew with `zoo data stream`.")
    return found


def _about(path: str) -> dict:
    """What `write_stream` has written of the images."""
    about = _json(path, ABOUT)
    kinds = {"images": int, "resolution": int, "labelled": bool, "content": str, "manifest": dict | None}
    for key, kind in kinds.items():
        if key not in about or not isinstance(about[key], kind):
            raise ValueError(
                f"{ABOUT} at {path} is damaged: its {key} is {about.get(key)!r}; write the stream anew with "
                "`zoo data stream`."
            )
    return about


def _fetch(path: str, name: str) -> bytes:
    """A small file beside the chunks."""
    if not path.startswith(REMOTE):
        return Path(path, name).read_bytes()
    from litdata.streaming.downloader import get_downloader

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, name)
        try:
            get_downloader(path, folder, []).download_file(f"{path.rstrip('/')}/{name}", str(target))
            return target.read_bytes()
        except Exception as error:  # each storage has its own kinds
            raise MissingDataset(
                f"no data set at {path} ({name}: {reason(error)}): write one with `zoo data stream ZIP FOLDER` and "
                "copy the folder there, or check the address and your access to it."
            ) from error


class Streamed:
    """Reads images by number through litdata, which fetches the chunks they lie in."""

    def __init__(self, path: str, resolution: int, cache_gib: float | None) -> None:
        self.path, self.resolution, self.cache_gib = path, resolution, cache_gib
        self._opened: tuple[int, object] | None = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_opened": None}

    def _dataset(self):
        if self._opened is None or self._opened[0] != os.getpid():  # each worker has its own threads
            size = None if self.cache_gib is None else int(self.cache_gib * 2**30)
            dataset = _litdata().StreamingDataset(self.path, max_cache_size=size)
            dataset[:0]  # a slice makes it keep whole chunks, not fetch single images
            self._opened = (os.getpid(), dataset)
        return self._opened[1]

    def __call__(self, indices: Sequence[int]) -> torch.Tensor:
        out = np.empty((len(indices), 3, self.resolution, self.resolution), np.uint8)
        dataset = self._dataset()
        for row in np.argsort(indices, kind="stable").tolist():  # one chunk after the other
            i = int(indices[row])
            try:
                image = upright_rgb(Image.open(io.BytesIO(dataset[i]["image"])))[0]
                out[row] = np.asarray(image).transpose(2, 0, 1)
            except (OSError, ValueError, BadImage) as error:
                raise BadImage(f"image {i} of {self.path} cannot be decoded ({reason(error)}).") from error
        return torch.from_numpy(out)
