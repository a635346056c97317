"""Chainer's `.npz` files of SNGAN and its relatives: reading with checked sizes, and the settings."""

import math
import re
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from zoo.networks.sngan import DISCRIMINATORS, GENERATORS, SMALL_GENERATORS
from zoo.official import sngan
from zoo.official.found import Arrays, Found, multiple, of
from zoo.official.inert import Refused, printable

RATIO = 1100  # deflate makes at best one byte of 1032
SPARE = 2**20
HEADER = 2**16  # an .npy header has some hundred bytes


def read(path: Path) -> Arrays:
    """The arrays of an .npz, no array larger than what the file can hold.

    Raises:
        Refused: naming the array that is of objects, announces too much, or is cut short.
    """
    found: Arrays = {}
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > RATIO * size + SPARE:
            raise Refused("it announces more numbers than so small a file can hold")
        for info in infos:
            name = info.filename.removesuffix(".npy")
            shown = printable(name)
            if not info.filename.endswith(".npy"):
                raise Refused(f"it is a zip with a file {shown}, not only arrays")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(f"{shown} is compressed in a way that numpy does not use")
            try:
                with archive.open(info) as file:
                    found[name] = one(file, info.file_size, shown)
            except Refused:
                raise
            except Exception as error:  # zlib's, zipfile's and numpy's own, of damaged bytes
                raise Refused(f"{shown} is damaged or cut short ({printable(str(error))})") from error
    return found


