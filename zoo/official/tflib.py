"""Settings of the pickled networks of PGGAN and StyleGAN, from what they state and from their arrays."""

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from zoo.official import pggan, stylegan
from zoo.official.found import Arrays, Found, agree, flag, number, of, only, whole
from zoo.official.inert import NETWORKS, Inert, Refused, numbers, printable

FUSED_FROM = {"auto": 128, True: 8, False: 2**20}  # networks_stylegan.py:174-191
LEFT_OUT = ("lod",)
LEVELS = 16  # 2^17 px: more than anybody has
#: what the official constructors could also do otherwise, and the zoo does not build
ALWAYS_PGGAN = {"normalize_latents": True, "use_leakyrelu": True, "pixelnorm_epsilon": 1e-8, "tanh_at_end": False}
ALWAYS_STYLEGAN = {"normalize_latents": True, "use_wscale": True, "nonlinearity": "lrelu", "fmap_decay": 1.0}
ALWAYS_STYLEGAN |= {"mapping_nonlinearity": "lrelu", "blur_filter": [1, 2, 1]}


class Network:
    """A pickled network: its arrays with the components' prefixes, and the arguments it was made with."""

    def __init__(self, stored: Inert, inside: bool = False) -> None:
        state = stored.state
        if not isinstance(state, dict):
            raise Refused("it holds a network without a state")
        self.version = whole(state, "version", 2)
        self.name = state.get("name", "")
        self.static = dict(plain(state.get("static_kwargs") or {}))
        self.arrays: Arrays = {}
        for entry in sequence(state.get("variables") or [], "variables"):
            pair = sequence(entry, "variables")
            if len(pair) != 2 or not isinstance(pair[0], str):
                raise Refused("it holds variables in an unknown form")
            self.arrays[pair[0]] = numbers(pair[1], pair[0])
        self.components = {} if inside else dict(plain(state.get("components") or {}))
        for key, component in self.components.items():
            if not isinstance(component, Inert) or component.path not in NETWORKS:
                raise Refused(f"its component {printable(key)} is no network")
            part = Network(component, inside=True)
            self.static = part.static | self.static
            for name, array in part.arrays.items():
                self.arrays[name if name.startswith("G_") else f"G_{key}/{name}"] = array

    @property
    def role(self) -> str:
        if any("FromRGB_lod" in name for name in self.arrays):
            return "D"
        if any("ToRGB_lod" in name for name in self.arrays):
            return "G"
        raise Refused(f"its network {printable(self.name)!r} is neither a G nor a D of PGGAN or StyleGAN")


def plain(value: Any) -> Mapping:
    if isinstance(value, Inert):
        value = value.items
    if not isinstance(value, dict):
        raise Refused("it holds a network's arguments in an unknown form")
    return value


def sequence(value: Any, what: str) -> list | tuple:
    if not isinstance(value, list | tuple):
        raise Refused(f"it holds {what} in an unknown form")
    return value


def networks(whole_file: Any) -> dict[str, Network]:
    """ "G", "D" and "G_ema" of the pickled object: a tuple of two or three networks, or one network.

    Raises:
        Refused: if it holds anything else.
    """
    stored = list(whole_file) if isinstance(whole_file, list | tuple) else [whole_file]
    if not stored or not all(isinstance(one, Inert) and one.path in NETWORKS for one in stored) or len(stored) > 3:
        raise Refused("it is a pickle, but not of PGGAN's or StyleGAN's networks")
    read = [Network(one) for one in stored]
    found: dict[str, Network] = {}
    for one in read:
        role = one.role
        if role == "G" and "G" in found:
            role = "G_ema"
        if role in found:
            raise Refused("it holds two discriminators, or three generators")
        found[role] = one
    if "G" not in found:
        raise Refused("it holds a discriminator only, which cannot draw: import the file of its generator")
    return found


def levels_of(arrays: Arrays) -> int:
    """Number of resolutions, told by the largest maps."""
    sizes = [int(m[1]) for name in arrays if (m := re.match(r"(?:G_synthesis/)?(\d{1,6})x\d+/", name))]
    side = max(sizes, default=0)
    if side < 4 or side & (side - 1) or side > 2 ** (LEVELS + 1):
        raise Refused(f"its largest layer is named for {side} px, which is no side of these networks")
    return side.bit_length() - 2


