"""All images of a data set as one list, read batch by batch from wherever they are."""

from __future__ import annotations

import functools
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.data.files import BadImage, Files

Batch = tuple[Tensor, Tensor | None]


@dataclass(eq=False)
class Images(Dataset):
    """Images by number, one whole batch per access: `images[[3, 1]] -> (uint8 (2, 3, R, R), labels or None)`.

    Args:
        read: picklable function from a list of indices to uint8 (n, 3, R, R).
        n: how many there are.
        content: hash of what the images are, independent of where they lie.
        version: tells apart what is of one `content`, which of a folder is names and sizes; "" where that is all.
        labels: int64 (n,), or None.
        pixels: all of them, uint8 (n, 3, R, R), when they are held in memory; `read` is then not called.
        cheap: `read` needs no worker processes.
        files: what they are read from, maybe among others; () where there are no files.
        chunks: sizes of the runs of images that lie together where single ones are dear to fetch, or None.
    """

    read: Callable[[Sequence[int]], Tensor] | None
    n: int
    content: str
    version: str = field(default="", kw_only=True)
    labels: Tensor | None = None
    pixels: Tensor | None = None
    cheap: bool = False
    chunks: Tensor | None = None
    files: Sequence[Files] = ()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        index = torch.as_tensor(indices, dtype=torch.int64)
        images = self.read(index.tolist()) if self.pixels is None else rows(self.pixels, index)
        return images, None if self.labels is None else self.labels[index]

    def take(self, keep: Tensor) -> Images:
        """Only the images `keep` (m,)."""
        if len(keep) == self.n:
            return self
        labels = None if self.labels is None else self.labels[keep]
        chunks = self.chunks
        if chunks is not None:
            owner = torch.searchsorted(chunks.cumsum(0), keep, right=True)
            chunks = torch.bincount(owner)
            chunks = chunks[chunks > 0]
        kept = replace(self, n=len(keep), labels=labels, chunks=chunks)
        if self.pixels is not None:
            return replace(kept, pixels=self.pixels[keep])
        return replace(kept, read=functools.partial(_read_kept, self.read, keep))

    def shrunk(self, factor: int) -> Images:
        """The same images at 1 / factor of their side, each level the mean of 2x2 boxes of the one above it."""
        if self.pixels is not None:
            parts = [box_down(part, factor) for part in self.pixels.split(1024)]
            return replace(self, pixels=torch.cat(parts))
        return replace(self, read=functools.partial(_read_shrunk, self.read, factor))

    def remembered(self, resolution: int) -> Images:
        """The same images, each kept in memory after it was first read."""
        return replace(self, read=Remembered(self.read, self.n, resolution))

    def load(self, resolution: int, workers: int) -> Images:
        """All of it in memory, read by `workers` processes (threads would wait for Python at small sizes)."""
        pixels = torch.empty(self.n, 3, resolution, resolution, dtype=torch.uint8)
        size = max(1, 2**18 // resolution**2)  # small chunks: they come through shared memory
        chunks = [range(i, min(i + size, self.n)) for i in range(0, self.n, size)]
        batches = loader(self, chunks, workers if worth_workers(self.n, resolution) else 0)
        for chunk, (images, _) in zip(chunks, batches, strict=True):
            pixels[chunk.start : chunk.stop] = images
        return replace(self, pixels=pixels)


def worth_workers(n: int, resolution: int) -> bool:
    """Whether n images are worth starting processes for."""
    return n * resolution**2 >= 2**22  # starting processes costs more than decoding a few images


def rows(pixels: Tensor, index: Tensor) -> Tensor:
    """`pixels[index]` by NumPy: for one batch torch's thread pool costs more than the copy."""
    return torch.from_numpy(pixels.numpy()[index.numpy()])


class Remembered:
    """`read` that keeps what it has read, in memory that forked workers share: each image is decoded once.

    Training starts at once, and is at full speed after one epoch.
    """

    def __init__(self, read: Callable[[Sequence[int]], Tensor], n: int, resolution: int) -> None:
        self.read = read
        size = n * 3 * resolution**2
        memory = np.frombuffer(mmap.mmap(-1, size + n), np.uint8)  # anonymous: /dev/shm is small in containers
        self.pixels: Tensor | None = torch.from_numpy(memory[:size].reshape(n, 3, resolution, resolution))
        self.known = torch.from_numpy(memory[size:].view(np.bool_))

    def __getstate__(self) -> dict:  # for workers that are not forked: they remember nothing
        return {"read": self.read, "pixels": None}

    def __call__(self, indices: Sequence[int]) -> Tensor:
        if self.pixels is None:
            return self.read(indices)
        index = torch.as_tensor(indices, dtype=torch.int64)
        new = index[~self.known[index]].unique()
        if len(new):
            self.pixels[new] = self.read(new.tolist())
            self.known[new] = True
        return rows(self.pixels, index)


def _read_kept(read: Callable[[Sequence[int]], Tensor], keep: Tensor, indices: Sequence[int]) -> Tensor:
    return read(keep[indices].tolist())


def _read_shrunk(read: Callable[[Sequence[int]], Tensor], factor: int, indices: Sequence[int]) -> Tensor:
    return box_down(read(indices), factor)


def box_down(images: Tensor, factor: int) -> Tensor:
    """uint8 (N, C, H, W) -> (N, C, H / factor, W / factor): means of boxes, halves rounded to even.

    With a power of two that is the repeated 2x2 mean of the growing papers' data sets, rounded once at the end
    (tkarras/progressive_growing_of_gans @ 2504c3f dataset_tool.py:68-79): every sum is exact in float32.
    """
    return torch.nn.functional.avg_pool2d(images.float(), factor).round().to(torch.uint8)


def _same(item):
    return item


def _live_as_parent(stops: bool, worker: int) -> None:
    """A worker ends when its parent does, and not before, unless it `stops` at once by a signal of its own.

    Ctrl-C and a scheduler's SIGTERM reach every process of a run, and the parent still needs its batches to finish
    the running step; a worker whose parent was killed would wait for ever for somebody to take its results.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        # with 0, since the parent would take any other code for a failure
        signal.signal(number, (lambda *_: os._exit(0)) if stops else signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Loader(DataLoader):
    """Raises a worker's `BadImage` as its sentence: DataLoader alone would bury it in a traceback."""

    def __iter__(self) -> Iterator:
        for item in super().__iter__():
            if isinstance(item, BadImage):
                raise item
            yield item


@dataclass(eq=False)
class _Attempts(Dataset):
    """Hands a `BadImage` over as a value."""

    dataset: Dataset

    def __getitem__(self, item):
        try:
            return self.dataset[item]
        except BadImage as error:
            return BadImage(str(error))


def loader(
    dataset: Dataset, sampler: Iterable[Sequence[int]], workers: int, pin: bool = False, stops: bool = False
) -> DataLoader:
    """`dataset[item]` for each item of `sampler`, in order, computed by `workers` processes.

    Args:
        stops: the processes end at once by Ctrl-C, as nobody needs what they are at.
    """
    return _Loader(
        _Attempts(dataset),
        sampler=sampler,
        batch_size=None,  # an item is a whole batch already
        num_workers=workers,
        collate_fn=_same,
        pin_memory=pin,
        worker_init_fn=functools.partial(_live_as_parent, stops),
        generator=torch.Generator(),  # its workers' seed would otherwise be drawn from the global stream
    )
