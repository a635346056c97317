"""Parameters of the baselines' official codes as this project's; those of igul222's tflib are `official.ctgan`'s.

Each function takes official name -> array and returns our name -> tensor; dtypes are kept.
"""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

Arrays = Mapping[str, np.ndarray]


def unknown(name: str) -> KeyError:
    return KeyError(f"no rule maps {name}")


# ---- Newmu/dcgan_code: Theano flips its kernels, dense layers are (in, out)

CONDITIONAL = {
    "gw": "dense1",
    "gw2": "dense2",
    "gw3": "deconv1",
    "gwx": "deconv2",
    "dw": "conv1",
    "dw2": "conv2",
    "dw3": "dense1",
    "dwy": "dense2",
}


def turned(array: np.ndarray) -> Tensor:
    """A 4-D kernel with both spatial axes reversed, or a dense (in, out) one as (out, in)."""
    tensor = torch.from_numpy(np.array(array))
    if tensor.ndim == 4:
        return tensor.flip(2, 3)
    return tensor.t().contiguous() if tensor.ndim == 2 else tensor


def convert_theano(arrays: Arrays, of: str) -> dict[str, Tensor]:
    """`zoo.networks.dcgan.TheanoGenerator`'s or `TheanoDiscriminator`'s.

    Args:
        of: "g" or "d"; names of the other network are left out.

    Raises:
        KeyError: for a name that no rule knows.
    """
    state = {}
    last = max((int(m[1] or 1) for name in arrays if (m := re.fullmatch(r"gw(\d*)", name))), default=0)
    for name, array in arrays.items():
        if not name.startswith(of):
            continue
        match = re.fullmatch(r"[gd]([wgb])(\d*)", name)
        if name == "gwx":
            key = f"deconvs.{last - 1}.weight"
        elif name == "dwy":
            key = "linear.weight"
        elif match is None:
            raise unknown(name)
        else:
            kind, number = match[1], int(match[2] or 1)
            layer = f"norms.{number - 1}" if kind in "gb" else f"convs.{number - 1}"
            if of == "g" and kind == "w":
                layer = "dense" if number == 1 else f"deconvs.{number - 2}"
            key = f"{layer}.{'bias' if kind == 'b' else 'weight'}"
        state[key] = turned(array)
    return state


def convert_conditional(arrays: Arrays, of: str) -> dict[str, Tensor]:
    """`zoo.networks.cgan.MNISTGenerator`'s ("g") or `MNISTDiscriminator`'s ("d").

    Raises:
        KeyError: for a name that no rule knows.
    """
    state = {}
    for name, array in arrays.items():
        if name.startswith(of):
            if name not in CONDITIONAL:
                raise unknown(name)
            state[f"{CONDITIONAL[name]}.weight"] = turned(array)
    return state


# ---- martinarjovsky/WassersteinGAN: names tell the widths


def convert_wassersteingan(arrays: Arrays, of: str) -> dict[str, Tensor]:
    """`zoo.networks.dcgan.Generator`'s ("G") or `Discriminator`'s ("D"); both of torch's layout already.

    Raises:
        KeyError: for a name that no rule knows.
    """
    kinds = {}
    for name in arrays:
        match = re.fullmatch(
            r"main\.(initial|pyramid|extra-layers|final)[:.-](.+?)[:.](convt?|batchnorm)\.(\w+)", name
        )
        if not match:
            raise unknown(name)
        kinds[name] = match.groups()
    extra = len({re.match(r"\d+", rest)[0] for part, rest, *_ in kinds.values() if part == "extra-layers"})
    #: channels behind each layer of the pyramid, in order
    outs = sorted(
        {
            int(rest.split("-")[1])
            for part, rest, kind, _ in kinds.values()
            if (part, kind[:4]) == ("pyramid", "conv")
        },
        reverse=of == "G",
    )
    before = {"G": 1, "D": 1 + extra}[of]
    state = {}
    for name, (part, rest, kind, leaf) in kinds.items():
        if part == "initial":
            i = 0
        elif part == "extra-layers":
            i = int(re.match(r"\d+", rest)[0]) + {"G": 1 + len(outs), "D": 1}[of]
        elif part == "final":
            i = 1 + len(outs) + extra
        else:
            i = before + outs.index(int(rest.split("-")[-1]))
        layer = "norms" if kind == "batchnorm" else "convs"
        state[f"{layer}.{i}.{leaf}"] = torch.from_numpy(np.array(arrays[name]))
    return state


