"""The few images of a set whose labels may be seen."""

import torch
from torch import Tensor

from zoo.data.order import permutation


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
