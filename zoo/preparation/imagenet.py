"""ImageNet's folders as they come: class folders, Kaggle's ILSVRC tree, flat files with the synset in the name."""

from __future__ import annotations

import csv
import functools
import os
import re
from pathlib import Path

from zoo.data.files import MissingDataset
from zoo.data.paths import is_image, natural, walk
from zoo.preparation.sources import Source, stamp

SYNSET = re.compile(r"n\d{8}")
# `n01440764_10026.JPEG` (ILSVRC) or `ILSVRC2012_val_00000293_n01440764.JPEG`, `..._n01440764.JPEG` (Hugging Face)
IN_NAME = re.compile(r"^(n\d{8})_|_(n\d{8})(?=\.\w+$)")


def folders(path: Path, split: str) -> Source | None:
    """ImageNet's images below `path`, labelled 0..999 in the order of the synsets; None for other layouts.

    Raises:
        MissingDataset: only another split is there.
        ValueError: there are archives in the place of images, or the class of a file cannot be told.
    """
    names = ("train", "train_images") if split == "train" else ("val", "validation", "val_images")
    roots = [path, path / "ILSVRC" / "Data" / "CLS-LOC", path / "Data" / "CLS-LOC"]
    root = next((r / n for r in roots for n in names if (r / n).is_dir()), None)
    if root is None:
        others = [n for n in ("train", "val") if any((r / n).is_dir() for r in roots)]
        if others:
            raise MissingDataset(f"{path} holds ImageNet's {' and '.join(others)} images, but no {split} images.")
        if not any(SYNSET.fullmatch(e.name) or IN_NAME.search(e.name) for e in os.scandir(path)):
            return None
        root = path
    files = sorted(walk(root), key=lambda f: natural(f[0]))
    images = [(name, size) for name, size in files if is_image(name)]
    if not images:
        tar = next((f", such as {name}" for name, _ in files if name.endswith(".tar")), "")
        raise ValueError(f"{root} holds no images: unpack its archives{tar}, each into a folder of its synset.")
    table = _table(path)
    synsets = [_synset(root, name, table) for name, _ in images]
    classes = tuple(sorted(set(synsets)))
    number = {synset: i for i, synset in enumerate(classes)}
    return Source(
        functools.partial(_read, root, [name for name, _ in images]),
        [name for name, _ in images],
        "ImageNet folders",
        stamp(*(f"{name} {size}" for name, size in images)),
        labels=[number[s] for s in synsets],
        classes=classes,
        ignored=[name for name, _ in files if not is_image(name)],
        split=root != path,
    )


def _table(path: Path) -> dict[str, str]:
    """Kaggle's table of the validation images: file stem -> synset."""
    file = next(
        (p for p in (path / "LOC_val_solution.csv", path.parent / "LOC_val_solution.csv") if p.exists()), None
    )
    if file is None:
        return {}
    with file.open(newline="") as lines:
        return {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(lines)}


def _synset(root: Path, name: str, table: dict[str, str]) -> str:
    folder, _, file = name.partition("/")
    if file and SYNSET.fullmatch(folder):
        return folder
    stem = Path(name).stem
    if stem in table:
        return table[stem]
    found = IN_NAME.search(Path(name).name)
    if found:
        return found[1] or found[2]
    raise ValueError(
        f"the class of {root / name} cannot be told: put the images into folders named by synset (n01440764), or "
        "Kaggle's LOC_val_solution.csv beside them."
    )


def _read(root: Path, names: list[str], i: int, resolution: int) -> bytes:
    return (root / names[i]).read_bytes()
