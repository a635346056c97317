"""Labels that training sees in part, or not at all."""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data.order import permutation

if TYPE_CHECKING:
    from zoo.data.module import ImageDataModule


def with_labels(data: "ImageDataModule") -> "ImageDataModule":
    """The same images with their classes, where the set has some and training does without (`labels: false`).

    Opened anew at need, and read from their files: none is loaded twice.
    """
    if data.use_labels:
        return data
    labelled = copy.copy(data)
    vars(labelled).update(use_labels=True, memory_gib=0, _images=None, _opened_at=0, _fingerprints={})
    return labelled


def few(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Indices of the first `per_class` images of each class in a permutation of all, int64, sorted.

    Raises:
        ValueError: if a class has fewer.
    """
    order = permutation(len(labels), seed, 0)
    chosen = [order[labels[order] == c][:per_class] for c in range(int(labels.max()) + 1)]
    if short := [c for c, found in enumerate(chosen) if len(found) < per_class]:
        raise ValueError(f"class {short[0]} has fewer than {per_class} images: lower --model.labels_per_class")
    return torch.cat(chosen).sort().values
