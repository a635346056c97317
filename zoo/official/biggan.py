"""Parameters of ajbrock/BigGAN-PyTorch and of the released BigGAN-deep generators as zoo.networks.biggan's."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from zoo.networks.biggan import Stage
from zoo.networks.biggan_deep import DeepGenerator, DeepUpBlock
from zoo.networks.biggan_layers import SpectralNorm

LAYER = {"conv_sc": "shortcut"}
LEAF = {
    "gain": "weight",
    "stored_mean": "running_mean",
    "stored_var": "running_var",
}
TOP = {
    "shared": "embedding",
    "embed": "embedding",
    "linear": "dense",
    "output_layer.0": "norm",
    "output_layer.2": "conv",
    "input_conv": "conv",
}


def rename(name: str, of: str, per_stage: int = 1) -> str | None:
    """Our name of an official parameter; None for a counter that we have no use for.

    Args:
        of: "G" or "D".
        per_stage: blocks of a stage (`G_depth`): BigGAN-deep's G numbers its blocks over all stages.
    """
    name = re.sub(r"\.bn\.(stored|accumulation)", r".\1", name)  # `mybn` wraps the statistics
    if name.endswith("accumulation_counter"):
        return None
    path, _, leaf = name.rpartition(".")
    if match := re.match(r"blocks\.(\d+)\.(\d+)(?:\.(.+))?$", path):
        outer, inner, layer = int(match[1]), int(match[2]), match[3]
        if layer is None or layer in ("theta", "phi", "g", "o"):
            stage = outer // per_stage if of == "G" else outer
            ours = f"stages.{stage}.attention" + (f".{layer}" if layer else "")
        else:
            stage, block = divmod(outer, per_stage) if of == "G" else (outer, inner)
            ours = f"stages.{stage}.blocks.{block}.{block_layer(layer, leaf)}"
    elif of == "D" and path == "linear":
        ours = "linear"
    elif path in TOP:
        ours = TOP[path]
    else:
        raise KeyError(f"no rule maps {name}")
    return f"{ours}.{LEAF.get(leaf, leaf)}"


def block_layer(layer: str, leaf: str) -> str:
    """`bn1.gain` -> norm1.gain, `bn1` with its statistics -> norm1.norm, `conv_sc` -> shortcut."""
    if match := re.match(r"bn(\d)(.*)$", layer):
        return f"norm{match[1]}{match[2]}" + (".norm" if leaf.startswith("stored") else "")
    return LAYER.get(layer, layer)


def convert(arrays: Mapping[str, np.ndarray], of: str, per_stage: int = 1) -> dict[str, Tensor]:
    """Official name -> array of ajbrock/BigGAN-PyTorch turned into our name -> tensor; dtypes are kept.

    Arguments as for `rename`. Raises KeyError for a name that no rule knows.
    """
    state, rows = {}, {}
    for name, array in arrays.items():
        if not (ours := rename(name, of, per_stage)):
            continue
        if match := re.fullmatch(r"(.+\.(?:u|sv))(\d+)", ours):  # of one singular value each
            rows.setdefault(match[1], {})[int(match[2])] = torch.from_numpy(np.array(array))
        else:
            state[ours] = torch.from_numpy(np.array(array))
    return state | {name: torch.cat([found[i] for i in sorted(found)]) for name, found in rows.items()}


def stages_of(blocks: Sequence[Sequence], attention_position: int) -> list[list[int]]:
    """Numbers of the released generator's blocks by stage, which ends after a doubling or at the attention."""
    stages = [[]]
    for k, (up, _, _) in enumerate(blocks):
        stages[-1].append(k)
        if up or k + 1 == attention_position:
            stages.append([])
    return [stage for stage in stages if stage]


def tfhub_network(
    blocks: Sequence[Sequence],
    attention_position: int,
    width: int,
    latent_dim: int,
    n_classes: int,
    shared_dim: int,
    eps: float = 1e-4,
    channels: int = 3,
) -> DeepGenerator:
    """The released BigGAN-deep generator with fresh weights, in eval mode; its weights are stored divided.

    Arguments as for `tfhub_generator`.
    """
    stages = stages_of(blocks, attention_position)
    G = DeepGenerator(32, 4 * width, latent_dim, n_classes, shared_dim, attention=(), bn_eps=eps, channels=channels)
    norm = {"condition_dim": latent_dim + shared_dim, "n_classes": n_classes, "eps": eps}
    G.stages = nn.ModuleList()
    for stage in stages:
        made = [DeepUpBlock(width * i, width * o, up, **norm) for up, i, o in (blocks[k] for k in stage)]
        last = width * blocks[stage[-1]][2]
        G.stages.append(Stage(made, last, stage[-1] + 1 == attention_position))
    first, last = width * blocks[0][1], width * blocks[-1][2]
    G.dense = type(G.dense)(latent_dim + shared_dim, 16 * first)
    G.norm = type(G.norm)(last, eps, affine=True)
    G.conv = type(G.conv)(last, channels, 3, padding=1)
    for module in G.modules():
        if isinstance(module, SpectralNorm):
            module.n_iter = 0  # the weights are stored divided
    return G.eval()