def split(found: dict[str, Network]) -> tuple[dict[str, Arrays], list[str], float]:
    """Arrays without those that the zoo has no use for, what was left out, and the lod."""
    arrays, out, lod = {}, [], 0.0
    for role, net in found.items():
        arrays[role] = {n: a for n, a in net.arrays.items() if n.rpartition("/")[2] not in LEFT_OUT}
        for name in sorted(net.arrays.keys() - arrays[role].keys()):
            out.append(name.rpartition("/")[2])
            if role in ("G", "G_ema") and net.arrays[name].size == 1:
                lod = float(net.arrays[name].reshape(()))
    out = sorted(set(out))
    if not 0 <= lod < LEVELS:
        raise Refused(f"its lod is {lod:g}, which cannot be")
    return arrays, out, lod


def recognise(whole_file: Any) -> Found:
    """The networks of an unpickled object with their settings.

    Raises:
        Refused: if they are none of these papers', or contradict themselves.
    """
    found = networks(whole_file)
    G = found["G"].arrays
    style = "dlatent_avg" in G or any(name.startswith(("G_synthesis/", "G_mapping/")) for name in G)
    made = of_stylegan(found) if style else of_pggan(found)
    if "G_ema" not in made.arrays:
        made.arrays["G_ema"] = made.arrays["G"]
        made.notes.append("one generator only: it stands for G and for its average")
    return made


def common(found: dict[str, Network], prefix: str) -> tuple[Mapping, Mapping, int, int]:
    """Arguments of G and of D, resolution and channels, checked against the arrays."""
    g = found["G"].static
    d = found["D"].static if "D" in found else {}
    resolution = 2 ** (levels_of(found["G"].arrays) + 1)
    channels = len(of(found["G"].arrays, f"{prefix}ToRGB_lod0/bias", 1))
    for table in (g, d):
        agree(table, "resolution", resolution)
        agree(table, "num_channels", channels)
    if not 1 <= channels <= 64:
        raise Refused(f"its images have {channels} channels")
    return g, d, resolution, channels


def of_pggan(found: dict[str, Network]) -> Found:
    """PGGAN's settings; what is not stated has the default of networks.py (PG:144-160, 234-252)."""
    g, d, resolution, channels = common(found, "")
    only(g, **ALWAYS_PGGAN)
    n_classes = whole(g, "label_size", 0)
    arrays, out, lod = split(found)
    latent_dim = of(arrays["G"], "4x4/Dense/weight", 2).shape[0] - n_classes
    if latent_dim < 1:
        raise Refused(f"it states {n_classes} classes, more than its first layer has inputs")
    agree(g, "latent_size", latent_dim)
    group = whole(d, "mbstd_group_size", 4)
    names_d = arrays.get("D", {})
    fused = flag(d, "fused_scale", True)
    if any("/Conv1_down/" in name or name.endswith("/Conv1/weight") for name in names_d):
        fused = any("/Conv1_down/" in name for name in names_d)
    maps = {name: whole(g, name, default, 2**24, 1) for name, default in (("fmap_base", 8192), ("fmap_max", 512))}
    for name in maps:
        if name in d:
            agree(d, name, maps[name])
    decay = number(g, "fmap_decay", 1.0)
    equalized, normalize = flag(g, "use_wscale", True), flag(g, "use_pixelnorm", True)
    settings = {"resolution": resolution, "n_classes": n_classes, **maps, "latent_dim": latent_dim}
    settings |= {"pixel_norm": normalize, "equalized": equalized, "fused": fused, "label_after_norm": False}
    settings |= {"stddev_group": group if group > 1 else 0}
    built = {"resolution": resolution, "n_classes": n_classes, **maps, "fmap_decay": decay, "channels": channels}
    built |= {"equalized": equalized}
    made = Found(
        "pggan",
        settings,
        arrays,
        {"G": partial(pggan.convert, of="G"), "D": partial(pggan.convert, of="D")},
        "tkarras/progressive_growing_of_gans",
        "CC BY-NC 4.0",
        left_out=out,
        lod=lod,
    )
    if channels != 3 or decay != 1:
        made.networks = {
            "G": {**built, "latent_dim": latent_dim, "normalize": normalize, "label_after_norm": False},
            "D": {**built, "stddev_group": settings["stddev_group"], "fused": fused},
        }
    return made


