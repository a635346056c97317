"""What a loader gives, as a training step wants it: any loader's, not only those of the zoo's data modules."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from zoo.data import ImageDataModule
from zoo.engine import draws

if TYPE_CHECKING:
    from zoo.engine.gan import GAN

# batches of the zoo's own data modules pass the hook as they are: nothing of the module is lost
warnings.filterwarnings("ignore", message="You have overridden `on_(before|after)_batch_transfer` in ")

Batch = tuple[Tensor, Tensor | None]
SLACK = 0.05  # dequantisation leaves [-1, 1] by 1/128
LATER = 1.0  # after the first batch: an augmentation may overshoot now and then


def foreign(gan: "GAN") -> bool:
    """Whether batches come from a loader that is not the zoo's, which knows nothing of stages and batch sizes."""
    return gan._trainer is not None and not isinstance(gan.trainer.datamodule, ImageDataModule)


def unpacked(batch: Any) -> Batch:
    """Images, or (images, labels), as (images, labels or None).

    Raises:
        ValueError: for anything else.
    """
    parts = batch if isinstance(batch, tuple | list) else [batch]
    labels = parts[1] if len(parts) == 2 else None
    if len(parts) not in (1, 2) or not isinstance(parts[0], Tensor) or not isinstance(labels, Tensor | None):
        found = ", ".join(type(part).__name__ for part in parts)
        raise ValueError(
            f"a batch is images (N, 3, R, R), or images and labels, as tensors; the loader gives "
            f"{found or 'nothing'}"
        )
    if labels is not None and labels.ndim > 2:
        found = "labels, then images" if parts[0].ndim < 3 else "two batches of images"
        raise ValueError(f"a batch is images (N, 3, R, R), or images and their labels; the loader gives {found}")
    return parts[0], labels


def shrunk(gan: "GAN", images: Tensor) -> Tensor:
    """Images of the full resolution averaged down to the running stage's, as growing papers' data sets are."""
    side = gan.stage.resolution
    if images.ndim == 4 and images.is_floating_point() and images.shape[-1] == gan.resolution > side:
        return F.avg_pool2d(images, gan.resolution // side)
    return images


def shown(gan: "GAN", images: Tensor) -> int:
    """Images of this batch over all ranks, which must have equally many.

    Raises:
        ValueError: on every rank, if they have not.
    """
    if gan.world_size == 1:
        return len(images)
    sizes = gan.all_gather(torch.tensor(len(images), device=gan.device)).flatten().tolist()
    if len(set(sizes)) > 1:
        raise ValueError(f"the processes' batches differ ({sizes} images): give the loader drop_last=True")
    return sum(sizes)


def check_shape(gan: "GAN", images: Tensor) -> None:
    """Refuse images that the running stage cannot take; costs no look at a value.

    Raises:
        ValueError: naming both shapes, or the number that does not split.
    """
    side, shape = gan.stage.resolution, tuple(images.shape)
    if shape[1:] != (3, side, side):
        mend = f"resize them, or build the model with resolution={shape[-1]}"
        if len(shape) != 4:
            mend = "give each batch a first dimension, the images"
        elif shape[1] == 1:
            mend = "repeat the grey channel by images.expand(-1, 3, -1, -1)"
        elif shape[-1] == 3:
            mend = "put the channels first by images.permute(0, 3, 1, 2)"
        elif shape[1] != 3:
            mend = "convert them to RGB"
        elif shape[2] != shape[3]:
            mend = "crop them to squares"
        elif side != gan.resolution:
            mend = f"give images of {side} px now, or always of {gan.resolution} px, which are averaged down"
        raise ValueError(f"images are {shape}, {type(gan).__name__} takes (N, 3, {side}, {side}): {mend}")
    check_parts(gan, shape[0], "a batch", gan.images_per_step)


def check_parts(gan: "GAN", n: int, what: str, total: int) -> None:
    """Refuse n images of a process, `total` over all, that do not split into the step's equal parts."""
    mend = "choose another batch size for the loader, with drop_last=True"
    parts = gan.stage.parts * gan.stage.block
    if n % parts:
        raise ValueError(
            f"{what} has {n} images, which do not split into the {parts} parts of a step of "
            f"{type(gan).__name__}: {mend}"
        )
    if gan.stage.parts > 1:
        what, total = f"{what} of D", total // gan.stage.parts
    if (
        total
        and total // gan.hparams.get("bn_groups", 1) < 2
        and any(isinstance(layer, nn.BatchNorm1d) for layer in gan.modules())
    ):
        images = "image" if total == 1 else "images"
        raise ValueError(f"{what} has {total} {images}, too few for the statistics of batch norm: {mend}")
    if gan.group and total and total % min(gan.group, total):
        raise ValueError(
            f"{what} has {total} images, which do not split into groups of {gan.group} (minibatch stddev): {mend}"
        )


def check_last_batch(gan: "GAN") -> None:
    """Find out before training whether the loader's last, smaller batch would be refused."""
    loader = gan.trainer.train_dataloader
    if foreign(gan) and isinstance(loader, DataLoader) and loader.batch_size and not loader.drop_last:
        try:
            n = len(loader.sampler) % loader.batch_size
        except TypeError:  # endless
            return
        check_parts(gan, n, "the loader's last batch", n * gan.world_size)


def check_values(gan: "GAN", images: Tensor, labels: Tensor | None) -> None:
    """Refuse a batch whose numbers no paper's step is meant for: its type, range, or labels.

    Raises:
        ValueError: naming what was found and the mend.
    """
    name = type(gan).__name__
    if images.dtype != gan.dtype:
        mend = f"images.to({gan.dtype})" if images.is_floating_point() else "images.float() / 127.5 - 1"
        raise ValueError(f"images are {images.dtype}, {name} takes {gan.dtype} in [-1, 1]: convert them by {mend}")
    low, high = (bound.item() for bound in images.aminmax())
    if not math.isfinite(low + high):
        raise ValueError("images of a batch hold NaN or infinity: look at the loader's transforms")
    slack = LATER if gan._seen else SLACK
    if low < -1 - slack or high > 1 + slack:
        mend = "images / 127.5 - 1" if low >= 0 and high <= 255 else "2 * x - 1 of images x in [0, 1]"
        raise ValueError(f"images lie in [{low:.3g}, {high:.3g}], {name} takes [-1, 1]: convert them by {mend}")
    if low >= 0 < high and not gan._seen:  # a later batch may be bright by chance
        warnings.warn(
            f"images lie in [{low:.3g}, {high:.3g}], {name} takes [-1, 1]: if black is 0, convert them by "
            "2 * images - 1",
            stacklevel=2,
        )
    if not gan.n_classes:
        return
    if labels is None:
        raise ValueError(f"{name} has {gan.n_classes} classes and the batch no labels: give (images, labels)")
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels are {labels.dtype} {tuple(labels.shape)}, {name} takes class numbers, torch.int64 (N,)"
        )
    if labels.min() < 0 or labels.max() >= gan.n_classes:
        raise ValueError(
            f"labels lie in {labels.min()}..{labels.max()}, {name} was built with n_classes={gan.n_classes}"
        )