def convert_wassersteingan_mlp(arrays: Arrays) -> dict[str, Tensor]:
    """`zoo.networks.wgan_mlp.MLPGenerator`'s or `MLPCritic`'s; the last of the numbered layers is `linear`.

    Raises:
        KeyError: for a name that no rule knows.
    """
    numbers = {name: re.fullmatch(r"main\.(\d+)\.(weight|bias)", name) for name in arrays}
    last = max((int(match[1]) for match in numbers.values() if match), default=0)
    state = {}
    for name, match in numbers.items():
        if not match:
            raise unknown(name)
        layer = "linear" if int(match[1]) == last else f"hidden.{match[1]}"
        state[f"{layer}.{match[2]}"] = torch.from_numpy(np.array(arrays[name]))
    return state


# ---- Keras: numbered layers, channels last

LEAF = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def channels_first(units: Tensor, dim: int) -> Tensor:
    """Units of a 4x4 map flattened as (H, W, C) along `dim`, in the order (C, H, W)."""
    return units.movedim(dim, 0).unflatten(0, (4, 4, -1)).movedim(2, 0).flatten(0, 2).movedim(0, dim)


def convert_keras(arrays: Arrays, of: str, pooled: bool = False) -> dict[str, Tensor]:
    """`zoo.networks.keras_dcgan`'s: Generator's ("G"), Encoder's and Critic's ("E"), or the head's ("head").

    Args:
        pooled: the encoder ends in a mean over the map, so that its dense layer knows no places.

    Raises:
        KeyError: for a name that no rule knows.
    """
    numbered = {name: re.fullmatch(r"(\d+)\.(\w+)\.(\w+)", name) for name in arrays}
    places: dict[str, list[int]] = {}
    for name, match in numbered.items():
        if not match or match[2] not in ("Conv2D", "Conv2DTranspose", "Dense", "BatchNormalization"):
            raise unknown(name)
        places.setdefault(match[2], []).append(int(match[1]))
    order = {kind: sorted(set(numbers)) for kind, numbers in places.items()}
    state = {}
    for name, match in numbered.items():
        number, kind, leaf = int(match[1]), match[2], match[3]
        i, tensor = order[kind].index(number), torch.from_numpy(np.array(arrays[name]))
        first = i == 0 and of == "G"  # of the units that become a map
        if kind == "BatchNormalization":
            layer, leaf = f"norms.{i + (of == 'E')}", LEAF[leaf]
            tensor = channels_first(tensor, 0) if first else tensor
        elif kind == "Dense":
            layer = {"G": "dense", "E": "linear", "head": str(i)}[of]
            if first:
                tensor = channels_first(tensor, tensor.ndim - 1)
            elif of == "E" and leaf == "kernel" and not pooled:
                tensor = channels_first(tensor, 0)
            tensor = tensor.t() if leaf == "kernel" else tensor
        else:
            layer = f"{'convs' if kind == 'Conv2D' else 'deconvs'}.{i}"
            tensor = tensor.permute(3, 2, 0, 1) if leaf == "kernel" else tensor
        leaf = {"kernel": "weight"}.get(leaf, leaf)
        state[f"{layer}.{leaf}"] = tensor.contiguous()
    return state


# ---- jeffdonahue/bigan

BIGAN = {
    "Generator": ("dense1", "dense2", "again", "out"),
    "Encoder": ("dense1", "dense2", "out"),
    "JointDiscriminator": ("dense1", "dense2", "of_z", "out"),
}


def convert_bigan(arrays: Arrays, of: str) -> dict[str, Tensor]:
    """`zoo.networks.bigan`'s Generator, Encoder or Discriminator ("JointDiscriminator").

    Raises:
        KeyError: for a name that no rule knows.
    """
    state = {}
    for name, array in arrays.items():
        net, _, rest = name.partition("/")
        if net != of:
            continue
        match = re.fullmatch(r"FC(\d)/w", rest)
        if not match or int(match[1]) > len(BIGAN[of]):
            raise unknown(name)
        state[f"{BIGAN[of][int(match[1]) - 1]}.weight"] = turned(array)
    return state