def _mapping(g: dict, arrays: Arrays, n_classes: int) -> dict:
    """Settings of StyleGAN's mapping network."""
    layers = sum(bool(re.fullmatch(r"G_mapping/Dense\d+/weight", name)) for name in arrays)
    w_dim = len(of(arrays, "dlatent_avg", 1))
    latent_dim, width = w_dim, w_dim
    if layers:
        entry = of(arrays, "G_mapping/Dense0/weight", 2).shape
        latent_dim, width = entry[0] // (2 if n_classes else 1), entry[1]
        width = width if layers > 1 else whole(g, "mapping_fmaps", 512)
    mapping = {"latent_dim": latent_dim, "w_dim": w_dim, "mapping_width": width, "mapping_layers": layers}
    return mapping | {"mapping_lrmul": number(g, "mapping_lrmul", 0.01)}


def of_stylegan(found: dict[str, Network]) -> Found:
    """StyleGAN's settings; what is not stated has the default of networks_stylegan.py."""
    g, d, resolution, channels = common(found, "G_synthesis/")
    only(g, **ALWAYS_STYLEGAN)
    if resolution < 8:
        raise Refused(f"its images have {resolution} px, and the zoo's StyleGAN begins at 8")
    n_classes = whole(g, "label_size", 0)
    arrays, out, lod = split(found)
    A = arrays["G"]
    mapping = _mapping(g, A, n_classes)
    agree(g, "latent_size", mapping["latent_dim"])
    fused = g.get("fused_scale", "auto")
    if not isinstance(fused, str | bool) or fused not in FUSED_FROM:
        raise Refused(f"it states fused_scale = {printable(fused)}, which cannot be")
    group, features = whole(d, "mbstd_group_size", 4), whole(d, "mbstd_num_features", 1)
    parts = {
        "styles": flag(g, "use_styles", True),
        "noise": flag(g, "use_noise", True),
        "constant": flag(g, "const_input_layer", True),
        "instance_norm": flag(g, "use_instance_norm", True),
        "pixel_norm": flag(g, "use_pixel_norm", False),
    }
    maps = {name: whole(g, name, default, 2**24, 1) for name, default in (("fmap_base", 8192), ("fmap_max", 512))}
    cutoff = g.get("truncation_cutoff", 8)
    settings = {"resolution": resolution, "n_classes": n_classes, **maps, **mapping, **parts}
    settings |= {"truncation_cutoff": None if cutoff is None else whole(g, "truncation_cutoff", 8, 64)}
    settings |= {"stored_noise": not flag(g, "randomize_noise", True), "stddev_group": max(group, 1)}
    settings["mixing"] = 0.0 if g.get("style_mixing_prob", 0.9) is None else number(g, "style_mixing_prob", 0.9)
    beta = g.get("dlatent_avg_beta", 0.995)
    settings["w_avg_decay"] = 1.0 if beta is None else number(g, "dlatent_avg_beta", 0.995)
    if lod > math.log2(resolution) - 3:  # before the first stage of the authors' own training
        settings["start_resolution"] = 4
    made = Found(
        "stylegan",
        settings,
        arrays,
        {
            "G": partial(stylegan.convert, of="G", fused_from=FUSED_FROM[fused]),
            "D": partial(stylegan.convert, of="D"),
        },
        "NVlabs/stylegan",
        "CC BY-NC 4.0",
        left_out=out,
        lod=lod,
    )
    if g.get("structure") == "fixed":  # which has the finest of the RGB layers only
        made.fill += ("synthesis.to_rgb.", "from_rgb.")
    if channels != 3 or features != 1 or group <= 1:
        built = {"resolution": resolution, "n_classes": n_classes, **maps, "channels": channels}
        features = features if group > 1 else 0
        made.networks = {
            "G": {**built, **mapping, "parts": parts},
            "D": {**built, "group_size": max(group, 1), "stddev_features": features},
        }
    if settings["truncation_cutoff"] is not None:
        made.notes.append("the authors' scripts draw with truncation 0.7: give --truncation 0.7")
    return made
