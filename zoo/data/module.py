"""Image data for training: any source as one list of uint8 images, served in an order that can be resumed."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data import manifests, opening
from zoo.data.floats import check_range, to_float
from zoo.data.images import Batch, Images, loader, worth_workers
from zoo.data.kinds import Filter
from zoo.data.order import EndlessBatches, seed_of, subset
from zoo.data.paths import name_of
from zoo.data.stage import Stage
from zoo.data.streaming import is_stream, open_stream
from zoo.options.checked import Checked
from zoo.options.ranges import BatchSize, NonNegativeFloat, PositiveFloat, PositiveInt, Seed, Side, Workers
from zoo.ranks.share import Share


class ImageDataModule(Checked, L.LightningDataModule):
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
        stretch: Refuse a prepared set whose images were not, or were, stretched to 0..255, as its manifest tells.
        test_path: Folder or zip of the set's own test images, which training never sees.
        cache_gib: Keep streamed chunks on the disk up to this size; three quarters of the free disk by default.
        name: Name in results; the file's or folder's by default.
    """

    kind = "folder"  # what `zoo data prepare` calls this data set

    def __init__(
        self,
        path: str | list[str],
        resolution: Side,
        batch_size: BatchSize = 64,
        labels: bool = True,
        flip: bool = False,
        divisor: PositiveFloat = 127.5,
        noise: NonNegativeFloat = 0.0,
        memory_gib: NonNegativeFloat = 8.0,
        num_workers: Workers = 2,
        seed: Seed | None = None,
        limit: PositiveInt | None = None,
        limit_to: Literal["random", "first"] = "random",
        source_resolution: Side | None = None,
        filter: Filter | None = None,
        stretch: bool | None = None,
        test_path: str | None = None,
        cache_gib: PositiveFloat | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        check_range(divisor, noise)
        opening.check_scale(resolution, source_resolution)
        self.paths = [os.fspath(path)] if isinstance(path, str | os.PathLike) else [os.fspath(p) for p in path]
        if not (self.paths and all(self.paths)):
            raise ValueError("path is an empty list or name: give a folder or at least one zip.")
        self.resolution, self.full_resolution = resolution, source_resolution or resolution
        self.batch_size, self.parts, self.block = batch_size, 1, 1
        self.use_labels, self.flip, self.divisor, self.noise = labels, flip, divisor, noise
        self.memory_gib, self.num_workers, self.cache_gib = memory_gib, num_workers, cache_gib
        self.seed, self.limit, self.limit_to = seed, limit, limit_to
        self.filter, self.stretch, self.test_path = filter, stretch, test_path
        self.name = name or " + ".join(map(name_of, self.paths))
        self._images: Images | None = None
        self._opened_at = self._n_classes = 0
        self.left_out = 0  # images that were skipped when the files were prepared
        # one for each resolution seen, here or in the run that wrote the checkpoint: growing models change it
        self._fingerprints: dict[int, str] = {}

    # ---- where the images are

    def open(self) -> Images:
        """The source at the present `resolution`, with labels if it has any.

        Raises:
            MissingDataset: nothing is at `path`.
            ValueError: the files do not make a data set of this resolution.
        """
        if len(self.paths) == 1 and is_stream(where := opening.at_resolution(self.paths[0], self.resolution)):
            images, manifest = open_stream(where, self.cache_gib)
            manifests.check_manifest(where, manifest, self.resolution, self.filter, self.stretch)
            self.left_out = manifest.get("skipped", 0)
            return images
        paths = [opening.at_resolution(p, self.resolution) for p in self.paths]
        asked = (self.kind, self.resolution, self.use_labels, self.filter, self.stretch)
        images, self.left_out = opening.open_files(paths, *asked)
        return images

    def has_level(self, resolution: int) -> bool:
        """Whether a lower resolution of a growing model has files of its own: {resolution} in `path`."""
        there = [Path(opening.at_resolution(p, resolution)).exists() for p in self.paths if "{resolution}" in p]
        return len(there) == len(self.paths) and all(there)

    def _open_level(self) -> Images:
        """The source at the present resolution; one below the full has its own files, or is averaged down."""
        if self.resolution == self.full_resolution:
            return self.open()
        if self.has_level(self.resolution):
            opening.check_level(self.paths, self.resolution, self.full_resolution)
            return self.open()
        full = copy.copy(self)
        full.resolution = self.full_resolution
        return full.open().shrunk(self.full_resolution // self.resolution)

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
        if self.test_path:
            opening.check_tests(opening.at_resolution(self.test_path, self.full_resolution))
        images = self._open_level()
        if self.test_path:
            opening.check_unseen(self.test_images(), images, self.test_path, self.paths)
        if not self.use_labels:
            images = replace(images, labels=None)
        n_classes = 0 if images.labels is None else int(images.labels.max()) + 1
        images = images.take(subset(len(images), self.limit, self.limit_to))
        self._check_fingerprint(images, first=not self._opened_at)
        fits = len(images) * 3 * self.resolution**2 <= self.memory_gib * 2**30
        if images.pixels is None and not images.cheap and fits:
            # a growing model's next stage goes on at once: its images are decoded, and kept, as they come
            later = self._opened_at != 0
            images = images.remembered(self.resolution) if later else images.load(self.resolution, self.num_workers)
        self._images, self._opened_at, self._n_classes = images, self.resolution, n_classes

    def _fingerprint(self, images: Images) -> str:
        return manifests.fingerprint(images, self.resolution, self.limit is not None and self.limit_to == "first")

    def _check_fingerprint(self, images: Images, first: bool) -> None:
        manifests.note_fingerprint(self._fingerprints, self._fingerprint(images), self.name, self.resolution, first)

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
        """sha256 (hex) over names, checksums (in a zip) and sizes of the images, labels, count and resolution."""
        self.setup()
        return self._fingerprints[self.resolution]

    @property
    def pictures(self) -> str:
        """The fingerprint that the images have without their labels: no distance depends on labels."""
        return self._fingerprint(replace(self.opened, labels=None))

    def held_out(self) -> Images | None:
        """The images that `limit` leaves out of training, or None if there are none."""
        if self.limit is None:
            return None
        every = self._open_level()
        left = torch.ones(len(every), dtype=torch.bool)
        left[subset(len(every), self.limit, self.limit_to)] = False
        return every.take(left.nonzero()[:, 0]) if left.any() else None

    def test_images(self) -> Images | None:
        """The data set's own test images, or None where it has none."""
        if self.test_path is None:
            return None
        same = {"labels": self.use_labels, "filter": self.filter, "stretch": self.stretch}
        tests = ImageDataModule(self.test_path, self.resolution, source_resolution=self.full_resolution, **same)
        tests.kind = self.kind
        return self.chosen(tests._open_level())

    def chosen(self, images: Images) -> Images:
        """Those of a source's images that belong to the set."""
        return images

    def unseen(self) -> Images | None:
        """Images of the set that training does not see: those that `limit` leaves out, else its test images."""
        return self.held_out() or (None if getattr(self, "split", None) == "test" else self.test_images())

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

    def _draws(self, what: str, device: torch.device) -> tuple:
        """A generator of the whole running batch; of several processes also this one's places and its size."""
        nimg, rank, world = self._progress()
        generator = torch.Generator(device).manual_seed(seed_of(what, self.seed, nimg, 0))
        share = Share(self.batch_size // self.parts, rank, world, self.block)
        return (generator, share.places(self.parts), self.batch_size) if world > 1 else (generator,)

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
        where = (self.seed, nimg, rank, world, stage.end, images.chunks, self.parts, self.block)
        order = EndlessBatches(len(images), self.batch_size, *where)
        return loader(images, order, self._workers(images), pin=torch.cuda.is_available())

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """uint8 to float on the device; noise and flip of an image are a pure function of (seed, its position)."""
        x = to_float(batch[0], self.divisor, self.noise, self.flip, *self._draws("pixels", batch[0].device))
        # "64-true" and "bf16-true" have converted the model; they convert a batch only before this hook
        return x.to(self.trainer.lightning_module.dtype) if self.trainer else x, batch[1]

    def state_dict(self) -> dict:
        return {"seed": self.seed, "fingerprints": dict(self._fingerprints)}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take the run's seed over; a data set with another fingerprint is refused."""
        self.seed, self._fingerprints = state_dict["seed"], dict(state_dict["fingerprints"])
        if self._images is not None:
            self._check_fingerprint(self._images, first=True)
