"""How often a classifier is right, or the nearest training image in a space of features."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zoo.data import to_float
from zoo.data.few import with_labels
from zoo.data.images import Images
from zoo.data.order import subset
from zoo.networks.modes import evaluating

BATCH = 500
N_TRAIN, N_TEST = 60_000, 10_000  # images of which neighbours are looked for, at most: all of MNIST


@torch.no_grad()
def accuracies(
    data: Any, classifiers: Mapping[str, nn.Module], to_native: Callable[[Tensor], Tensor]
) -> dict[str, float | str]:
    """Share in % of the data set's own test images that each classifier names right, in eval mode.

    Every rank computes them all.

    Args:
        data: a data module; its `test_images()` are taken.
        classifiers: name -> network whose `classify(x)` gives features and class logits (N, C).
        to_native: images (N, 3, R, R) in [-1, 1] as the networks take them.

    Returns:
        by name the share, or for a set without labelled test images the sentence that says so.
    """
    test = _labelled(data.test_images())
    if test is None:
        return _without(data, classifiers)
    right = dict.fromkeys(classifiers, 0)
    with ExitStack() as modes:
        for net in classifiers.values():
            modes.enter_context(evaluating(net))
        for part in torch.arange(len(test)).split(BATCH):
            images, labels = test[part]
            for name, net in classifiers.items():
                p = next(net.parameters())
                x = to_native(to_float(images.to(p.device)).to(p.dtype))
                right[name] += int((net.classify(x)[1].argmax(1) == labels.to(p.device)).sum())
    return {name: 100 * n / len(test) for name, n in right.items()}


def nearest_class(train: Tensor, labels: Tensor, test: Tensor) -> Tensor:
    """The class, (M,), of the nearest of `train` (N, F) to each of `test` (M, F), by Euclidean distance; of equally
    near ones, the first."""
    return torch.cat([labels[torch.cdist(part, train).argmin(1)] for part in test.split(BATCH)])


@torch.no_grad()
def of_neighbours(
    data: Any, spaces: Mapping[str, Callable[[Tensor], Tensor]], to_native: Callable[[Tensor], Tensor], like: Tensor
) -> dict[str, float | str]:
    """Share in % of the data set's own test images whose nearest training image is of their class.

    Args:
        data: a data module; its labels are read here, also where training does without.
        spaces: name -> features (N, F) of images as the networks take them.
        to_native: images (N, 3, R, R) in [-1, 1] as the networks take them.
        like: of the device and type in which they are computed, such as a parameter.

    Returns:
        by name the share, or for a set without labelled test images the sentence that says so.
    """
    labelled = with_labels(data)
    test = _labelled(labelled.test_images())
    if test is None or labelled.labels is None:
        return _without(data, spaces)
    train = replace(data.opened, labels=labelled.labels)
    train, test = train.take(subset(len(train), N_TRAIN)), test.take(subset(len(test), N_TEST))

    def features(of: Callable[[Tensor], Tensor], images: Images) -> Tensor:
        parts = (images[part][0] for part in torch.arange(len(images)).split(BATCH))
        return torch.cat([of(to_native(to_float(part.to(like.device)).to(like.dtype))).float() for part in parts])

    truth, found = test.labels.to(like.device), {}
    for name, of in spaces.items():
        said = nearest_class(features(of, train), train.labels.to(like.device), features(of, test))
        found[name] = 100 * (said == truth).double().mean().item()
    return found


def _labelled(images: Images | None) -> Images | None:
    return None if images is None or images.labels is None else images


def _without(data: Any, names: Iterable[str]) -> dict[str, float | str]:
    return dict.fromkeys(names, f"{data.name} has no test images with labels of its own")
