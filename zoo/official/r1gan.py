"""Parameters of LMescheder/GAN_stability and of akanazawa/vgan as zoo.networks.r1gan's and zoo.networks.vgan's."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

LAYER = {"conv_0": "conv1", "conv_1": "conv2", "conv_s": "shortcut"}


def block(name: str, per_stage: int = 1) -> int | None:
    """Number of the residual block at the head of an official name; None for another layer.

    `resnet.4` sits in a Sequential with a resampling between any two blocks, `resnet_2_1` is block 1 of stage 2.
    """
    if match := re.match(r"resnet\.(\d+)", name):
        return int(match[1]) // 2
    if match := re.match(r"resnet_(\d+)_(\d+)", name):
        return int(match[1]) * per_stage + int(match[2])
    return None


def convert(arrays: Mapping[str, np.ndarray], of: str) -> dict[str, Tensor]:
    """Official name -> array turned into our name -> tensor; dtypes and layouts are kept.

    Args:
        arrays: without "module." and the like in front of the names.
        of: "G" or "D".

    Raises:
        KeyError: for a name that no rule knows.
    """
    top = {
        "G": {"embedding": "embedding", "fc": "dense", "conv_img": "conv"},
        "D": {
            "conv_img": "trunk.conv",
            "fc": "head",
            "mean_fn": "bottleneck.mean",
            "logstd_fn": "bottleneck.logstd",
        },
    }[of]
    blocks = {"G": "blocks", "D": "trunk.blocks"}[of]
    per_stage = 2 if any(re.match(r"resnet_\d+_1", name) for name in arrays) else 1
    state = {}
    for name, array in arrays.items():
        *path, leaf = name.split(".")
        number = block(name, per_stage)
        if number is None and path[-1] in top:
            ours = top[path[-1]]
        elif number is not None and path[-1] in LAYER:
            ours = f"{blocks}.{number}.{LAYER[path[-1]]}"
        else:
            raise KeyError(f"no rule maps {name}")
        state[f"{ours}.{leaf}"] = torch.from_numpy(np.array(array))
    return state