def convert_release(
    arrays: Mapping[str, np.ndarray],
    layers: Sequence[Sequence],
    attention_position: int,
    channels: int = 3,
) -> dict[str, Tensor]:
    """Our name -> tensor of the released layout, every weight divided by its sigma; statistics keep all rows.

    Raises:
        KeyError: for a name that no rule knows, or a vector that is missing.
    """
    stages, shared_dim = stages_of(layers, attention_position), arrays["embeddings.weight"].shape[0]
    state = {}
    for name, array in arrays.items():
        ours = rename_tfhub(name, stages, attention_position)
        if ours is None:
            continue
        tensor = torch.from_numpy(np.array(array))
        if name.endswith("weight_orig"):
            u, v = (torch.from_numpy(np.array(arrays[name[:-4] + x])) for x in "uv")
            tensor = tensor / (u @ (tensor.flatten(1) @ v))
        state[ours] = tensor
    state["embedding.weight"] = state["embedding.weight"].t()
    for name in [n for n in state if n == "dense.weight" or re.search(r"norm\d\.(gain|bias)\.weight", n)]:
        state[name] = state[name].roll(shared_dim, 1)  # [z, e] -> [e, z]
    for leaf in ("weight", "bias"):
        rows = state[f"dense.{leaf}"].unflatten(0, (4, 4, -1))
        state[f"dense.{leaf}"] = rows.movedim(2, 0).flatten(0, 2)
        state[f"conv.{leaf}"] = state[f"conv.{leaf}"][:channels]
    for name in [n for n in state if n.endswith("attention.gamma")]:
        state[name] = state[name].reshape(())
    return state


def tfhub_generator(
    arrays: Mapping[str, np.ndarray],
    blocks: Sequence[tuple[bool, int, int]],
    attention_position: int,
    width: int,
    truncation: float,
    eps: float = 1e-4,
    channels: int = 3,
) -> DeepGenerator:
    """The released BigGAN-deep generator, ready to sample at one truncation, in eval mode.

    Its layout (huggingface/pytorch-pretrained-BigGAN @ 1e18aed, config.py and model.py): conditions are [z, e], the
    first layer's output is (h, w, c), the last convolution makes `width` channels of which three are kept, sigma
    comes from the stored u and v, and batch norms hold standing statistics for truncations from 0 to 1 in equal
    steps. Between two of those, HF's weights are swapped (model.py:128): this is followed. z must be drawn as
    truncation * TN(-2, 2), which is not `GAN.sample`'s convention.

    Args:
        arrays: the checkpoint's state dict.
        blocks: (doubles the size, channels / width before, after) of each block, in order.
        attention_position: number of blocks before the attention.
        width: ch, base number of channels.
        truncation: in [0, 1], chooses the statistics.
        eps: of all batch norms.
        channels: colours of the images.
    """
    n_classes, shared_dim = arrays["embeddings.weight"].shape[::-1]
    latent_dim = arrays["generator.gen_z.weight_orig"].shape[1] - shared_dim
    G = tfhub_network(blocks, attention_position, width, latent_dim, n_classes, shared_dim, eps, channels)
    state = convert_release(arrays, blocks, attention_position, channels)
    for name in [n for n in state if n.endswith(("running_mean", "running_var"))]:
        state[name] = between(state[name], truncation)
    G.to(state["dense.weight"].dtype)
    missing, unexpected = G.load_state_dict(state, strict=False)
    unused = [name for name in missing if not name.endswith((".u", ".sv"))]
    if unused or unexpected:
        raise KeyError(f"the checkpoint lacks {unused} and has {unexpected} too much")
    return G.eval()


def between(rows: Tensor, truncation: float) -> Tensor:
    """Statistics (n, C) for truncations k / (n - 1) at one truncation: HF's interpolation, its weights swapped."""
    place = truncation / (1.0 / (len(rows) - 1))  # HF's order: it decides what lies exactly on a row
    k = int(place)
    if place == k:
        return rows[k]
    return rows[k] * (place - k) + rows[k + 1] * (1 - (place - k))


def rename_tfhub(name: str, stages: list[list[int]], attention_position: int) -> str | None:
    """Our name of a parameter of the released layout; None for the vectors u and v."""
    if name.endswith(("weight_u", "weight_v")):
        return None
    name = name.replace("weight_orig", "weight").replace("running_means", "running_mean")
    name = name.replace("running_vars", "running_var")
    top = {"embeddings": "embedding", "generator.gen_z": "dense", "generator.bn": "norm"}
    top["generator.conv_to_rgb"] = "conv"
    path, _, leaf = name.rpartition(".")
    if path in top:
        return f"{top[path]}.{leaf}"
    match = re.fullmatch(r"generator\.layers\.(\d+)(?:\.(.+))?", path)
    if not match:
        raise KeyError(f"no rule maps {name}")
    place, layer = int(match[1]), match[2] or ""
    if place == attention_position:
        stage = next(s for s, blocks in enumerate(stages) if blocks[-1] + 1 == place)
        layer = layer.replace("snconv1x1_", ".").replace("o_conv", "o")
        return f"stages.{stage}.attention{layer}.{leaf}"
    block = place - (place > attention_position)  # the attention has a place of its own
    stage = next(s for s, blocks in enumerate(stages) if block in blocks)
    kind, number, rest = re.fullmatch(r"(bn|conv)_(\d)(?:\.(\w+))?", layer).groups()
    inner = {"scale": ".gain", "offset": ".bias", None: ".norm" if kind == "bn" else ""}[rest]
    kind = {"bn": "norm", "conv": "conv"}[kind]
    return f"stages.{stage}.blocks.{stages[stage].index(block)}.{kind}{int(number) + 1}{inner}.{leaf}"
