"""Which files of a source are asked for: those of one split, and of several kinds the images."""

import re
from collections.abc import Sequence
from pathlib import Path

from zoo.data.labels import SPLIT_FOLDERS, split_folders, words_of
from zoo.data.paths import is_image, walk


def shards_of(path: Path, files: Sequence[Path], split: str) -> tuple[list[Path], list[str], bool]:
    """The shards of one split (`train-00000-of-00294.parquet`), those left out since they name none, and whether
    names below `path` tell of splits.

    Raises:
        ValueError: they are of other splits.
    """

    def words(file: Path) -> set[str]:
        return set(re.split(r"[^a-z]+", file.relative_to(path).as_posix().lower()))

    files = list(files)
    if path.is_file() or split == "all":
        return files, [], False
    wanted = words_of(split)
    named = {file: words(file) & (SPLIT_FOLDERS | wanted) for file in files}
    told = sorted(set().union(*named.values()))
    if not told:
        return files, [], False
    if not (chosen := [file for file in files if named[file] & wanted]):
        raise ValueError(f"{path} holds the splits {', '.join(told)} and no {split}: give one of them as --split.")
    return chosen, [file.relative_to(path).as_posix() for file in files if not named[file]], True


def folder_of(path: Path, split: str) -> Path:
    """The folder of one split, where there are several (`train/`, `val/` ...), else `path`.

    Raises:
        ValueError: they are of other splits.
    """
    names = [name for name, _ in walk(path) if is_image(name)]
    splits = [] if split == "all" or (path / "dataset.json").is_file() else split_folders(names)
    if not splits:
        return path
    for name in splits:
        if name.rpartition("/")[2].lower() in words_of(split):
            return path / name
    raise ValueError(f"{path} holds the splits {', '.join(splits)} and no {split}: give one of them as --split.")


def images_in(path: Path) -> int:
    """How many image files a folder holds."""
    return sum(is_image(name) for name, _ in walk(path)) if path.is_dir() else 0
