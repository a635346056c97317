"""Variables of NVlabs/stylegan @ 1e0d5c7 as zoo.networks.stylegan's parameters: golden vectors and checkpoints."""

import math
import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

#: official layer of a resolution -> which of our two it is
NUMBER = {"Const": 0, "Dense": 0, "Conv": 1, "Conv0_up": 0, "Conv1": 1}
LEAF = {"weight": "source.weight", "const": "source.const", "bias": "bias", "Noise/weight": "noise.strength"}
LEAF |= {f"StyleMod/{leaf}": f"style.{leaf}" for leaf in ("weight", "bias")}
LAYER_D = {"Conv0": "conv", "Conv1_down": "down"}
LAST_D = {"Conv": "conv", "Dense0": "dense", "Dense1": "head"}


def tensor(array: np.ndarray, kind: str) -> Tensor:
    """Convolutions [kh, kw, in, out] to (out, in, kh, kw), matrices [in, out] to (out, in); others as they are."""
    value = torch.from_numpy(np.array(array))
    if kind == "weight" and value.ndim == 4:
        return value.permute(3, 2, 0, 1).contiguous()
    if kind == "weight" and value.ndim == 2:
        return value.t().contiguous()
    return value


def generator(name: str, levels: int) -> str:
    """Our name of one of G's variables; `levels` is the number of resolutions."""
    if name == "dlatent_avg":
        return "w_avg"
    if name == "G_mapping/LabelConcat/weight":
        return "mapping.embedding.weight"
    if match := re.fullmatch(r"G_mapping/Dense(\d+)/(weight|bias)", name):
        return f"mapping.layers.{match[1]}.{match[2]}"
    if match := re.fullmatch(r"G_synthesis/noise(\d+)", name):
        return f"synthesis.layers.{match[1]}.noise.stored"
    if match := re.fullmatch(r"G_synthesis/ToRGB_lod(\d+)/(weight|bias)", name):
        return f"synthesis.to_rgb.{levels - 1 - int(match[1])}.{match[2]}"
    if match := re.fullmatch(r"G_synthesis/(\d+)x\d+/(\w+)/(.+)", name):
        layer = 2 * (int(math.log2(int(match[1]))) - 2) + NUMBER[match[2]]
        return f"synthesis.layers.{layer}.{LEAF[match[3]]}"
    raise KeyError(f"no rule maps {name}")


def discriminator(name: str, levels: int) -> str:
    """Our name of one of D's variables."""
    if match := re.fullmatch(r"FromRGB_lod(\d+)/(weight|bias)", name):
        return f"from_rgb.{levels - 1 - int(match[1])}.{match[2]}"
    if match := re.fullmatch(r"4x4/(Conv|Dense0|Dense1)/(weight|bias)", name):
        return f"{LAST_D[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"(\d+)x\d+/(Conv0|Conv1_down)/(weight|bias)", name):
        return f"blocks.{int(math.log2(int(match[1]))) - 3}.{LAYER_D[match[2]]}.{match[3]}"
    raise KeyError(f"no rule maps {name}")


def convert(arrays: Mapping[str, np.ndarray], of: str, fused_from: int = 128) -> dict[str, Tensor]:
    """Official name -> array turned into our name -> tensor; dtypes are kept.

    From `fused_from` px on (net:174-191, fused_scale "auto") the official up-convolution is a transposed one and
    turns its kernel by 180 degrees; ours does not, so those kernels are turned here.

    Args:
        arrays: without "G/" and the like in front of the names; a whole network's, since its largest maps tell the
            number of levels.
        of: "G" or "D".

    Raises:
        KeyError: for a name that no rule knows.
    """
    rename = {"G": generator, "D": discriminator}[of]
    sizes = [int(m[1]) for name in arrays if (m := re.match(r"(?:G_synthesis/)?(\d+)x\d+/", name))]
    levels = int(math.log2(max(sizes, default=4))) - 1
    state = {}
    for name, array in arrays.items():
        table = name == "G_mapping/LabelConcat/weight"  # a row for each class, as ours
        value = tensor(array, "table" if table else name.rpartition("/")[2])
        up = re.fullmatch(r"G_synthesis/(\d+)x\d+/Conv0_up/weight", name)
        if up and int(up[1]) >= fused_from:
            value = value.flip(2, 3)
        state[rename(name, levels)] = value
    return state
