"""Image data for training: any source as one list of uint8 images, served in an order that can be resumed."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data.files import TINY, Files, MissingDataset, check_size, decode
from zoo.data.images import Batch, Images, loader, worth_workers
from zoo.data.order import EndlessBatches, seed_of, subset
from zoo.data.stage import Stage
from zoo.data.streaming import is_stream, open_stream
from zoo.ranks.share import Share


def at_resolution(path: str, resolution: int) -> str:
    """`path` with {resolution} replaced."""
    return path.replace("{resolution}", str(resolution))


def to_float(
    images: Tensor,
    divisor: float = 127.5,
    noise: float = 0.0,
    flip: bool = False,
    generator: torch.Generator | None = None,
    places: Tensor | None = None,
    whole: int | None = None,
) -> Tensor:
    """uint8 images (N, 3, R, R) as float32 `x / divisor - 1 + U[0, noise)`, each mirrored with p = 1/2 if `flip`.

    With the divisor 127.5 the range is [-1, 1], both ends exact. SNGAN takes 128 and noise 1/128 (dequantisation,
    pfnet-research/sngan_projection datasets/cifar10.py:20-21). The result is on the device of the images, and so
    must be the generator. Of numbers drawn for a batch of `whole` images these are those at the `places` (N,).
    """
    x = images.float().div_(divisor).sub_(1)

    def drawn(*shape: int) -> Tensor:
        u = torch.rand(len(x) if whole is None else whole, *shape, generator=generator, device=x.device)
        return u if places is None else u[places.to(x.device)]

    if noise:
        x.add_(drawn(*x.shape[1:]), alpha=noise)
    if flip:
        x = torch.where(drawn(1, 1, 1) < 0.5, x.flip(-1), x)
    return x


class ImageDataModule(L.LightningDataModule):
    """Images from a folder, a StyleGAN2-ADA style zip, several zips joined, or a stream of chunks.

    A folder's sub-folders are its classes unless a dataset.json says otherwise. Grey, palette and CMYK images
    become RGB, transparent pixels are laid over white; all images must be squares of `resolution`. Decoded images
    are kept in memory when they fit (one copy per process), otherwise workers decode each batch.

    Args:
        path: Folder or zip, or a list of zips to join, or where `zoo data stream`'s chunks are (a folder, s3://...);
            {resolution} in it is replaced by the resolution.
        resolution: Side of the images in pixels.
        batch_size: Images of a batch over all devices together.
        labels: False leaves the labels out.
        flip: Mirror each image with probability 1/2.
        divisor: Pixel values x become x / divisor - 1.
        noise: Uniform noise in [0, noise) added to every converted value (dequantisation).
        memory_gib: Keep the decoded images in memory up to this size.
        num_workers: Processes that decode images.
        seed: Seed of the order, flips and noise; the run's seed by default.
        limit: Use only so many images.
        limit_to: Which of them: a fixed random choice, in which sets sorted by class stay mixed, or the first ones
            in the order of the files.
        source_resolution: Side of the images at `path` where they are larger, by a power of two: they are averaged
            down. `resolution` by default.
        filter: Refuse a prepared set that was resized by another filter than this, as its manifest tells.
        cache_gib: Keep streamed chunks on the disk up to this size; three quarters of the free disk by default.
        name: Name in results; the file's or folder's by default.
    """

    kind = "folder"  # what `zoo data prepare` calls this data set

    def __init__(
        self,
        path: str | list[str],
        resolution: int,
        batch_size: int = 64,
        labels: bool = True,
        flip: bool = False,
        divisor: float = 127.5,
        noise: float = 0.0,
        memory_gib: float = 8.0,
        num_workers: int = 2,
        seed: int | None = None,
        limit: int | None = None,
        limit_to: Literal["random", "first"] = "random",
        source_resolution: int | None = None,
        filter: str | None = None,
        cache_gib: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        factor = source_resolution / resolution if source_resolution else 1
        if factor < 1 or not math.log2(factor).is_integer():
            raise ValueError(
                f"source_resolution {source_resolution} is not {resolution} times a power of two: it says how "
                "large the images at path are."
            )
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be at least 1 image, got {limit}.")
        self.paths = [os.fspath(path)] if isinstance(path, str | os.PathLike) else [os.fspath(p) for p in path]
        if not self.paths:
            raise ValueError("path is an empty list: name a folder or at least one zip.")
        self.resolution, self.full_resolution = resolution, source_resolution or resolution
        self.batch_size, self.parts, self.block = batch_size, 1, 1
        self.use_labels = labels
        self.flip, self.divisor, self.noise = flip, divisor, noise
        self.memory_gib, self.num_workers, self.cache_gib = memory_gib, num_workers, cache_gib
        self.seed, self.limit, self.limit_to, self.filter = seed, limit, limit_to, filter
        self.name = name or " + ".join(Path(p).stem for p in self.paths)
        self._images: Images | None = None
        self._opened_at = 0
        self._n_classes = 0
        self.left_out = 0  # images that were skipped when the files were prepared
        # one for each resolution seen, here or in the run that wrote the checkpoint: growing models change it
        self._fingerprints: dict[int, str] = {}

    # ---- where the images are: what a named data set replaces

    def open(self) -> Images:
        """The source at the present `resolution`, with labels if it has any.

        Raises:
            MissingDataset: nothing is at `path`.
            ValueError: the files do not make a data set of this resolution.
        """
        if len(self.paths) == 1 and is_stream(where := at_resolution(self.paths[0], self.resolution)):
            images, manifest = open_stream(where, self.cache_gib)
            self._check_manifest(where, manifest)
            self.left_out = manifest.get("skipped", 0)
            return images
        files = [self._files(at_resolution(p, self.resolution)) for p in self.paths]
        for source in files:
            self._check_manifest(source.path, source.manifest or {})
            # the rest is checked when it is decoded
            check_size(source, 0, source.image(0).size, self.resolution)
        self.left_out = sum((source.manifest or {}).get("skipped", 0) for source in files)

        labels = None
        if self.use_labels:
            labelled = [source.labels is not None for source in files]
            if all(labelled):
                labels = torch.tensor([c for source in files for c in source.labels])
            elif any(labelled):
                with_, without = files[labelled.index(True)].path, files[labelled.index(False)].path
                raise ValueError(
                    f"{with_} has labels and {without} has none, so they do not join: "
                    "label both, or set labels to false."
                )
        return Images(
            read=functools.partial(decode, files, self.resolution),
            n=sum(map(len, files)),
            content=" ".join(source.listing(labels=False) for source in files),
            labels=labels,
        )

    def _check_manifest(self, path: str | Path, manifest: dict) -> None:
        stored = manifest.get("resolution", self.resolution)
        if stored != self.resolution:
            raise ValueError(
                f"{path} was prepared at {stored} px (manifest.json), not {self.resolution}: "
                f"set resolution to {stored} or prepare it at {self.resolution} with `zoo data prepare`."
            )
        made_by = manifest.get("filter")
        resized = made_by and manifest.get("resized", True)
        alike = {self.filter, *({"mean", "box"} if self.filter in ("mean", "box") else ())}
        if self.filter and resized and made_by not in alike:
            raise ValueError(
                f"{path} was resized with the filter {made_by} (manifest.json), this run wants {self.filter}, and "
                f"FID depends on it: prepare it with `--filter {self.filter}`, or set filter to {made_by}."
            )

    def has_level(self, resolution: int) -> bool:
        """Whether a lower resolution of a growing model has files of its own: {resolution} in `path`."""
        return all("{resolution}" in p and Path(at_resolution(p, resolution)).exists() for p in self.paths)

    def _open_level(self) -> Images:
        """The source at the present resolution; one below the full has its own files, or is averaged down."""
        if self.resolution == self.full_resolution or self.has_level(self.resolution):
            return self.open()
        full = copy.copy(self)
        full.resolution = self.full_resolution
        return full.open().shrunk(self.full_resolution // self.resolution)

    def _files(self, path: str) -> Files:
        try:
            return Files(path)
        except MissingDataset:
            dest = path if path.endswith(".zip") else f"{path}.zip"
            raise MissingDataset(
                f"no data set at {path}: make it with `zoo data prepare {self.kind} SOURCE {dest} "
                f"--resolution {self.resolution}`, or {TINY}."
            ) from None

    # ---- the contract with the rest of the zoo

    def enter(self, stage: Stage) -> None:
        """Serve the resolution and batch size of a growing model's stage; other resolutions are released."""
        if stage.resolution != self.resolution:
            self._images = None
        self.resolution, self.batch_size = stage.resolution, stage.images_per_step
        self.parts, self.block = stage.parts, stage.block

    def setup(self, stage: str | None = None) -> None:
        """Open the source at the present resolution, once; needs no trainer."""
        if self.seed is None:
            self.seed = torch.initial_seed()
        if self._images is not None and self._opened_at == self.resolution:
            return
        images = self._open_level()
        if not self.use_labels:
            images = replace(images, labels=None)
        n_classes = 0 if images.labels is None else int(images.labels.max()) + 1
        images = images.take(self._chosen(len(images)))
        self._check_fingerprint(images, first=not self._opened_at)
        fits = len(images) * 3 * self.resolution**2 <= self.memory_gib * 2**30
        if images.pixels is None and not images.cheap and fits:
            # a growing model's next stage goes on at once: its images are decoded, and kept, as they come
            later = self._opened_at != 0
            images = images.remembered(self.resolution) if later else images.load(self.resolution, self.num_workers)
        self._images, self._opened_at, self._n_classes = images, self.resolution, n_classes

    def _check_fingerprint(self, images: Images, first: bool) -> None:
        """Note what the data set is at this resolution; refuse another one than before, or than the checkpoint's.

        The resolution opened first must be known to the checkpoint; later ones may be new (growing models).
        """
        labels = None if images.labels is None else hashlib.sha256(images.labels.numpy().tobytes()).hexdigest()
        parts = [images.content, labels, len(images), self.resolution]
        if self.limit is not None and self.limit_to == "first":
            parts.append("first")
        text = json.dumps(parts)
        new = hashlib.sha256(text.encode()).hexdigest()
        known = self._fingerprints
        if first and known and self.resolution not in known:
            raise ValueError(
                f"the data set changed under the checkpoint: {self.name} is opened at {self.resolution} px, the "
                f"checkpoint was trained at {', '.join(map(str, sorted(known)))} px; give the same resolution, "
                "or start a new run."
            )
        if known.setdefault(self.resolution, new) != new:
            raise ValueError(
                f"the data set changed under the checkpoint: {self.name} at {self.resolution} px has fingerprint "
                f"{new[:12]}, the checkpoint was trained on {known[self.resolution][:12]}; give it the same files, "
                "labels and limit, or start a new run."
            )

    @property
    def opened(self) -> Images:
        """The images, opened at need."""
        self.setup()
        return self._images

    def __len__(self) -> int:
        return len(self.opened)

    @property
    def labels(self) -> Tensor | None:
        """Class of every image, int64 (n,), or None."""
        return self.opened.labels

    @property
    def n_classes(self) -> int:
        """Number of classes, 0 without labels."""
        self.setup()
        return self._n_classes

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over names, checksums and sizes of the images, labels, count and resolution."""
        self.setup()
        return self._fingerprints[self.resolution]

    def _chosen(self, n: int) -> Tensor:
        """Which of n images `limit` leaves, in rising order."""
        if self.limit_to == "first" and self.limit is not None:
            return torch.arange(min(n, self.limit))
        return subset(n, self.limit)

    def held_out(self) -> Images | None:
        """The images that `limit` leaves out of training, or None if there are none."""
        if self.limit is None:
            return None
        every = self.open()
        left = torch.ones(len(every), dtype=torch.bool)
        left[self._chosen(len(every))] = False
        return every.take(left.nonzero()[:, 0]) if left.any() else None

    def test_images(self) -> Images | None:
        """The data set's own test images, or None where it has none."""
        return None

    def images(self, indices: Sequence[int] | Tensor) -> Tensor:
        """uint8 (n, 3, R, R)."""
        return self.opened[indices][0]

    def batches(self, batch_size: int, rank: int = 0, world: int = 1, limit: int | None = None) -> Iterator[Batch]:
        """Every image once, in index order, none padded: rank r gets those whose place i has i % world == r.

        With `limit` smaller than the set, the places count through the first `limit` images of a fixed
        permutation, sorted: the same choice for every world size.
        """
        images = self.opened
        chosen = subset(len(images), limit)[rank::world]
        workers = self._workers(images) if worth_workers(len(chosen), self.resolution) else 0
        parts = [part.tolist() for part in chosen.split(batch_size)] if len(chosen) else []
        return iter(loader(images, parts, workers))

    # ---- training

    def _stage(self) -> Stage:
        given = Stage(self.resolution, self.batch_size)
        return given if self.trainer is None else getattr(self.trainer.lightning_module, "stage", given)

    def _progress(self) -> tuple[int, int, int]:
        """Images shown so far, rank and world size."""
        if self.trainer is None:
            return 0, 0, 1
        return int(self.trainer.lightning_module.nimg), self.trainer.global_rank, self.trainer.world_size

    def _workers(self, images: Images) -> int:
        return 0 if images.cheap or images.pixels is not None else self.num_workers

    def train_dataloader(self) -> DataLoader:
        """Batches from the trainer's `nimg` on (0 without a trainer) to the stage's end, this rank's share of each.

        A stage's end is an epoch's end for Lightning, which then asks for the next stage's.
        """
        stage = self._stage()
        self.enter(stage)
        images = self.opened
        nimg, rank, world = self._progress()
        sampler = EndlessBatches(
            *(len(images), self.batch_size, self.seed, nimg, rank, world, stage.end, images.chunks),
            *(self.parts, self.block),
        )
        return loader(images, sampler, self._workers(images), pin=torch.cuda.is_available())

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """uint8 to float on the device; noise and flip of an image are a pure function of (seed, its position)."""
        images, labels = batch
        drawn = {}
        if self.noise or self.flip:
            nimg, rank, world = self._progress()
            seed = seed_of("pixels", self.seed, nimg, 0)
            drawn["generator"] = torch.Generator(images.device).manual_seed(seed)
            if world > 1:
                mine = Share(self.batch_size // self.parts, rank, world, self.block)
                drawn |= {"places": mine.places(self.parts), "whole": self.batch_size}
        images = to_float(images, self.divisor, self.noise, self.flip, **drawn)
        # "64-true" and "bf16-true" have converted the model; they convert a batch only before this hook
        return images.to(self.trainer.lightning_module.dtype) if self.trainer else images, labels

    def state_dict(self) -> dict:
        return {"seed": self.seed, "fingerprints": dict(self._fingerprints)}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take the run's seed over; a data set with another fingerprint is refused."""
        self.seed = state_dict["seed"]
        self._fingerprints = dict(state_dict["fingerprints"])
        if self._images is not None:
            self._check_fingerprint(self._images, first=True)
