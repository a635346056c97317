"""Settings of R1's, VGAN's and IntroVAE's networks, told by the names and shapes in their state dicts."""

import math
import re
from functools import partial
from itertools import pairwise

from zoo.official import introvae, r1gan
from zoo.official.found import Arrays, Found, of
from zoo.official.inert import Refused

GAN_STABILITY = {"generator": "G", "discriminator": "D", "generator_test": "G_ema"}


def r1_or_vgan(arrays: dict[str, Arrays], left_out: list[str], paper: str | None = None) -> Found:
    """GAN_stability's networks, or VGAN's, whose D has an encoder's `mean_fn`.

    Args:
        arrays: of "G", and "D" and "G_ema" if there are; without "module.".
        paper: "r1gan" or "vgan" where the file alone does not tell.

    Raises:
        Refused: if they are none of these.
    """
    arrays = {role: {n.removeprefix("module."): a for n, a in found.items()} for role, found in arrays.items()}
    G, D = arrays["G"], arrays.get("D", {})
    rows, embed_dim = of(G, "embedding.weight", 2).shape
    units, inputs = of(G, "fc.weight", 2).shape
    image = of(G, "conv_img.weight", 4)
    architecture, resolution, first = _sizes(G, units, image.shape[-1])
    n_classes = rows if rows > 1 else 0
    settings = {"resolution": resolution, "n_classes": n_classes, "embed_dim": embed_dim}
    settings |= {"latent_dim": inputs - embed_dim, "width_g": image.shape[1], "width_d": image.shape[1]}
    if settings["latent_dim"] < 1:
        raise Refused(f"fc.weight has {inputs} inputs, and the embedding alone has {embed_dim} numbers")
    vgan = any(name.startswith(("mean_fn", "logstd_fn")) for name in D) or paper == "vgan"
    options = {"channels": image.shape[0]}
    most = {"G": first, "D": 1024}
    if D:
        settings["width_d"] = of(D, "conv_img.weight", 4).shape[0]
        most["D"] = max(a.shape[0] for n, a in D.items() if n.endswith("conv_1.weight") and a.ndim == 4)
    if architecture == "resnet":
        settings["max_width"] = most["G"]
    bottleneck = _bottleneck(D, architecture) if vgan else {}
    if not vgan:
        settings["architecture"] = options["architecture"] = architecture
    made = Found(
        "vgan" if vgan else "r1gan",
        settings | bottleneck,
        arrays,
        {"G": partial(r1gan.convert, of="G"), "D": partial(r1gan.convert, of="D")},
        "akanazawa/vgan" if vgan else "LMescheder/GAN_stability",
        "MIT",
        left_out=left_out,
    )
    if image.shape[0] != 3 or (architecture == "resnet" and D and most["D"] != most["G"]):
        common = {"resolution": resolution, "n_classes": n_classes}
        made.networks["G"] = common | options | {"width": settings["width_g"], "max_width": most["G"]}
        made.networks["G"] |= {"latent_dim": settings["latent_dim"], "embed_dim": embed_dim}
        made.networks["D"] = common | options | bottleneck
        made.networks["D"] |= {"width": settings["width_d"], "max_width": most["D"]}
    if "G_ema" not in arrays:
        arrays["G_ema"] = arrays["G"]
        made.notes.append("no generator_test: the generator stands for its average")
    return made


def _sizes(G: Arrays, units: int, kernel: int) -> tuple[str, int, int]:
    """Architecture, resolution, and channels of the first block."""
    architecture, count = ladder(G, kernel)
    first = of(G, {"resnet": "resnet.0"}.get(architecture, "resnet_0_0") + ".conv_0.weight", 4).shape[1]
    base = math.isqrt(units // max(first, 1))
    if base < 1 or first * base**2 != units:
        raise Refused(f"fc.weight has {units} rows, which is no square map of {first} channels")
    factor = {"resnet": 2 ** (count - 1), "resnet2": 32}.get(architecture, 64)
    if count > 12 or (architecture == "resnet" and base != 4) or base > 64:
        raise Refused("its layers are none of the authors' ladders")
    return architecture, base * factor, first


def _bottleneck(D: Arrays, architecture: str) -> dict:
    """VGAN's settings of the bottleneck."""
    if architecture != "resnet":
        raise Refused(f"it is an {architecture}, which VGAN never was")
    kind = "none" if "mean_fn.weight" not in D else "gaussian" if "logstd_fn.weight" in D else "noise"
    bottleneck: dict = {"bottleneck": kind if D else "gaussian"}
    if kind != "none":
        bottleneck["code_channels"] = of(D, "mean_fn.weight", 4).shape[0]
    return bottleneck


def ladder(G: Arrays, kernel: int) -> tuple[str, int]:
    """Architecture and number of residual blocks."""
    plain = {m[1] for name in G if (m := re.match(r"resnet\.(\d+)\.conv_0\.weight", name))}
    if plain:
        return "resnet", len(plain)
    blocks = {m[1] for name in G if (m := re.match(r"resnet_(\d+_\d+)\.conv_0\.weight", name))}
    if any(name.endswith("_1") for name in blocks):
        return "resnet2", len(blocks)
    if len(blocks) not in (6, 7) or kernel != 7:
        raise Refused(f"its {len(blocks)} residual blocks are none of the authors' ladders")
    return ("resnet3" if len(blocks) == 6 else "resnet4"), len(blocks)


def of_introvae(arrays: Arrays, left_out: list[str]) -> Found:
    """IntroVAE's two networks; settings as the authors' constructor has them.

    Raises:
        Refused: if a layer that tells them is missing.
    """
    arrays = {n.removeprefix("module."): a for n, a in arrays.items()}
    sizes = [int(m[1]) for n in arrays if (m := re.fullmatch(r"decoder\.main\.res_in_(\d{1,5})\.conv1\.weight", n))]
    resolution = max(sizes, default=0)
    if resolution < 8 or resolution & (resolution - 1):
        raise Refused(f"its largest block is named for {resolution} px, which is no side of these networks")
    inner = [resolution >> k for k in range(1, resolution.bit_length() - 3)]
    stem = of(arrays, "encoder.main.0.weight", 4)
    widths = [
        stem.shape[0],
        *(of(arrays, f"encoder.main.res_in_{size}.conv1.weight", 4).shape[0] for size in inner),
    ]
    expanded = [a.shape for n, a in arrays.items() if n.endswith("conv_expand.weight") and a.ndim == 4]
    latent_dim, channels = of(arrays, "decoder.fc.0.weight", 2).shape[1], stem.shape[1]
    equal = any(a == b and a > 256 for a, b in pairwise(widths))
    settings = {"resolution": resolution, "widths": widths, "latent_dim": latent_dim}
    settings["expand_equal_above_256"] = any(s[0] == s[1] for s in expanded) if equal else True
    made = Found(
        "introvae",
        settings,
        {
            "G": {n: a for n, a in arrays.items() if n.startswith("decoder.")},
            "D": {n: a for n, a in arrays.items() if not n.startswith("decoder.")},
        },
        {"G": partial(introvae.convert, of="decoder"), "D": partial(introvae.convert, of="encoder")},
        "hhb072/IntroVAE",
        "MIT (its README: for non-commercial use)",
        left_out=left_out,
    )
    if foreign := [n for n in made.arrays["D"] if not n.startswith("encoder.")]:
        raise Refused(f"it also holds {foreign[0]}, which is no part of IntroVAE")
    if channels != 3:
        made.networks = {"G": settings | {"channels": channels}, "D": settings | {"channels": channels}}
    return made
