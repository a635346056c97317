"""Files that are wrong in one way each, named after it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pictures import png
from runs import ROOT

ROW = {
    "schema": 1, "paper": "sngan", "recipe": "tiny", "date": "2026-01-01T00:00:00+00:00",
    "metrics": {"fd_random": 1.0}, "absent": {}, "samples": None, "config": None,
    "data": {"name": "drawn", "fingerprint": "0" * 64, "n_images": 64, "resolution": 32, "n_classes": 10,
             "note": ""},
    "conditions": {"protocol": "zoo", "n_real": 64, "n_fake": 16, "rounding": "round", "truncation": None,
                   "ema": True, "is_splits": 10, "seed": 0,
                   "extractors": {"random": {"id": "random-v1:0", "resize": "none"}}},
    "training": {"nimg": 1000, "kimg": 1.0, "seed": 0, "precision": "32-true", "batch_size": 8, "steps": 1,
                 "hours": 0.1, "hardware": "cpu", "world_size": 1},
    "software": {"zoo": "0", "commit": "0", "dirty": None, "python": "3", "torch": "2", "lightning": "2",
                 "torchmetrics": "1", "torch_fidelity": "0"},
}  # fmt: skip


def images(folder: Path, n: int = 4, side: int = 32, classes: tuple[str, ...] = ("",)) -> Path:
    """PNGs of a side, in a sub-folder for each class."""
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            (folder / name / f"{i}.png").write_bytes(png(i, (side, side)))
    return folder


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def labelled(path: Path, text: str | bytes, n: int = 2, side: int = 32) -> Path:
    """A zip of images with this dataset.json."""
    text = text.encode() if isinstance(text, str) else text
    return zipped(path, {f"{i}.png": png(i, (side, side)) for i in range(n)} | {"dataset.json": text})


def encrypted(path: Path) -> Path:
    """A zip whose members say that they are encrypted."""
    zipped(path, {"0.png": png(0, (32, 32))})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # flags of the local header, and of the directory's entry
    raw[raw.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    return path


def sets(folder: Path) -> None:
    """Data sets."""
    images(folder / "big", 4, 64)
    images(folder / "single", 1)
    images(folder / "classes", 4, classes=("a", "b"))
    encrypted(folder / "encrypted.zip")
    labelled(folder / "json-huge.zip", '{"labels": [["0.png", 1%s], ["1.png", 0]]}' % ("0" * 30))
    labelled(folder / "json-deep.zip", "[" * 100_000)
    labelled(folder / "json-large.zip", '{"labels": [["0.png", 1000000000], ["1.png", 0]]}')
    (folder / "stream-empty").mkdir()
    (folder / "stream-empty" / "zoo.json").write_text("")
    (folder / "photo.png").write_bytes(png(0, (64, 64)))
    np.savez(folder / "own.npz", x=np.zeros(3))
    for name in ("own.pt", "own.json", "own.safetensors"):
        (folder / name).write_text("{}")
    np.save(folder / "objects.npy", np.array([{}, 1], object), allow_pickle=True)
    with (folder / "bomb.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64, 3)}
        np.lib.format.write_array_header_1_0(file, header)


def texts(folder: Path) -> None:
    """Configurations, and what is no checkpoint."""
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
    (folder / "section.yaml").write_text("model: 3\n")
    (folder / "data-list.yaml").write_text("data: [1, 2]\n")
    (folder / "bad.yaml").write_text("model: [\n")
    start = "model: {resolution: 32}\ndata: "
    (folder / "data-args.yaml").write_text(f"{start}{{class_path: Drawn, init_args: 3}}\n")
    (folder / "unknown-option.yaml").write_text("model: {foo: 1}\n")
    (folder / "misspelt.yaml").write_text("model: {batch_sise: 8}\n")
    (folder / "at-home.yaml").write_text("data: {class_path: ImageDataModule, init_args: {path: ~/nowhere.zip}}\n")
    (folder / "twice-data.yaml").write_text(f"{start}{{n_images: 64, init_args: {{n_images: 32}}}}\n")
    (folder / "twice-key.yaml").write_text("model: {lr: 1.0e-4}\ndata: Drawn\nmodel: {beta1: 0}\n")
    (folder / "set-unknown.yaml").write_text(f"{start}Nothing\n")
    (folder / "scored-wrong.yaml").write_text(f"{start}Drawn\nevaluation: {{n_fake: abc}}\n")
    laughs = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    (folder / "laughs.yaml").write_text("a0: &a0 lol\n" + laughs + "model: *a9\n")
    (folder / "text.ckpt").write_text("weights\n")
    torch.save({"run": Bomb()}, folder / "bomb-pickle.ckpt")


class Bomb:
    def __reduce__(self) -> tuple:
        return print, ("ran",)


def rows(folder: Path) -> None:
    """Results folders with one wrong row each, `bad.json`, one without rows, and a folder of somebody's pages."""
    (folder / "results-none").mkdir()
    (folder / "own").mkdir()
    for name in ("README.md", "claims.md"):
        (folder / "own" / name).write_text("# my own project\n")
    for name, change in {
        "results-not-json": None,
        "results-extractors": {"conditions": ROW["conditions"] | {"extractors": {"random": 3}}},
        "results-history": {"history": [{"nimg": "x", "kimg": 1, "hours": 0, "metrics": 3}]},
        "results-samples": {"samples": "../../photo.png"},
    }.items():
        where = folder / name / "sngan"
        where.mkdir(parents=True)
        (where / "bad.json").write_text("{" if change is None else json.dumps(ROW | change))
        (folder / name / "published.csv").write_bytes((ROOT / "results" / "published.csv").read_bytes())


def checkpoints(folder: Path, good: Path) -> None:
    """Checkpoints that differ from a good one in one place each."""

    def changed(name: str, change: Callable[[dict], object]) -> None:
        checkpoint = torch.load(good, weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, folder / name)

    def set_extra(key: str, value: object) -> Callable[[dict], object]:
        return lambda c: c["state_dict"]["_extra_state"].update({key: value})

    def first(c: dict) -> str:
        return next(k for k, v in c["state_dict"].items() if k.startswith("G.") and v.ndim == 4)

    hparams = {"none": None, "unknown": {"foo": 3}, "bad": {"n_dis": 0}, "huge": {"latent_dim": 10**12}}
    for name, more in hparams.items():
        changed(
            f"zoo-{name}-hparam{'s' if more is None else ''}.ckpt",
            lambda c, more=more: c["zoo"].update(hparams=None if more is None else c["zoo"]["hparams"] | more),
        )
    changed("no-state.ckpt", lambda c: c.pop("state_dict"))
    changed("no-extra.ckpt", lambda c: c["state_dict"].pop("_extra_state"))
    changed("other-shape.ckpt", lambda c: c["state_dict"].update({first(c): torch.zeros(1)}))
    changed("nan-weight.ckpt", lambda c: c["state_dict"][first(c)].fill_(float("nan")))
    changed("one-optimizer.ckpt", lambda c: c["optimizer_states"].pop())
    changed("no-data.ckpt", lambda c: c.pop("ImageDataModule", None) or c.pop("Drawn", None))
    changed("nimg-negative.ckpt", set_extra("nimg", -32))
