"""Variables of tkarras/progressive_growing_of_gans @ 2504c3f as zoo.networks.pggan's."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

TOP = {
    "4x4/Conv/weight": "conv.weight",
    "4x4/Conv/bias": "conv.bias",
    "4x4/Dense/weight": "dense.weight",
    "4x4/Dense/bias": "dense_bias",
    "4x4/Dense0/weight": "dense.weight",
    "4x4/Dense0/bias": "dense.bias",
    "4x4/Dense1/weight": "head.weight",
    "4x4/Dense1/bias": "head.bias",
}
LAYER = {"Conv0_up": "up", "Conv0": "up", "Conv1": "conv"}  # of G
LAYER_D = {"Conv0": "conv", "Conv1_down": "down", "Conv1": "down"}


def layout(name: str, array: np.ndarray) -> Tensor:
    """Dense (in, out) -> (out, in); HWIO -> OIHW. Conv0_up is (kh, kw, OUT, IN) and acts turned by 180 degrees."""
    tensor = torch.from_numpy(np.array(array))
    if name.endswith("Conv0_up/weight"):
        return tensor.flip(0, 1).permute(2, 3, 0, 1).contiguous()
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1).contiguous()
    return tensor.t().contiguous() if tensor.ndim == 2 else tensor


def convert(arrays: Mapping[str, np.ndarray], of: str) -> dict[str, Tensor]:
    """Official name -> array (a variable or its gradient) turned into our name -> tensor; dtypes are kept.

    Args:
        arrays: of one whole network; a variable "lod" is left out.
        of: "G" or "D".

    Raises:
        KeyError: for a name that no rule knows.
    """
    levels = 1 + max(int(m[1]) for name in arrays if (m := re.search(r"RGB_lod(\d+)", name)))
    layers = {"G": LAYER, "D": LAYER_D}[of]
    state = {}
    for name, array in arrays.items():
        if name == "lod":
            continue
        if name in TOP:
            ours = TOP[name]
        elif m := re.fullmatch(r"(To|From)RGB_lod(\d+)/(weight|bias)", name):
            ours = f"{m[1].lower()}_rgb.{levels - 1 - int(m[2])}.{m[3]}"
        elif (m := re.fullmatch(r"(\d+)x\d+/(\w+)/(weight|bias)", name)) and m[2] in layers:
            ours = f"blocks.{int(m[1]).bit_length() - 4}.{layers[m[2]]}.{m[3]}"
        else:
            raise KeyError(f"no rule maps {name}")
        state[ours] = layout(name, array)
    return state
