"""Settings of BigGAN-PyTorch's networks and of the released BigGAN-deep generators."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from zoo.networks.biggan import DISCRIMINATORS, GENERATORS
from zoo.networks.biggan_deep import DISCRIMINATORS as DEEP_DISCRIMINATORS
from zoo.official import biggan
from zoo.official.found import Arrays, Found, multiple, number, of, only, whole
from zoo.official.inert import Refused, printable

#: of the released 128 px model, scripts/launch_BigGAN_bs256x8.sh, where no state_dict.pth says it
BN_EPS, SN_EPS = 1e-5, 1e-6
DEPTH = 2  # blocks of a stage of BigGAN-deep (BP --G_depth)
#: what the authors' program could also do, and the zoo does not build
ALWAYS = {"G_param": "SN", "D_param": "SN", "norm_style": "bn", "G_kernel_size": 3, "D_kernel_size": 3}


def of_training(arrays: dict[str, Arrays], left_out: list[str], config: Mapping[str, Any]) -> Found:
    """BigGAN-PyTorch's networks.

    Args:
        arrays: of "G", and "D" and "G_ema" if there are.
        config: of state_dict.pth, or empty.

    Raises:
        Refused: if they are none of these.
    """
    only(config, **ALWAYS)
    arrays = {role: ready(found, left_out) for role, found in arrays.items()}
    G = arrays["G"]
    settings, channels, depth = of_generator(G)
    settings["bn_eps"], settings["sn_eps"] = number(config, "BN_eps", BN_EPS), number(config, "SN_eps", SN_EPS)
    settings["standing_passes"] = 0  # the file's own statistics count
    settings["width_d"], options_d = settings["width_g"], {}  # of a D that is not there
    if "D" in arrays:
        options_d = of_discriminator(arrays["D"], settings, depth)
    made = Found(
        "biggan",
        settings,
        arrays,
        {"G": partial(biggan.convert, of="G", per_stage=depth), "D": partial(biggan.convert, of="D")},
        "ajbrock/BigGAN-PyTorch",
        "MIT",
        left_out=sorted(set(left_out)),
    )
    deep = settings["architecture"] == "deep"
    if channels != 3 or options_d or (deep and depth != DEPTH):
        common = {"resolution": settings["resolution"], "n_classes": settings["n_classes"], "channels": channels}
        common |= {"sn_eps": settings["sn_eps"]} | ({"depth": depth} if deep else {})
        keys = ("latent_dim", "shared_dim", "hierarchical", "bn_eps")
        made.networks["G"] = common | {k: settings[k] for k in keys}
        made.networks["G"] |= {"width": settings["width_g"], "attention": settings["attention_g"]}
        made.networks["D"] = common | options_d
        made.networks["D"] |= {"width": settings["width_d"], "attention": settings.get("attention_d")}
    if not config:
        made.notes.append(f"epsilons as in the authors' script for 128 px: bn_eps {BN_EPS:g}, sn_eps {SN_EPS:g}")
    if "G_ema" not in arrays:
        arrays["G_ema"] = G
        made.notes.append("one generator only: it stands for G and for its average")
    return made


def ready(found: Arrays, left_out: list[str]) -> Arrays:
    """Arrays without "module.", further singular vectors and counters; summed statistics become means."""
    arrays = {name.removeprefix("module."): array for name, array in found.items()}
    counters = {n.removesuffix("accumulation_counter"): a for n, a in arrays.items() if n.endswith("_counter")}
    made: Arrays = {}
    for name, array in arrays.items():
        layer, _, leaf = name.rpartition(".")
        if leaf == "accumulation_counter":
            left_out.append("accumulation_counter")
        elif re.fullmatch(r"(u|sv)[1-9]\d*", leaf):  # for logging only: the first one divides the weight
            left_out.append("u and sv beyond the first")
        else:
            count = counters.get(f"{layer}.")
            summed = count is not None and count.size == 1 and leaf in ("stored_mean", "stored_var")
            made[name] = array / np.maximum(count.reshape(()), 1) if summed else array
    return made


def of_generator(G: Arrays) -> tuple[dict, int, int]:
    """Settings of G, channels of its images, blocks in a stage."""
    blocks = {int(m[1]) for name in G if (m := re.match(r"blocks\.(\d{1,3})\.0\.", name))}
    deep = any(re.match(r"blocks\.\d+\.0\.conv4\.", name) for name in G)
    width, head = of(G, "output_layer.0.gain", 1).shape[0], of(G, "output_layer.2.weight", 4)
    first = of(G, "blocks.0.0.conv1.weight", 4).shape[1]
    candidates = [
        (resolution, len(blocks) // (len(plan) - 1), width // plan[-1])
        for resolution, plan in GENERATORS.items()
        if blocks and len(blocks) % (len(plan) - 1) == 0 and first * plan[-1] == width * plan[0]
        if (len(blocks) == len(plan) - 1) or (deep and stage_widths(G, plan, len(blocks), width))
    ]
    if not candidates:
        raise Refused(f"its G has {len(blocks)} blocks from {first} to {width} channels, none of BigGAN's ladders")
    resolution, depth, ch = candidates[0]
    if "linear.u0" not in G:
        raise Refused("it lacks linear.u0: a BigGAN without spectral normalisation is not built here")
    shared = of(G, "shared.weight", 2) if "shared.weight" in G else None
    gain, inputs = of(G, "blocks.0.0.bn1.gain.weight", 2), of(G, "linear.weight", 2).shape[1]
    n_classes, shared_dim = shared.shape if shared is not None else (gain.shape[0], 0)
    hierarchical = shared is not None and gain.shape[1] > shared_dim
    if deep and hierarchical:
        latent_dim = inputs - shared_dim
    else:
        latent_dim = inputs * len(GENERATORS[resolution]) if hierarchical else inputs
    settings = {"resolution": resolution, "n_classes": n_classes, "architecture": "deep" if deep else "biggan"}
    settings |= {"width_g": ch, "latent_dim": latent_dim, "shared_dim": shared_dim, "hierarchical": hierarchical}
    settings["attention_g"] = sorted(
        {
            8 * 2 ** (int(m[1]) // depth)
            for name in G
            if (m := re.match(r"blocks\.(\d{1,3})\.\d+\.theta\.weight", name))
        }
    )
    return settings, head.shape[0], depth


def stage_widths(G: Arrays, plan: tuple[int, ...], blocks: int, width: int) -> bool:
    """Whether BigGAN-deep's blocks have the channels of `plan` after each stage."""
    depth, ch = blocks // (len(plan) - 1), width // plan[-1]
    ends = [of(G, f"blocks.{(k + 1) * depth - 1}.0.conv4.weight", 4).shape[0] for k in range(len(plan) - 1)]
    return ends == [ch * m for m in plan[1:]]


