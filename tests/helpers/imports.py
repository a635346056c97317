"""Checkpoints of imported files, written in the authors' layouts out of the golden vectors' variables."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from released import Network, module, npz, pickled, torch_file

from zoo.training.importing import import_weights

DATA = Path(__file__).parents[1] / "golden" / "data"


class Kept:
    """One file of vectors: its variables below a prefix, in float32, and what the official constructors got."""

    def __init__(self, name: str) -> None:
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as z:
            self.arrays = {k: z[k] for k in z.files if k.startswith("param/")}
            self.constructor = json.loads(str(z["meta"]))["constructor"]

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        found = {k.removeprefix(prefix): a for k, a in self.arrays.items() if k.startswith(prefix)}
        return {k: a.astype("f4") if a.dtype.kind == "f" else a for k, a in found.items()}


def tflib(name: str, roles: tuple[str, ...], path: str, version: int) -> Callable[[Path], Path]:
    def write(folder: Path, lod: float = 0.0) -> Path:
        kept = Kept(name)
        made = []
        for role in roles:
            static = {k: v for k, v in kept.constructor[role[0]].items() if k != "func"}
            variables = kept.group(f"param/{role}/") | {"lod": np.float32(lod)}
            made.append(Network(variables, static, role, path, version))
        file = folder / "karras.pkl"
        file.write_bytes(pickled(tuple(made), 3))
        return file

    return write


def gan_stability(name: str, generator: str, discriminator: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        kept = Kept(name)
        stored = {"generator": kept.group(generator), "discriminator": kept.group(discriminator), "it": 5}
        return torch_file(stored, folder / "model.pt")

    return write


def sngan(folder: Path) -> Path:
    return npz(folder / "sngan.npz", Kept("sngan-update-cond").group("param/gen/"))


def biggan(folder: Path) -> Path:
    return torch_file(Kept("biggan-standing").group("param/"), folder / "G.pth", old=True)


def introvae(folder: Path) -> Path:
    stored = {"epoch": 200, "model": module("networks.IntroVAE", Kept("introvae-net32").group("param/"))}
    return torch_file(stored, folder / "model_epoch_200.pth", old=True)


#: paper -> what writes its file into a folder
FILES = {
    "biggan": biggan,
    "introvae": introvae,
    "pggan": tflib("pggan-networks", ("G", "D", "G"), "tfutil.Network", 2),
    "r1gan": gan_stability("r1gan-step", "param/generator.", "param/discriminator."),
    "sngan": sngan,
    "stylegan": tflib("stylegan-trainstep", ("G", "D", "Gs"), "dnnlib.tflib.network.Network", 3),
    "vgan": gan_stability("vgan-net32", "param/G.", "param/D."),
}


def imported(paper: str, folder: Path, **more: float) -> Path:
    """The checkpoint of a paper's file in `folder`; `lod` for the two that grow."""
    return import_weights(FILES[paper](folder, **more), folder / f"{paper}.ckpt", paper)
