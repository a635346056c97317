"""Parameters of hhb072/IntroVAE as the names of zoo.networks.introvae."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

TOP = {
    "encoder.main.0": "conv",
    "encoder.main.1": "norm",
    "encoder.fc": "dense",
    "decoder.fc.0": "dense",
    "decoder.main.predict": "conv",
}
LAYER = {"conv_expand": "shortcut", "conv1": "conv1", "bn1": "norm1", "conv2": "conv2", "bn2": "norm2"}


def convert(arrays: Mapping[str, np.ndarray], of: str) -> dict[str, Tensor]:
    """Our name -> tensor for the official names that belong to one network; dtypes and layouts are kept.

    Args:
        arrays: official name, with "encoder." or "decoder." in front -> array.
        of: "encoder" or "decoder".

    Raises:
        KeyError: for a name of this network that no rule knows.
    """
    state = {}
    for name, array in arrays.items():
        if not name.startswith(f"{of}."):
            continue
        module, _, leaf = name.rpartition(".")
        if match := re.fullmatch(rf"{of}\.main\.res_in_(\d+)\.(\w+)", module):
            ours = f"blocks.{match[1]}.{LAYER[match[2]]}"
        elif module in TOP:
            ours = TOP[module]
        else:
            raise KeyError(f"no rule maps {name}")
        state[f"{ours}.{leaf}"] = torch.from_numpy(np.array(array))
    return state