def of_discriminator(D: Arrays, settings: dict, depth: int) -> dict:
    """Put D's width and attention into `settings`; returns what only the network's class can be told."""
    deep, resolution = settings["architecture"] == "deep", settings["resolution"]
    multipliers, sizes, _ = (DEEP_DISCRIMINATORS if deep else DISCRIMINATORS)[resolution]
    first = "input_conv.weight" if deep else "blocks.0.0.conv2.weight"
    settings["width_d"] = multiple(of(D, first, 4).shape[0], multipliers[0], first)
    found = {int(m[1]) for name in D if (m := re.match(r"blocks\.(\d{1,3})\.\d+\.theta\.weight", name))}
    settings["attention_d"] = sorted({sizes[k] for k in found if k < len(sizes)})
    if deep:
        return {}
    inner = [of(D, f"blocks.{k}.0.conv1.weight", 4) for k in range(1, len(multipliers))]
    outer = [of(D, f"blocks.{k}.0.conv2.weight", 4) for k in range(1, len(multipliers))]
    narrow = any(a.shape[0] != b.shape[0] for a, b in zip(inner, outer, strict=True))
    return {"wide": False} if narrow else {}


def of_release(arrays: Arrays, config: Mapping[str, Any]) -> Found:
    """The released BigGAN-deep generator in Hugging Face's form, `config` being its config.json.

    Raises:
        Refused: if a setting is missing or cannot be.
    """
    layers = config.get("layers")
    if not isinstance(layers, list) or not 1 <= len(layers) <= 64:
        raise Refused("its config.json states no layers")
    for layer in layers:
        plain = isinstance(layer, list) and len(layer) == 3 and isinstance(layer[0], bool)
        if not plain or not all(type(n) is int and 0 < n <= 1024 for n in layer[1:]):
            raise Refused(f"its config.json states a layer {printable(layer)}, which cannot be")
    position = whole(config, "attention_layer_position", 8, len(layers) - 1, 1)
    embedding, gen_z = of(arrays, "embeddings.weight", 2), of(arrays, "generator.gen_z.weight_orig", 2)
    means = of(arrays, "generator.bn.running_means", 2)
    settings = {
        "layers": [list(layer) for layer in layers],
        "attention_position": position,
        "width": whole(config, "channel_width", 128, 4096, 1),
        "latent_dim": gen_z.shape[1] - embedding.shape[0],
        "n_classes": embedding.shape[1],
        "shared_dim": embedding.shape[0],
        "bn_eps": number(config, "eps", 1e-4),
        "n_stats": means.shape[0],
    }
    resolution = 4 * 2 ** sum(layer[0] for layer in layers)
    for name, value in (("z_dim", settings["latent_dim"]), ("num_classes", settings["n_classes"])):
        if name in config and whole(config, name, value) != value:
            raise Refused(f"its config.json states {name} = {config[name]}, but its arrays are those of {value}")
    notes = ["a generator only: it draws and is scored, and cannot be trained on"]
    if config.get("output_dim", resolution) != resolution:
        notes.append(f"config.json states output_dim = {config['output_dim']}; its layers make {resolution} px")
    return Found(
        "biggandeeprelease",
        settings,
        {"G": arrays},
        {"G": partial(biggan.convert_release, layers=layers, attention_position=position)},
        "huggingface/pytorch-pretrained-BigGAN",
        "MIT for the code; the weights are DeepMind's",
        fill=("num_batches_tracked", ".sv", ".u"),
        left_out=["u and v of spectral normalisation, divided into the weights"],
        notes=notes,
    )
