"""Parameters of biuyq/CT-GAN and its siblings (igul222's tflib) as zoo.networks.wgan_gp's."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

LEAF = {
    "Filters": "weight",
    "Biases": "bias",
    "W": "weight",
    "b": "bias",
    "scale": "weight",
    "offset": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
TABLE = {"scale": "gamma", "offset": "beta"}  # of a class-conditional batch norm
DECONV = {"2": 0, "3": 1, "5": 2}  # the authors skip 4
LAYER = {"N1": "norm1", "N2": "norm2", "BN1": "norm1", "BN2": "norm2"}
LAYER |= {"Conv1": "conv1", "Conv2": "conv2", "Shortcut": "shortcut"}


def block(name: str, leaf: str) -> str:
    return f"{LAYER[name]}.{LEAF[leaf]}"


CIFAR_GENERATOR = [
    (r"Generator\.Input\.(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (
        r"Generator\.(\d)\.(N\d)\.(scale|offset) per class",
        lambda m: f"blocks.{int(m[1]) - 1}.{LAYER[m[2]]}.{TABLE[m[3]]}.weight",
    ),
    (r"Generator\.(\d)\.(\w+)\.(.+)", lambda m: f"blocks.{int(m[1]) - 1}.{block(m[2], m[3])}"),
    (r"Generator\.OutputN\.(.+)", lambda m: f"norm.{LEAF[m[1]]}"),
    (r"Generator\.Output\.(.+)", lambda m: f"conv.{LEAF[m[1]]}"),
]
CIFAR_CRITIC = [
    (r"Discriminator\.1\.(\w+)\.(.+)", lambda m: f"first.{block(m[1], m[2])}"),
    (r"Discriminator\.(\d)\.(\w+)\.(.+)", lambda m: f"blocks.{int(m[1]) - 2}.{block(m[2], m[3])}"),
    (r"Discriminator\.Output\.(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
    (r"Discriminator\.ACGANOutput\.(.+)", lambda m: f"classifier.{LEAF[m[1]]}"),
]
GOOD_GENERATOR = [
    (r"Generator\.Input\.(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (r"Generator\.Res(\d)\.(\w+)\.(.+)", lambda m: f"blocks.{int(m[1]) - 1}.{block(m[2], m[3])}"),
    (r"Generator\.OutputN\.(.+)", lambda m: f"norm.{LEAF[m[1]]}"),
    (r"Generator\.Output\.(.+)", lambda m: f"conv.{LEAF[m[1]]}"),
]
GOOD_CRITIC = [
    (r"Discriminator\.Input\.(.+)", lambda m: f"conv.{LEAF[m[1]]}"),
    (r"Discriminator\.Res(\d)\.(\w+)\.(.+)", lambda m: f"blocks.{int(m[1]) - 1}.{block(m[2], m[3])}"),
    (r"Discriminator\.Output\.(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
]
CNN_GENERATOR = [
    (r"Generator\.Input\.(.+)", lambda m: f"dense.{LEAF[m[1]]}"),
    (r"Generator\.BN(\d)\.(.+)", lambda m: f"norms.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Generator\.(\d)\.(.+)", lambda m: f"deconvs.{DECONV[m[1]]}.{LEAF[m[2]]}"),
]
CNN_CRITIC = [
    (r"Discriminator\.BN(\d)\.(.+)", lambda m: f"norms.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Discriminator\.(\d)\.(.+)", lambda m: f"convs.{int(m[1]) - 1}.{LEAF[m[2]]}"),
    (r"Discriminator\.Output\.(.+)", lambda m: f"linear.{LEAF[m[1]]}"),
]


def convert(arrays: Mapping[str, np.ndarray], rules: list) -> dict[str, Tensor]:
    """Official name -> array turned into our name -> tensor; dtypes are kept.

    Filters HWIO become OIHW, those of a transposed convolution (kh, kw, out, in) become (in, out, kh, kw); linear
    (in, out) becomes (out, in). Names of the other network ("Generator" or "Discriminator") are left out.

    Raises:
        KeyError: for a name that no rule knows.
    """
    part = rules[0][0].split(r"\.")[0]
    state = {}
    for path, array in arrays.items():
        if not path.startswith(part):
            continue
        tensor = torch.from_numpy(np.array(array))
        leaf = path.rpartition(".")[2]
        if leaf == "Filters":
            tensor = tensor.permute(3, 2, 0, 1)
        elif leaf == "W":
            tensor = tensor.t()
        elif leaf in ("scale", "offset"):
            if re.search(r"\.N\d\.", path) and tensor.ndim == 2:
                path += " per class"
            else:
                tensor = tensor.flatten()  # batch norm behind a dense layer has (1, channels)
        for pattern, name in rules:
            if match := re.fullmatch(pattern, path):
                state[name(match)] = tensor.contiguous()
                break
        else:
            raise KeyError(f"no rule maps {path}")
    return state
