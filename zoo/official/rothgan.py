"""Parameters of rothk/Stabilizing_GANs (igul222_GANs and 3DGAN) as the zoo's; the ResNet's are those of CT-GAN."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from zoo.official.ctgan import GOOD_CRITIC, GOOD_GENERATOR, LEAF, convert

RESNET_GENERATOR, RESNET_DISCRIMINATOR = GOOD_GENERATOR, GOOD_CRITIC
DCGAN_GENERATOR = [
    (r"Generator\.Input\.(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (r"Generator\.BN(\d)\.(.+)", lambda m: f"norms.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Generator\.(\d)\.(.+)", lambda m: f"deconvs.{int(m[1]) - 2}.{LEAF[m[2]]}"),
]
DCGAN_DISCRIMINATOR = [
    (r"Discriminator\.BN(\d)\.(.+)", lambda m: f"norms.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Discriminator\.(\d)\.(.+)", lambda m: f"convs.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Discriminator\.Output\.(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
]

__all__ = ["DCGAN_DISCRIMINATOR", "DCGAN_GENERATOR", "RESNET_DISCRIMINATOR", "RESNET_GENERATOR", "convert", "mlp"]


def mlp(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """W1, b1, W2, ... of an MLP y = xW + b as the names of an `nn.Sequential` with activations in between."""
    state = {}
    for name, array in arrays.items():
        tensor, index = torch.from_numpy(np.array(array)), 2 * int(name[1:]) - 2
        state[f"{index}.{LEAF[name[0]]}"] = tensor.t().contiguous() if name[0] == "W" else tensor
    return state
