"""Data sets by name: each says where its images are; all else, and the other options, are `ImageDataModule`'s."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.data import drawn
from zoo.data.floats import cropped
from zoo.data.images import Batch, Images, Remembered
from zoo.data.kinds import KINDS, Filter
from zoo.data.module import ImageDataModule
from zoo.data.opening import at_resolution
from zoo.options.ranges import Fraction, NonNegativeInt, PositiveInt, Side


class Drawn(ImageDataModule):
    """Drawn faces with ten hair colours as classes: needs no file, and its modes can be counted exactly.

    Args:
        resolution: Side of the images in pixels, a power of two of at least 8.
        n_images: How many different faces there are.
    """

    def __init__(self, resolution: Side = 32, n_images: PositiveInt = 20_000, **options: Any) -> None:
        super().__init__(path="drawn", resolution=resolution, name="drawn faces", **options)
        self.n_images = n_images

    def test_images(self) -> Images:
        """The 2,000 faces that come after these."""
        n = 2000
        return Images(
            read=partial(_draw_after, self.n_images, self.resolution),
            n=n,
            content=f"drawn faces, version {drawn.VERSION}, after {self.n_images}",
            labels=drawn.attributes(range(self.n_images, self.n_images + n))["hair_colour"],
        )

    def open(self) -> Images:
        drawn.check_resolution(self.resolution)
        fits = self.n_images * 3 * self.resolution**2 <= self.memory_gib * 2**30
        draw = partial(_draw, self.resolution)
        return Images(
            read=Remembered(draw, self.n_images, self.resolution) if fits else draw,
            n=self.n_images,
            content=f"drawn faces, version {drawn.VERSION}",
            labels=drawn.attributes(range(self.n_images))["hair_colour"],
            cheap=fits,
        )


def _draw(resolution: int, indices: Sequence[int]) -> Tensor:
    return drawn.draw(indices, resolution)


def _draw_after(n: int, resolution: int, indices: Sequence[int]) -> Tensor:
    return drawn.draw([n + int(i) for i in indices], resolution)


def _whole(data: ImageDataModule, images: Images, split: str) -> Images:
    """The split of a set that must be whole; what its preparation skipped counts as present.

    Raises:
        ValueError: there are more or fewer images than the set has.
    """
    about = KINDS[data.kind]
    wanted, found = about.counts["all" if "all" in about.counts else split], len(images) + data.left_out
    if found != wanted:
        where = " + ".join(at_resolution(p, data.resolution) for p in data.paths)
        skipped = f" and {data.left_out:,} were left out when it was prepared" if data.left_out else ""
        of = "" if "all" in about.counts else f" {split}"
        raise ValueError(
            f"{about.title} has {wanted:,}{of} images, {where} holds {len(images):,}{skipped}: prepare the whole "
            f"set with `zoo data prepare {data.kind}`, or give a part of it to ImageDataModule."
        )
    if "all" not in about.counts or split == "all":
        return images
    n = about.counts[split]
    return images.take(torch.arange(n) if split == "train" else torch.arange(len(images) - n, len(images)))


def between_classes(images: Images, first: int, last: int) -> Images:
    """The images of the classes first to last, renumbered from 0 on.

    Raises:
        ValueError: without labels.
    """
    if images.labels is None:
        raise ValueError("a range of classes needs the labels: leave labels at true.")
    kept = images.take(((images.labels >= first) & (images.labels <= last)).nonzero()[:, 0])
    return replace(kept, labels=kept.labels - first)


class ImageNet(ImageDataModule):
    """ImageNet (ILSVRC 2012, 1000 classes) from a zip made with `zoo data prepare imagenet`.

    Args:
        path: The zip or folder; {resolution} in it is replaced by the resolution. By default
            data/imagenet-{resolution}.zip, for validation data/imagenet-val-{resolution}.zip.
        resolution: Side of the images in pixels.
        split: 1,281,167 training or 50,000 validation images.
        filter: How the images were resized; bilinear is what the papers' codes take.
        classes: First and last of the classes to take, which are numbered from 0 on then: 151 and 293 are SNGAN's
            143 dogs and cats. All by default.
        crop: Train on random squares of this share of the side, enlarged again (SNGAN's dogs and cats: 0.9).
    """

    kind = "imagenet"

    def __init__(
        self,
        path: str | None = None,
        resolution: Side = 128,
        split: Literal["train", "val"] = "train",
        filter: Filter | None = KINDS["imagenet"].filter,
        classes: tuple[NonNegativeInt, NonNegativeInt] | None = None,
        crop: Fraction = 1.0,
        **options: Any,
    ) -> None:
        part, name = {"train": ("", "ImageNet"), "val": ("-val", "ImageNet val")}[split]
        if classes is not None and not 0 <= classes[0] <= classes[1] < 1000:
            raise ValueError(f"classes are the first and the last to take, within 0..999, not {list(classes)}.")
        path = path or f"data/imagenet{part}-{{resolution}}.zip"
        name += f", classes {classes[0]} to {classes[1]}" if classes else ""
        super().__init__(path=path, resolution=resolution, filter=filter, name=name, **options)
        self.split, self.classes, self.crop = split, classes, crop

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        images, labels = super().on_after_batch_transfer(batch, dataloader_idx)
        if self.crop < 1:
            images = cropped(images, self.crop, *self._draws("crop", images.device))
        return images, labels

    def open(self) -> Images:
        images = _whole(self, super().open(), self.split)
        classes = 1000 if images.labels is None else len(images.labels.unique())
        if classes != 1000:
            raise ValueError(
                f"ImageNet has 1000 classes, {self.paths[0]} labels {classes}: its folders must be named by synset."
            )
        return self.chosen(images)

    def chosen(self, images: Images) -> Images:
        return images if self.classes is None else between_classes(images, *self.classes)


class CelebAHQ(ImageDataModule):
    """CelebA-HQ (30,000 faces) from a zip made with `zoo data prepare celebahq`.

    Args:
        path: The zip or folder; {resolution} in it is replaced by the resolution.
        resolution: Side of the images in pixels.
        split: All of them, or IntroVAE's first 29,000 in the order of their names and the last 1,000
            (hhb072/IntroVAE @ c8ce5d2 main.py:114-115, which takes the order of the directory).
        filter: How the images were resized; 2x2 means are PGGAN's and StyleGAN's.
    """

    kind = "celebahq"

    def __init__(
        self,
        path: str = "data/celebahq-{resolution}.zip",
        resolution: Side = 1024,
        split: Literal["all", "train", "val"] = "all",
        filter: Filter | None = KINDS["celebahq"].filter,
        **options: Any,
    ) -> None:
        name = {"all": "CelebA-HQ"}.get(split, f"CelebA-HQ {split}")
        super().__init__(path=path, resolution=resolution, filter=filter, name=name, **options)
        self.split = split

    def open(self) -> Images:
        return _whole(self, super().open(), self.split)


class FFHQ(ImageDataModule):
    """FFHQ (70,000 faces) from a zip made with `zoo data prepare ffhq`.

    Args:
        path: The zip or folder; {resolution} in it is replaced by the resolution.
        resolution: Side of the images in pixels.
        split: All of them as in the StyleGAN paper, or the first 60,000 and the last 10,000, a later advice.
        filter: How the images were resized; 2x2 means are StyleGAN's, another filter costs about 1 FID.
    """

    kind = "ffhq"

    def __init__(
        self,
        path: str = "data/ffhq-{resolution}.zip",
        resolution: Side = 1024,
        split: Literal["all", "train", "val"] = "all",
        filter: Filter | None = KINDS["ffhq"].filter,
        **options: Any,
    ) -> None:
        name = {"all": "FFHQ"}.get(split, f"FFHQ {split}")
        super().__init__(path=path, resolution=resolution, filter=filter, name=name, **options)
        self.split = split

    def open(self) -> Images:
        return _whole(self, super().open(), self.split)