def one(file, size: int, name: str) -> np.ndarray:
    """The array of an .npy of `size` bytes."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise Refused(f"{name} is of a version of .npy that Chainer never wrote")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file, max_header_size=HEADER)
    if dtype.kind not in "fiub":
        raise Refused(f"{name} is an array of {'objects' if dtype.hasobject else dtype}, and only numbers are read")
    need = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or need > size:
        raise Refused(f"{name} announces {shape}, {need:,} bytes, and holds at most {size:,}")
    raw = file.read(need + 1)
    if len(raw) != need:
        raise Refused(f"{name} announces {shape}, {need:,} bytes, and holds {len(raw):,}")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))


def networks(arrays: Arrays) -> tuple[dict[str, Arrays], list[str]]:
    """ "G" and "D" of one network's file or a trainer's snapshot, and what was left out."""
    groups: dict[str, Arrays] = {}
    out: list[str] = []
    snapshot = any(name.startswith("updater/") for name in arrays)
    for name, array in arrays.items():
        match = re.match(r"updater/model:([^/]+)/(.+)", name)
        if snapshot and not match:
            out.append("the optimizers' and the trainer's state" if "optimizer" in name else "the trainer's state")
            continue
        group, inner = (match[1], match[2]) if match else ("", name)
        for other in ("gen/", "dis/", "generator/", "discriminator/"):  # two links of one chain
            if inner.startswith(other):
                group, inner = f"{group}/{other}", inner.removeprefix(other)
        if inner.rpartition("/")[2] == "N":
            out.append("N")
        else:
            groups.setdefault(group, {})[inner] = array
    found: dict[str, Arrays] = {}
    for group in groups.values():
        role = role_of(group)
        if role in found:
            raise Refused(
                f"it holds two networks that look like a {'generator' if role == 'G' else 'discriminator'}"
            )
        found[role] = group
    if "G" not in found and "D" in found:
        raise Refused("it holds a discriminator only, which cannot draw: import the file of its generator")
    if "G" not in found:
        raise Refused("it is an .npz, but not of SNGAN's networks")
    return found, sorted(set(out))


def role_of(arrays: Arrays) -> str:
    """G has batch norms or transposed convolutions, D has singular vectors."""
    if any(name.rpartition("/")[2] in ("avg_mean", "avg_var", "gamma") or name.startswith("dc") for name in arrays):
        return "G"
    if any(name.rpartition("/")[2] == "u" for name in arrays):
        return "D"
    raise Refused("it is an .npz, but not of SNGAN's networks")


def recognise(everything: Arrays) -> Found:
    """SNGAN's networks with their settings, which Chainer does not store: shapes and names tell them.

    Raises:
        Refused: if they are none of the papers' networks.
    """
    arrays, out = networks(everything)
    cnn = "dc1/W" in arrays["G"] or "l0/W" in arrays["G"]
    settings, kwargs, rules = (of_cnn if cnn else of_resnet)(arrays)
    made = Found(
        "sngan",
        settings,
        arrays,
        {name: partial(sngan.convert, rules=rule) for name, rule in rules.items()},
        "pfnet-research/chainer-gan-lib" if cnn else "pfnet-research/sngan_projection",
        "MIT",
        networks=kwargs,
        left_out=out,
    )
    if cnn:
        made.notes.append("its authors draw z uniformly from [-1, 1], the zoo from N(0, I)")
    return made


Settings = tuple[dict, dict, dict[str, list]]


def of_cnn(arrays: dict[str, Arrays]) -> Settings:
    """The CNN of chainer-gan-lib (common/net.py)."""
    G = arrays["G"]
    units, latent_dim = of(G, "l0/W", 2).shape
    first, head = of(G, "dc1/W", 4).shape[0], of(G, "dc4/W", 4)
    base = math.isqrt(units // max(first, 1))
    if not 1 <= base <= 512:
        raise Refused(f"l0/W has {units} rows, which is no square map of {first} channels")
    width = multiple(first, 8, "dc1/W")
    settings = {"resolution": 8 * base, "n_classes": 0, "architecture": "cnn-cgl", "latent_dim": latent_dim}
    settings |= {"width_g": width, "width_d": width, "decay_start_kimg": None}
    if "D" in arrays:
        settings["width_d"] = of(arrays["D"], "c0_0/W", 4).shape[0]
    kwargs, channels = {}, head.shape[1]
    if channels != 3:
        common = {"resolution": 8 * base, "channels": channels}
        widths = [settings["width_d"] * m for m in (1, 2, 2, 4, 4, 8, 8)]
        kwargs["G"] = common | {"width": width, "latent_dim": latent_dim, "dense_norm": True, "deconv_head": True}
        kwargs["D"] = common | {"widths": widths, "slope": 0.2}
    return settings, kwargs, {"G": sngan.CNN_GENERATOR, "D": sngan.CNN_DISCRIMINATOR}


def of_resnet(arrays: dict[str, Arrays]) -> Settings:
    """The ResNets of sngan_projection: the ladder of channels and the first map tell the resolution."""
    G = arrays["G"]
    units, latent_dim = of(G, "l1/W", 2).shape
    ladder = [of(G, "block2/c1/W", 4).shape[1], *outputs(G, "c2", 2)]
    base = math.isqrt(units // max(ladder[0], 1))
    fitting = [
        (resolution, ladder[-1] // last, architecture)
        for architecture, table in (("resnet", GENERATORS), ("resnet-small", SMALL_GENERATORS))
        for resolution, (_, size, first, rest) in table.items()
        for last in rest[-1:]
        if size == base and [ladder[-1] // last * m for m in (first, *rest)] == ladder
    ]
    if not fitting or units != ladder[0] * base**2:
        raise Refused(f"its G has maps of {ladder} channels from {base} px on, which is none of the papers'")
    resolution, width, architecture = fitting[0]
    table = next((name for name in ("block2/b1/gammas/W", "block2/b1/betas/W") if name in G), None)
    n_classes = len(of(G, table, 2)) if table else 0
    head = [name for name in G if re.fullmatch(r"[cl][2-9]/W", name)]
    if not head:
        raise Refused("it lacks the last layer of G, such as l7/W")
    channels = of(G, head[0], 4).shape[0]
    settings = {"resolution": resolution, "n_classes": n_classes, "latent_dim": latent_dim, "width_g": width}
    settings |= {"architecture": architecture, "width_d": width, "decay_start_kimg": None}
    kwargs: dict[str, dict] = {}
    options: dict = {"channels": channels} if channels != 3 else {}
    small = {"small": True} if architecture == "resnet-small" else {}
    D, dim = arrays.get("D"), 128
    if D is not None:
        settings["width_d"] = multiple(of(D, "block1/c1/W", 4).shape[0], DISCRIMINATORS[resolution][1][0], "block1")
        concat = resolution == 128 and of(D, "block4/c1/W", 4).shape[1] != of(D, "block3/c2/W", 4).shape[0]
        if concat:
            settings["architecture"], dim = "resnet-concat", of(D, "l_y/W", 2).shape[1]
            options |= {"embedding_dim": dim} if dim != 128 else {}
    if options:
        common = {"resolution": resolution, "n_classes": n_classes}
        if channels != 3:
            kwargs["G"] = common | {"width": width, "latent_dim": latent_dim, "channels": channels} | small
        kwargs["D"] = common | {"width": settings["width_d"]} | options | small
    return settings, kwargs, {"G": sngan.RESNET_GENERATOR, "D": sngan.RESNET_DISCRIMINATOR}


def outputs(arrays: Arrays, layer: str, start: int) -> list[int]:
    """Output channels of block<start>, block<start + 1>, ... as long as there are such."""
    found, k = [], start
    while f"block{k}/{layer}/W" in arrays:
        found.append(of(arrays, f"block{k}/{layer}/W", 4).shape[0])
        k += 1
    return found
