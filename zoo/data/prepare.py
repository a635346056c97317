"""The data-set tool: a folder or zip of images becomes one zip at one resolution, ready for training.

The zip follows StyleGAN2-ADA (stored PNG at `NNNNN/imgNNNNNNNN.png`, labels in `dataset.json`) and carries a
`manifest.json` that the loader checks. The same input gives the same bytes (with the same Pillow).
"""

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import PIL
from PIL import Image

from zoo.data.files import TINY, BadImage, Files, MissingDataset

TOOL = "zoo data prepare, version 1"  # raise it when other bytes come out
Filter = Literal["lanczos", "box", "bilinear", "bicubic"]
Crop = Literal["center", "none"]


@dataclass
class Report:
    """What `prepare` did.

    Attributes:
        manifest: content of the new zip's manifest.json.
        skipped: one sentence for each image left out, naming the file and the reason.
    """

    dest: Path
    manifest: dict
    skipped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        m = self.manifest
        classes = f" in {len(m['per_class'])} classes" if m["per_class"] else ""
        lines = [f"{self.dest}: {m['images']} images{classes} at {m['resolution']} px, {m['skipped']} skipped"]
        return "\n".join(lines + [f"  skipped: {reason}" for reason in self.skipped])


def prepare(
    source: str | Path,
    dest: str | Path,
    resolution: int,
    filter: Filter = "lanczos",
    crop: Crop = "center",
    workers: int = 2,
) -> Report:
    """Write the images of `source` to the zip `dest` as RGB squares of `resolution` pixels.

    Corrupt images and those with a side shorter than `resolution` are skipped and reported; images are turned
    upright by their EXIF tag, cropped, then resized by Pillow.

    Args:
        source: Folder (its sub-folders are classes) or StyleGAN2-ADA style zip.
        dest: The zip to write; it appears whole at the end or not at all.
        resolution: Side of the written images in pixels.
        filter: Pillow's filter for resizing.
        crop: "center" cuts the central square out, "none" skips images that are not square.
        workers: Threads that decode and resize.

    Raises:
        MissingDataset: nothing is at `source`.
        FileExistsError: `dest` exists.
        ValueError: an option is not one of its values, or no image is left.
    """
    source, dest = Path(source), Path(dest)
    for name, value, values in (("filter", filter, get_args(Filter)), ("crop", crop, get_args(Crop))):
        if value not in values:
            raise ValueError(f"{name} {value!r} does not exist: choose one of {', '.join(values)}.")
    if resolution < 1:
        raise ValueError(f"resolution must be at least 1 px, got {resolution}.")
    if dest.suffix != ".zip":
        raise ValueError(f"{dest} would not be a zip: give a destination that ends in .zip.")
    if dest.exists():
        raise FileExistsError(f"{dest} exists already: remove it or choose another destination.")
    if not source.exists():
        raise MissingDataset(f"there is no folder or zip at {source}: give the original images, or {TINY}.")
    files = Files(source)

    dest.parent.mkdir(parents=True, exist_ok=True)
    part = dest.with_name(f".{dest.name}.{os.getpid()}.part")
    try:
        report = _write(files, part, dest, resolution, filter, crop, workers)
        if dest.exists():  # made by somebody else in the meantime
            raise FileExistsError(f"{dest} exists already: remove it or choose another destination.")
        part.rename(dest)
    finally:
        part.unlink(missing_ok=True)
    return report


def _write(
    files: Files, part: Path, dest: Path, resolution: int, filter: Filter, crop: Crop, workers: int
) -> Report:
    labels: list[list[str | int]] = []
    skipped: list[str] = []
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for i, png in _convert(files, resolution, filter, crop, workers):
            if isinstance(png, BadImage):
                skipped.append(str(png))
                continue
            n = len(labels)
            name = f"{n // 1000:05d}/img{n:08d}.png"
            labels.append([name, -1 if files.labels is None else files.labels[i]])
            _add(archive, name, png)
        if not labels:
            raise ValueError(f"no image of {files.path} could be used: {skipped[0]}")
        labelled = files.labels is not None
        _add(archive, "dataset.json", json.dumps({"labels": labels if labelled else None}).encode())

    written = Files(part)
    per_class = Counter(c for _, c in labels) if labelled else {}
    manifest = {
        "tool": TOOL,
        "pillow": PIL.__version__,
        "source": files.path.name,
        "images": len(labels),
        "skipped": len(skipped),
        "classes": list(files.classes),
        "per_class": {str(c): per_class[c] for c in sorted(per_class)},
        "resolution": resolution,
        "crop": crop,
        "filter": filter,
        "listing_sha256": written.listing(),
    }
    with zipfile.ZipFile(part, "a", zipfile.ZIP_STORED) as archive:
        _add(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
    return Report(dest, manifest, skipped)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # no clock: the same input, the same bytes
    info.external_attr = 0o644 << 16
    info.create_system = 3
    archive.writestr(info, data)


def _convert(
    files: Files, resolution: int, filter: Filter, crop: Crop, workers: int
) -> Iterator[tuple[int, bytes | BadImage]]:
    """(index, PNG or the reason why there is none) in order."""

    def one(i: int) -> tuple[int, bytes | BadImage]:
        try:
            image = _fit(files, i, resolution, filter, crop)
        except BadImage as error:
            return i, error
        buffer = io.BytesIO()
        image.save(buffer, format="png")
        return i, buffer.getvalue()

    numbers = iter(range(len(files)))
    with ThreadPoolExecutor(max(1, workers)) as pool:
        while chunk := list(islice(numbers, 256)):  # a bounded number of results waits in memory
            yield from pool.map(one, chunk)


def _fit(files: Files, i: int, resolution: int, filter: Filter, crop: Crop) -> Image.Image:
    image = files.image(i, upright=True)
    width, height = image.size
    side = min(width, height)
    if side < resolution:
        raise BadImage(f"{files.where(i)} is {width}x{height} px, smaller than {resolution}.")
    if crop == "none" and width != height:
        raise BadImage(f"{files.where(i)} is {width}x{height} px, not square.")
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    if side != resolution:
        image = image.resize((resolution, resolution), Image.Resampling[filter.upper()])
    return image
