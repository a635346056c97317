"""Parameters of pfnet-research/sngan_projection and chainer-gan-lib (Chainer paths) as zoo.networks.sngan's."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

LEAF = {
    "W": "weight",
    "b": "bias",
    "u": "u",
    "gamma": "weight",
    "beta": "bias",
    "avg_mean": "running_mean",
    "avg_var": "running_var",
    "gammas/W": "gamma.weight",
    "betas/W": "beta.weight",
}

# Chainer numbers layers over the whole network, so a generator's head is l5, c5, l6 or l7 by resolution
RESNET_GENERATOR = [
    (r"l1/(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (r"block(\d+)/b(\d)/(.+)", lambda m: f"blocks.{int(m[1]) - 2}.norm{m[2]}.{LEAF[m[3]]}"),
    (r"block(\d+)/c(\d)/(.+)", lambda m: f"blocks.{int(m[1]) - 2}.conv{m[2]}.{LEAF[m[3]]}"),
    (r"block(\d+)/c_sc/(.+)", lambda m: f"blocks.{int(m[1]) - 2}.shortcut.{LEAF[m[2]]}"),
    (r"b\d+/(.+)", lambda m: f"norm.{LEAF[m[1]]}"),
    (r"[cl]\d+/(.+)", lambda m: f"conv.{LEAF[m[1]]}"),
]
RESNET_DISCRIMINATOR = [
    (r"block(\d+)/c(\d)/(.+)", lambda m: f"blocks.{int(m[1]) - 1}.conv{m[2]}.{LEAF[m[3]]}"),
    (r"block(\d+)/c_sc/(.+)", lambda m: f"blocks.{int(m[1]) - 1}.shortcut.{LEAF[m[2]]}"),
    (r"l\d+/(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
    (r"l_y/(.+)", lambda m: f"embedding.{LEAF[m[1]]}"),
]
CNN_GENERATOR = [
    (r"l0/(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (r"bn0/(.+)", lambda m: f"dense_norm.0.{LEAF[m[1]]}"),
    (r"bn(\d)/(.+)", lambda m: f"norms.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"dc4/(.+)", lambda m: f"head.{LEAF[m[1]]}"),
    (r"dc(\d)/(.+)", lambda m: f"deconvs.{int(m[1]) - 1}.{LEAF[m[2]]}"),
]
CNN_DISCRIMINATOR = [
    (r"c(\d)_(\d)/(.+)", lambda m: f"convs.{2 * int(m[1]) + int(m[2])}.{LEAF[m[3]]}"),  # chainer-gan-lib
    (r"c(\d)/(.+)", lambda m: f"convs.{m[1]}.{LEAF[m[2]]}"),  # paper Table 3
    (r"l\d/(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
]


def convert(arrays: Mapping[str, np.ndarray], rules: list) -> dict[str, Tensor]:
    """Chainer path -> array turned into our name -> tensor; dtypes are kept.

    Layouts agree (OIHW convolutions, (in, out, kh, kw) transposed ones, (out, in) linear); only u loses its
    leading axis, (1, rows) -> (rows,).

    Raises:
        KeyError: for a path that no rule knows.
    """
    state = {}
    for path, array in arrays.items():
        for pattern, name in rules:
            if match := re.fullmatch(pattern, path):
                tensor = torch.from_numpy(np.array(array))
                state[name(match)] = tensor.flatten() if path.endswith("/u") else tensor
                break
        else:
            raise KeyError(f"no rule maps {path}")
    return state
