"""Names of qxcv/vdb-irl @ e3d1292 (architectures.py, relu_net) in `zoo.networks.imitation.CodedMLP`.

Its weights are (in, out), y = x W + b.
"""

import re

import numpy as np
import torch
from torch import Tensor


def convert(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """One network's weights, `l0/W`, `mean/W`, `logstd/W`, `lfinal/W` and their `b`, under our names.

    Raises:
        ValueError: for a name that relu_net does not have.
    """
    return {
        _ours(name): torch.from_numpy(np.array(a).T if name.endswith("/W") else np.array(a))
        for name, a in arrays.items()
    }


def _ours(name: str) -> str:
    layer, _, kind = name.partition("/")
    places = {"mean": "bottleneck.mean", "logstd": "bottleneck.logstd", "lfinal": "last"}
    if hidden := re.fullmatch(r"l(\d+)", layer):
        places[layer] = f"trunk.{2 * int(hidden[1])}"
    if layer not in places or kind not in ("W", "b"):
        raise ValueError(f"relu_net has no weight {name}")
    return f"{places[layer]}.{'weight' if kind == 'W' else 'bias'}"


def depth(arrays: dict[str, np.ndarray]) -> int:
    """Hidden layers of a network by the names of its weights."""
    return sum(bool(re.fullmatch(r"l\d+/W", name)) for name in arrays)
