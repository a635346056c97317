"""Files of a data set, held against each other and opened as one list of images."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo.data.files import TINY, Files, MissingDataset, check_size, decode
from zoo.data.images import Images
from zoo.data.labels import listed
from zoo.data.manifests import check_manifest
from zoo.data.streaming import is_stream
from zoo.data.twins import twins


def at_resolution(path: str, resolution: int) -> str:
    """`path` with {resolution} replaced."""
    return path.replace("{resolution}", str(resolution))


def check_scale(resolution: int, source_resolution: int | None) -> None:
    """Refuse a `source_resolution` that is not `resolution` times a power of two.

    Raises:
        ValueError: if so.
    """
    factor = source_resolution / resolution if source_resolution else 1
    if factor < 1 or not math.log2(factor).is_integer():
        raise ValueError(
            f"source_resolution {source_resolution} is not {resolution} times a power of two: it says how large "
            "the images at path are."
        )


def prepared(path: str, kind: str, resolution: int, labels: bool = True) -> Files:
    """The files at `path`, with labels if they are wanted.

    Raises:
        MissingDataset: if there are none, with the command that makes them.
    """
    try:
        return Files(path, labels)
    except MissingDataset:
        dest = path if path.endswith(".zip") else f"{path}.zip"
        raise MissingDataset(
            f"no data set at {path}: make it with `zoo data prepare {kind} SOURCE {dest} "
            f"--resolution {resolution}`, or {TINY}."
        ) from None


def open_files(
    paths: Sequence[str], kind: str, resolution: int, labels: bool, filter: str | None, stretch: bool | None
) -> tuple[Images, int]:
    """The images of folders or zips, one behind the other, and how many their preparation has left out.

    Args:
        kind: what `zoo data prepare` calls the set.
        resolution: side of the images in pixels.
        labels: whether labels are wanted.
        filter, stretch: how a prepared set must have been made; None asks for nothing.

    Raises:
        MissingDataset: nothing is at one of the paths.
        ValueError: the files do not make a data set of this resolution.
    """
    files = [prepared(path, kind, resolution, labels) for path in paths]
    table = joined_labels(files) if labels else None
    check_apart(files)
    for source in files:
        check_manifest(source.path, source.manifest or {}, resolution, filter, stretch)
        check_size(source, 0, source.image(0).size, resolution)  # the rest is checked when it is decoded
    images = Images(
        read=functools.partial(decode, files, resolution),
        n=sum(map(len, files)),
        content=" ".join(source.listing(labels=False) for source in files),
        version=" ".join(source.version() for source in files).strip(),
        labels=table,
        files=files,
    )
    return images, sum((source.manifest or {}).get("skipped", 0) for source in files)


def check_apart(files: Sequence[Files]) -> None:
    """ValueError where the same images are given twice."""
    for k, source in enumerate(files):
        if twin := next((other for other in files[:k] if twins(other, source)), None):
            raise ValueError(
                f"{twin.path} and {source.path} hold the same images, which would be shown twice: give one of them."
            )


def joined_labels(files: Sequence[Files]) -> Tensor | None:
    """Labels of joined files, int64 (n,), or None if none has any.

    Raises:
        ValueError: if some have and some have not, or number other classes.
    """
    labelled = [source.labels is not None for source in files]
    if all(labelled):
        first, *rest = [source for source in files if source.class_names] or files
        for other in rest:
            if other.class_names != first.class_names:
                raise ValueError(
                    f"{first.path} has the classes {listed(first.class_names)} and {other.path} "
                    f"{listed(other.class_names)}, so that one number means two of them: put all images into one "
                    "folder and prepare that, or set labels to false."
                )
        return torch.tensor([c for source in files for c in source.labels])
    if any(labelled):
        with_, without = files[labelled.index(True)].path, files[labelled.index(False)].path
        raise ValueError(
            f"{with_} has labels and {without} has none, so they do not join: label both, or set labels to false."
        )
    return None


def check_level(paths: Sequence[str], level: int, full: int) -> None:
    """Refuse a lower resolution that was not made of the same images as the full one, where that is there already.

    Raises:
        ValueError: naming both.
    """
    for path in paths:
        both = [at_resolution(path, side) for side in (level, full)]
        if not Path(both[1]).exists() or any(map(is_stream, both)):
            continue
        low, high = map(Files, both)
        if len(low) != len(high) or low.labels != high.labels:
            what = f"{len(low):,} images and {len(high):,}" if len(low) != len(high) else "different labels"
            raise ValueError(
                f"{low.path} and {high.path} hold {what}, so they are no levels of one set: prepare all of them "
                "again with `zoo data prepare ... --pyramid true`."
            )


def check_tests(path: str) -> None:
    """Refuse a `test_path` where nothing is, before training.

    Raises:
        MissingDataset: if so.
    """
    if not Path(path).exists():
        raise MissingDataset(f"there are no test images at {path}: prepare them, or set data.test_path to null")


def check_unseen(tests: Images, images: Images, path: str, paths: Sequence[str]) -> None:
    """Refuse test images of another size, now and not after training, and those that are trained on, at `paths`.

    Raises:
        ValueError: naming their `path`.
    """
    tests[torch.tensor([0])]
    same = tests.content in images.content.split() and Path(path).is_file()
    same = same or Path(path).resolve() in [Path(p).resolve() for p in paths]
    if same or any(twins(one, other) for one in tests.files for other in images.files):
        raise ValueError(f"data.test_path {path} holds images that are trained on: give others, or null.")
