"""Classes of a data set's images, from dataset.json or from the names of folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

MOST_CLASSES = 1_000_000
#: folders and shards of a split, by its name in `--split`
SPLITS = {
    "train": {"train", "training"},
    "val": {"val", "valid", "validation"},
    "test": {"test", "testing"},
}
SPLIT_FOLDERS = frozenset().union(*SPLITS.values())


def words_of(split: str) -> set[str]:
    """The names that a split goes by."""
    return next((words for words in SPLITS.values() if split in words), {split})


def slashed(name: str) -> str:
    """A path as all but Windows write it."""
    return name.replace("\\", "/")


def root_of(names: Sequence[str]) -> str:
    """The one folder that all images lie in, with `/`, or nothing."""
    first = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{first.pop()}/" if len(first) == 1 and "" not in first else ""


def check_places(paths: Iterable[str], names: Sequence[str], where: object) -> str:
    """The folder of dataset.json: the top (""), or the one that all images lie in.

    Raises:
        ValueError: if it lies anywhere else, where it would be overlooked.
    """
    found = [path for path in paths if path.rpartition("/")[2] == "dataset.json"]
    root = root_of(names)
    for path in found:
        if path not in ("dataset.json", f"{root}dataset.json"):
            raise ValueError(
                f"{where} holds {path}, which labels nothing there: move dataset.json to the top, beside the "
                "folders of images, or remove it."
            )
    return root if found and "dataset.json" not in found else ""


def parsed(content: bytes, where: str) -> dict[str, int] | None:
    """The classes of a dataset.json by path; None where it says that there are none.

    Raises:
        ValueError: if it is not of that form, or gives an image two classes.
    """
    try:
        pairs = json.loads(content)["labels"]
        pairs = list(pairs.items()) if isinstance(pairs, dict) else pairs
        table: dict[str, Any] = {}
        for path, label in pairs or []:
            path = slashed(path)
            if path in table and table[path] != label:
                raise Twice(f"{where} labels {path} twice, as {table[path]} and as {label}: leave one of them.")
            table[path] = label
    except Twice as error:
        raise ValueError(str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'{where} is not {{"labels": [[path, class], ...]}} or {{"labels": null}}: write it that way or remove '
            "it."
        ) from error
    return None if pairs is None else table


class Twice(Exception):
    """An image has two classes."""


def from_table(table: dict[str, Any], names: Sequence[str], root: str, where: str) -> list[int]:
    """Class of each image; the table's paths may leave out `root`.

    Raises:
        ValueError: naming the first image without a class, path without an image, or class that is none.
    """
    if root and not any(path.startswith(root) for path in table):
        table = {root + path: label for path, label in table.items()}
    known = set(names)
    for wrong, problem in (
        ([n for n in names if n not in table], "has no label for"),
        (sorted(set(table) - known), "labels a file that is not there,"),
        (
            [
                n
                for n, c in table.items()
                if isinstance(c, bool) or not isinstance(c, int) or not 0 <= c < MOST_CLASSES
            ],
            f"numbers classes from 0 to {MOST_CLASSES - 1:,} at most; it needs a class number of 0 or more for",
        ),
    ):
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise ValueError(
                f"{where} {problem} {wrong[0]}{more}: mend dataset.json or prepare the set again with "
                "`zoo data prepare`."
            )
    return [table[name] for name in names]


def split_folders(names: Sequence[str]) -> list[str]:
    """The top folders below those that hold all, where they are splits (train, val ...) and not classes."""
    folders = [name.split("/")[:-1] for name in names]
    depth = 0
    while all(len(one) > depth + 1 for one in folders) and len({one[depth] for one in folders}) == 1:
        depth += 1
    tops = {one[depth] if len(one) > depth else "" for one in folders}
    splits = len(tops) > 1 and all(top.lower() in SPLIT_FOLDERS for top in tops)
    return sorted("/".join([*folders[0][:depth], top]) for top in tops) if splits else []


def refuse_splits(names: Sequence[str], where: object, zipped: bool) -> None:
    """ValueError where images of several splits lie side by side: they would all be trained on."""
    if found := split_folders(names):
        mend = "unpack it and give" if zipped else "give the folder of"
        raise ValueError(f"{where} holds {listed(found)}, which are splits and not classes: {mend} one of them.")


def listed(names: Sequence[str]) -> str:
    """The first few names, in words."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def from_folders(names: Sequence[str], where: object) -> tuple[list[int] | None, tuple[str, ...]]:
    """Class of each image and the classes' names, by the top folders in sorted order; None without folders.

    A folder that holds all the others is none of them.

    Raises:
        ValueError: if only some images lie in folders.
    """
    parents = [PurePosixPath(name).parts[:-1] for name in names]
    if not any(parents):
        return None, ()
    while all(len(parent) > 1 for parent in parents) and len({parent[0] for parent in parents}) == 1:
        parents = [parent[1:] for parent in parents]
    if not all(parents):
        raise ValueError(
            f"{where} holds images both directly ({names[parents.index(())]}) and in sub-folders: "
            "put all of them into class folders, or none."
        )
    classes = tuple(sorted({parent[0] for parent in parents}))
    number = {name: i for i, name in enumerate(classes)}
    return [number[parent[0]] for parent in parents], classes


def numbered(values: Sequence[Any], where: str) -> tuple[list[Any], tuple[str, ...]]:
    """Classes as whole numbers, and their names in sorted order where they are told by name.

    Whole numbers and None stay as they are, also those that are written as true and false or as 3.0.

    Raises:
        ValueError: a value is neither a whole number nor a name, or there are both.
    """
    names = {v for v in values if isinstance(v, str)}
    if names:
        if any(v is not None and not isinstance(v, str) for v in values):
            raise ValueError(f"{where} holds classes by name ({min(names)}) and by number: give one or the other.")
        number = {name: i for i, name in enumerate(sorted(names))}
        return [v if v is None else number[v] for v in values], tuple(number)
    for v in values:
        if v is not None and not (isinstance(v, int | float) and float(v).is_integer()):
            raise ValueError(f"{where} holds {v!r}, which is no class: classes are whole numbers or names.")
    return [v if v is None else int(v) for v in values], ()
