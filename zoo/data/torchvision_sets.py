"""Data sets that torchvision reads: CIFAR-10, SVHN, MNIST, STL-10."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from zoo.data.files import TINY, MissingDataset
from zoo.data.images import Images
from zoo.data.module import ImageDataModule
from zoo.options.ranges import PositiveInt, Side


class _Torchvision(ImageDataModule):
    """Small labelled images that torchvision holds.

    `dataset` is torchvision's class, `title` what people call the set, `side` that of its images in px.
    """

    dataset: str
    title: str
    side: int

    def __init__(self, path: str, resolution: Side, split: str, download: bool, **options: Any) -> None:
        name = self.title if split == "train" else f"{self.title} {split}"
        super().__init__(path=path, resolution=resolution, name=name, **options)
        self.split, self.download = split, download

    def fetch(self, download: bool) -> Any:
        """torchvision's data set of the split."""
        which = {"train": self.split == "train"}
        return torchvision_set(self.dataset, self.title, self.paths[0], download=download, **which)

    def pixels(self, data: Any) -> tuple[Tensor, Tensor]:
        """uint8 images (n, 3, side, side) and int64 labels (n,) of what `fetch` gave."""
        raise NotImplementedError

    def test_images(self) -> Images | None:
        return type(self)(self.paths[0], self.resolution, split="test", download=self.download).opened

    def prepare_data(self) -> None:
        if self.download:  # Lightning calls this on one process of a machine, before any of them opens the files
            self.fetch(download=True)

    def open(self) -> Images:
        if self.resolution != self.side:
            raise ValueError(
                f"{self.title} has {self.side} px images, not {self.resolution}: set resolution to {self.side}, or "
                "make a zip of another size with `zoo data prepare` and give it to ImageDataModule."
            )
        return _in_memory(*self.pixels(self.fetch(download=self.download and self.trainer is None)))


