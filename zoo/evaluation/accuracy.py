"""How often a classifier is right."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from zoo.data import to_float
from zoo.networks.modes import evaluating

BATCH = 500


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
