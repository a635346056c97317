"""Which files of a source are asked for: those of one split, and of several kinds the images."""

import re
from pathlib import Path

from zoo.data.labels import SPLIT_FOLDERS, split_folders, words_of
from zoo.data.paths import is_image, walk


def shards_of(path: Path, files: list[Path], split: str) -> tuple[list[Path], bool]:
    """The shards of one split, and whether names below `path` tell them (`train-00000-of-00294.parquet`).

    Raises:
        ValueError: they are of other splits.
    """

    def words(file: Path) -> set[str]:
        return set(re.split(r"[^a-z]+", file.relative_to(path).as_posix().lower()))

    if path.is_file():
        return files, False
    wanted = words_of(split)
    told = sorted({word for file in files for word in words(file) & (SPLIT_FOLDERS | wanted)})
    if not told:
        return files, False
    if not (chosen := [file for file in files if words(file) & wanted]):
        raise ValueError(f"{path} holds the splits {', '.join(told)} and no {split}: give one of them as --split.")
    return chosen, True


def folder_of(path: Path, split: str) -> Path:
    """The folder of one split, where there are several (`train/`, `val/` ...), else `path`.

    Raises:
        ValueError: they are of other splits.
    """
    names = [name for name, _ in walk(path) if is_image(name)]
    splits = [] if (path / "dataset.json").is_file() else split_folders(names)
    if not splits:
        return path
    for name in splits:
        if name.rpartition("/")[2].lower() in words_of(split):
            return path / name
    raise ValueError(f"{path} holds the splits {', '.join(splits)} and no {split}: give one of them as --split.")


def rather_images(path: Path, files: list[Path]) -> bool:
    """Whether a folder is one of image files, among which some others lie."""
    return path.is_dir() and sum(is_image(name) for name, _ in walk(path)) > len(files)