class CIFAR10(_Torchvision):
    """CIFAR-10 (32 px, ten classes) through torchvision: 50,000 training or 10,000 test images.

    Args:
        path: Folder of torchvision's copy (cifar-10-batches-py).
        resolution: 32, the only one there is.
        split: Training or test images.
        download: Fetch the files if they are not there.
    """

    dataset, title, side = "CIFAR10", "CIFAR-10", 32

    def __init__(
        self,
        path: str = "data",
        resolution: Side = 32,
        split: Literal["train", "test"] = "train",
        download: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(path, resolution, split, download, **options)

    def pixels(self, data: Any) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(data.targets)


class SVHN(_Torchvision):
    """SVHN's cropped digits (32 px, ten classes) through torchvision: train, test or extra.

    Args:
        path: Folder of torchvision's copy (train_32x32.mat and so on).
        resolution: 32, the only one there is.
        split: Training, test or extra images.
        download: Fetch the file if it is not there.
    """

    dataset, title, side = "SVHN", "SVHN", 32

    def __init__(
        self,
        path: str = "data",
        resolution: Side = 32,
        split: Literal["train", "test", "extra"] = "train",
        download: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(path, resolution, split, download, **options)

    def fetch(self, download: bool) -> Any:
        return torchvision_set(self.dataset, self.title, self.paths[0], download=download, split=self.split)

    def pixels(self, data: Any) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(data.data), torch.from_numpy(data.labels)


class MNIST(_Torchvision):
    """MNIST (28 px, ten classes) through torchvision: 60,000 training or 10,000 test digits, three equal channels.

    Args:
        path: Folder of torchvision's copy (MNIST/raw).
        resolution: 28, or 32 with two black pixels around.
        split: Training or test images.
        download: Fetch the files if they are not there.
    """

    dataset, title, side = "MNIST", "MNIST", 28

    def __init__(
        self,
        path: str = "data",
        resolution: Side = 28,
        split: Literal["train", "test"] = "train",
        download: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(path, resolution, split, download, **options)
        self.side = 32 if resolution == 32 else 28

    def pixels(self, data: Any) -> tuple[Tensor, Tensor]:
        border = (self.side - 28) // 2
        pixels = F.pad(torch.as_tensor(data.data), [border] * 4)[:, None].expand(-1, 3, -1, -1).contiguous()
        return pixels, torch.as_tensor(data.targets)


class StackedMNIST(MNIST):
    """MNIST's digits by three, one in each colour: 1,000 modes that can be counted, as PGGAN's and others' do.

    The label of an image is its number of three digits, red first. Drawn as in dataset_tool.py:309-322 of
    tkarras/progressive_growing_of_gans @ 2504c3f; images are put together when they are read.

    Args:
        path: Folder of torchvision's copy (MNIST/raw).
        resolution: 28, or 32 with two black pixels around (PGGAN).
        split: Training or test digits.
        download: Fetch the files if they are not there.
        n_images: How many images (PGGAN: 1,000,000).
    """

    title = "Stacked MNIST"

    def __init__(
        self,
        path: str = "data",
        resolution: Side = 32,
        split: Literal["train", "test"] = "train",
        download: bool = True,
        n_images: PositiveInt = 1_000_000,
        **options: Any,
    ) -> None:
        super().__init__(path, resolution, split, download, **options)
        self.n_images = n_images

    def digits(self) -> tuple[Tensor, Tensor]:
        """The single digits, uint8 (60000, 3, R, R) with equal channels, and their classes."""
        pixels, labels = self.pixels(self.fetch(download=self.download and self.trainer is None))
        return pixels, labels

    def open(self) -> Images:
        pixels, labels = self.digits()
        which = torch.from_numpy(np.random.RandomState(123).randint(len(pixels), size=(self.n_images, 3)))
        content = hashlib.sha256(pixels[:, 0].contiguous().numpy()).hexdigest()
        return Images(
            read=partial(_stacked, pixels[:, 0].contiguous(), which),
            n=self.n_images,
            content=f"{content} {self.n_images}",
            labels=(labels[which] * torch.tensor([100, 10, 1])).sum(1),
            cheap=True,
        )

    def test_images(self) -> Images | None:
        return None


def _stacked(digits: Tensor, which: Tensor, indices: Sequence[int]) -> Tensor:
    return digits[which[torch.as_tensor(indices, dtype=torch.int64)]]


class STL10(ImageDataModule):
    """STL-10's 100,000 unlabelled images (96 px), resized to 48 px as the GAN papers do.

    The papers do not name their filter; this is Pillow's bilinear one, as in torchvision's Resize.

    Args:
        path: Folder of torchvision's copy (stl10_binary).
        resolution: Side of the images in pixels after resizing, at most 96.
        download: Fetch the files (2.5 GB) if they are not there.
    """

    def __init__(self, path: str = "data", resolution: Side = 48, download: bool = True, **options: Any) -> None:
        super().__init__(path=path, resolution=resolution, name="STL-10 (unlabelled)", **options)
        self.download = download

    def prepare_data(self) -> None:
        if self.download:
            torchvision_set("STL10", "STL-10", self.paths[0], download=True, split="unlabeled")

    def open(self) -> Images:
        if self.resolution > 96:
            raise ValueError(f"STL-10 has 96 px images: set resolution to 96 or less, not {self.resolution}.")
        download = self.download and self.trainer is None
        data = torchvision_set("STL10", "STL-10", self.paths[0], download=download, split="unlabeled")
        size = (self.resolution, self.resolution)
        pixels = np.empty((len(data.data), 3, *size), np.uint8)
        for row, image in enumerate(data.data):  # (3, 96, 96)
            small = Image.fromarray(image.transpose(1, 2, 0)).resize(size, Image.Resampling.BILINEAR)
            pixels[row] = np.asarray(small).transpose(2, 0, 1)
        return _in_memory(torch.from_numpy(pixels), None)


def torchvision_set(dataset: str, name: str, root: str, **options: Any) -> Any:
    """torchvision's data set of this class name.

    Raises:
        MissingDataset: if it is not in `root` and cannot be fetched.
    """
    import torchvision.datasets

    made = [p for p in (Path(root, dataset, "raw"), Path(root, dataset), Path(root)) if not p.exists()]
    try:
        return getattr(torchvision.datasets, dataset)(root, **options)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; missing or damaged files a RuntimeError
        for folder in made:
            with suppress(OSError):  # what was fetched in part stays
                folder.rmdir()
        reason = " ".join(str(error).split()).rstrip(".")
        raise MissingDataset(
            f"{name} is not in {root} and was not downloaded ({reason}): put torchvision's files of it there, "
            f"give a zip of it made with `zoo data prepare` to ImageDataModule instead, or {TINY}."
        ) from error


def _in_memory(pixels: Tensor, labels: Tensor | None) -> Images:
    content = hashlib.sha256(pixels.numpy()).hexdigest()
    return Images(read=None, n=len(pixels), content=content, labels=labels, pixels=pixels)
