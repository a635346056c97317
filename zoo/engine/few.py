"""Batches beside the loader's, of a model that sees few labels: labelled images again and again, and others.

Functions of a GAN with `few`, the labelled images' numbers, and `batch_size`; its data is one of the zoo's modules.
"""

from typing import TYPE_CHECKING

import lightning.pytorch as L
import torch
from torch import Tensor

from zoo.data import EndlessBatches, ImageDataModule, to_float
from zoo.data import few as data_few
from zoo.data.order import seed_of

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def chosen(gan: "GAN", data: L.LightningDataModule | None, n_classes: int, per_class: int) -> Tensor:
    """Numbers of the images whose label may be seen, in a permutation named by the run's seed.

    Raises:
        ValueError: if the data is not the zoo's, lacks the model's classes, or has too few labels.
    """
    name = type(gan).__name__
    if not isinstance(data, ImageDataModule):
        raise ValueError(
            f"{name} picks the few labelled images out of the whole data set: fit it with one of zoo.data's "
            "modules, datamodule=..., not with a loader"
        )
    if data.n_classes != n_classes:
        raise ValueError(
            f"the model has {n_classes} classes, {data.name} has {data.n_classes}: "
            + (f"set --model.n_classes {data.n_classes}" if data.n_classes else "take data with labels")
        )
    return data_few.few(data.labels, per_class, gan.seed)


def native(self: "GAN", index: Tensor) -> Tensor:
    """The data's images of these numbers, as the networks see them."""
    return self.to_native(to_float(self.trainer.datamodule.images(index).to(self.device)).to(self.dtype))


def numbered(self: "GAN", n: int, seed: int) -> Tensor:
    """Which of n images are this rank's share of the step's batch, in an order of their own."""
    order = EndlessBatches(n, self.batch_size, seed, self.nimg, self.global_rank, self.world_size)
    return torch.tensor(next(iter(order)), dtype=torch.int64)


def labelled(self: "GAN") -> tuple[Tensor, Tensor]:
    """This rank's share of the step's labelled batch, which runs through the few again and again."""
    index = self.few[self.numbered(len(self.few), self.seed)]
    return self.native(index), self.trainer.datamodule.labels[index].to(self.device)


def others(self: "GAN", name: str) -> Tensor:
    """Images of all, not the loader's, but of a permutation of their own that `name` names."""
    return self.native(self.numbered(len(self.trainer.datamodule), seed_of(name, self.seed)))
