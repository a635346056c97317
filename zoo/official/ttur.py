"""Parameters of bioinf-jku/TTUR's DCGAN as zoo.networks.ttur's; those of its WGAN-GP networks are CT-GAN's.

T's batch norm is tf.contrib's, its images and maps are channels-last, so the dense layers' units are reordered.
"""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from zoo.official.ctgan import GOOD_CRITIC, GOOD_GENERATOR
from zoo.official.ctgan import convert as convert_wgan_gp

__all__ = ["GOOD_CRITIC", "GOOD_GENERATOR", "convert_dcgan", "convert_wgan_gp"]

LEAF = {
    "w": "weight",
    "biases": "bias",
    "Matrix": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
RULES = [
    (r"generator/g_h0_lin", lambda i: "dense"),
    (r"generator/g_bn(\d)", lambda i: f"norms.{i}"),
    (r"generator/g_h(\d)", lambda i: f"deconvs.{i - 1}"),
    (r"discriminator/d_h(\d)_conv", lambda i: f"convs.{i}"),
    (r"discriminator/d_bn(\d)", lambda i: f"norms.{i}"),
    (r"discriminator/d_h3_lin", lambda i: "linear"),
]


def channels_first(units: Tensor, resolution: int) -> Tensor:
    """Units (s, s, C), flattened into the first dimension, in the order (C, s, s); s = resolution / 16."""
    size = resolution // 16
    return units.unflatten(0, (size, size, -1)).movedim(2, 0).flatten(0, 2)


def convert_dcgan(arrays: Mapping[str, np.ndarray], of: str, resolution: int) -> dict[str, Tensor]:
    """Official name -> array turned into our name -> tensor; dtypes are kept.

    Filters HWIO become OIHW, those of a transposed convolution (kh, kw, out, in) become (in, out, kh, kw); linear
    (in, out) becomes (out, in). Names of the other network are left out.

    Args:
        of: "generator" or "discriminator".
        resolution: side of the images, which tells the size of the smallest map.

    Raises:
        KeyError: for a name that no rule knows.
    """
    state = {}
    for path, array in arrays.items():
        if not path.startswith(of):
            continue
        layer, _, leaf = path.rpartition("/")
        tensor = torch.from_numpy(np.array(array))
        if leaf == "w":
            tensor = tensor.permute(3, 2, 0, 1)
        elif layer == "generator/g_h0_lin":
            tensor = channels_first(tensor.t() if leaf == "Matrix" else tensor, resolution)
        elif leaf == "Matrix":
            tensor = channels_first(tensor, resolution).t()
        for pattern, name in RULES:
            if match := re.fullmatch(pattern, layer):
                state[f"{name(int((match.groups() or '0')[0]))}.{LEAF[leaf]}"] = tensor.contiguous()
                break
        else:
            raise KeyError(f"no rule maps {path}")
    return state
