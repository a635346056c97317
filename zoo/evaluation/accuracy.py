"""How often a classifier is right, or the nearest training image in a space of features."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
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
    test = data.test_images()
    if test is None or test.labels is None:
        return dict.fromkeys(classifiers, f"{data.name} has no test images with labels of its own")
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
    data: Any,
    spaces: Mapping[str, Callable[[Tensor], Tensor]],
    to_native: Callable[[Tensor], Tensor],
    device: torch.device,
) -> dict[str, float | str]:
    """Share in % of the data set's own test images whose nearest training image is of their class.

    Args:
        data: a data module; its labels are read here, also where training does without.
        spaces: name -> features (N, F) of images as the networks take them.
        to_native: images (N, 3, R, R) in [-1, 1] as the networks take them.
        device: where the features are computed and compared.

    Returns:
        by name the share, or for a set without labelled test images the sentence that says so.
    """
    data = with_labels(data)
    test = data.test_images()
    if test is None or test.labels is None or data.labels is None:
        return dict.fromkeys(spaces, f"{data.name} has no test images with labels of its own")
    kinds = [images.take(subset(len(images), n)) for images, n in ((data.opened, N_TRAIN), (test, N_TEST))]

    def features(of: Callable[[Tensor], Tensor], images: Images) -> Tensor:
        parts = torch.arange(len(images)).split(BATCH)
        return torch.cat([of(to_native(to_float(images[part][0].to(device)))).float() for part in parts])

    truth = kinds[1].labels.to(device)
    found: dict[str, float | str] = {}
    for name, of in spaces.items():
        said = nearest_class(features(of, kinds[0]), kinds[0].labels.to(device), features(of, kinds[1]))
        found[name] = 100 * (said == truth).double().mean().item()
    return found