def takes_points(gan: "GAN", images: Tensor) -> bool:
    """Whether a batch is points, not images: what own networks take, they know."""
    return gan._own_networks and images.ndim == 2


def check_some(gan: "GAN") -> None:
    """Refuse a loader that yields nothing, which Lightning would train on with a warning alone.

    Raises:
        ValueError: with the ways in which a loader comes to that.
    """
    if foreign(gan):
        raise ValueError(
            "the loader yields no batch, so nothing was trained: give it images, and with drop_last=True at least "
            "batch_size of them"
        )


def on_fit_end(self: "GAN") -> None:
    """Lightning leaves before the first step where a loader's length is none."""
    if self.trainer.num_training_batches == 0 and self.trainer.limit_train_batches:
        check_some(self)


def on_train_epoch_end(self: "GAN") -> None:
    """A loader without a length shows at the end of an epoch that it had nothing."""
    if self.trainer.fit_loop.epoch_loop.batch_progress.current.ready == 0:
        check_some(self)


def on_before_batch_transfer(self: "GAN", batch: Any, dataloader_idx: int) -> Any:
    """Any loader's batch as (images, labels or None) of the running stage, counted as it is shown."""
    if not foreign(self) or not self.trainer.training:
        return batch
    images, labels = unpacked(batch)
    self._shown = shown(self, images)
    return shrunk(self, images), labels


def on_after_batch_transfer(self: "GAN", batch: Any, dataloader_idx: int) -> Any:
    """Look at values of later batches too where they lie on the CPU; on a GPU each look would wait for it. Who
    overrides this hook, in a model or a data module, has values of his own."""
    if self._seen and foreign(self) and self.trainer.training:
        images, labels = batch
        if images.device.type == "cpu" and not takes_points(self, images):
            check_values(self, images, labels)
    return batch


def on_train_batch_start(self: "GAN", batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
    """Turn to this rank's share, and refuse what the step cannot take; values are looked at once here, since that
    waits for the device.

    Raises:
        ValueError: naming what was found and the mend.
    """
    draws.begin(self)
    if takes_points(self, batch[0]):
        return
    if not self._seen:
        check_values(self, *batch)
        self._seen = True
    check_shape(self, batch[0])
