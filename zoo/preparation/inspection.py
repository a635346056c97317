"""`zoo data inspect`: what a data set holds, and which of its images deserve a second look."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from zoo.data.files import BadImage, Files
from zoo.data.images import loader
from zoo.data.kinds import KINDS
from zoo.options.bar import track
from zoo.preparation.pixels import decode
from zoo.preparation.sources import Source, open_source

CHUNK = 64
GREY = 1.0  # mean difference of the channels below which an image counts as grey
BARS = 1 / 16  # share of a side that is black at both ends


@dataclass
class Look:
    """What one image is like.

    Attributes:
        size: width and height, None if it cannot be decoded.
        mean, std: of the values 0..255; the deviation is the mean over the channels.
        problems: what is suspicious about it alone.
    """

    i: int
    size: tuple[int, int] | None = None
    mean: float = 0.0
    std: float = 0.0
    grey: bool = False
    digest: str = ""
    problems: list[str] = field(default_factory=list)


class _Looks(Dataset):
    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitem__(self, numbers: list[int]) -> list[Look]:
        return [look(self.source, i) for i in numbers]


def look(source: Source, i: int) -> Look:
    """Image i on its own."""
    try:
        image, notes = decode(source.read(i, 2**20))
    except BadImage as error:
        return Look(i, problems=[str(error)])
    pixels = np.asarray(image)
    found = Look(i, image.size, float(pixels.mean()), float(pixels.std((0, 1)).mean()))
    # every 7th pixel tells enough about colour
    some = pixels.reshape(-1, 3)[::7].astype(np.int16)
    found.grey = bool(np.abs(some - some.mean(1, keepdims=True)).mean() < GREY)
    found.digest = hashlib.blake2b(pixels, digest_size=8).hexdigest()
    found.problems = [f"is {note}" for note in notes if note not in ("grey", "palette")]
    if found.std < 4:
        found.problems.append("is almost one colour")
    elif found.mean < 10 or found.mean > 245:
        found.problems.append(f"is very {'dark' if found.mean < 10 else 'bright'}")
    elif _bars(pixels) or _bars(pixels.transpose(1, 0, 2)):
        found.problems.append("has black bars at its edges")
    return found


def _bars(pixels: np.ndarray) -> bool:
    width = max(2, round(len(pixels) * BARS))
    return all(part.std() < 1.5 and part.mean() < 16 for part in (pixels[:width], pixels[-width:]))


@dataclass
class Inspection:
    """What `inspect` found.

    Attributes:
        looks: the images looked at, evenly spaced over the set.
        suspicious: (number, why), the gravest first.
        per_class: class -> count, over the whole set.
    """

    path: Path
    source: Source
    looks: list[Look]
    suspicious: list[tuple[int, str]]
    per_class: dict[int, int]
    manifest: dict | None

    @property
    def sizes(self) -> Counter:
        return Counter(found.size for found in self.looks if found.size)

    def __str__(self) -> str:
        seen = [found for found in self.looks if found.size]
        n, m = len(self.source), self.manifest
        lines = [f"{self.path}: {n:,} images ({self.source.layout})"]
        if m:
            made = f"filter {m['filter']}" if m.get("resized", 1) else "not resized"
            lines.append(f"  prepared by {m['tool']} from {m['source']}: crop {m['crop']}, {made}")
        sizes = ", ".join(f"{w}x{h}" + (f" ({c:,})" if len(self.sizes) > 1 else "") for (w, h), c in
                          self.sizes.most_common(5))  # fmt: skip
        lines.append(f"  size: {sizes or 'unknown'}" + (" and others" if len(self.sizes) > 5 else ""))
        if self.per_class:
            counts = sorted(self.per_class.values())
            lines.append(f"  classes: {len(counts)}, {counts[0]:,} to {counts[-1]:,} images each")
        else:
            lines.append("  classes: none")
        if seen:
            means, stds = [f.mean for f in seen], [f.std for f in seen]
            lines.append(f"  values: mean {np.mean(means):.1f}, contrast {np.mean(stds):.1f} (of 255)")
        looked = "all" if len(self.looks) == n else f"{len(self.looks):,} evenly spaced"
        lines.append(f"  suspicious: {len(self.suspicious):,} of {looked} images looked at")
        kinds = Counter(why.partition(":")[0].split(" as ")[0] for _, why in self.suspicious)
        for why, count in kinds.most_common(8):
            first = next(i for i, w in self.suspicious if w.startswith(why))
            lines.append(f"    {count:,} {why}, such as {self.source.names[first]}")
        return "\n".join(lines)


def inspect(path: str | Path, kind: str = "folder", split: str | None = None, sample: int = 5000) -> Inspection:
    """Look at up to `sample` images of the set at `path`, in any layout that `prepare` reads.

    Raises:
        MissingDataset: nothing is there.
        ValueError: it is no data set, or `sample` is not positive.
    """
    path = Path(path)
    if sample < 1:
        raise ValueError(f"sample must be at least 1 image, got {sample}.")
    source = open_source(kind, path, split or next(iter(KINDS[kind].counts or ["train"])))
    manifest = Files(path).manifest if source.layout == "zip" else None
    count = min(sample, len(source))
    numbers = sorted({k * (len(source) - 1) // max(1, count - 1) for k in range(count)})
    chunks = [numbers[k : k + CHUNK] for k in range(0, len(numbers), CHUNK)]
    workers = min(os.cpu_count() or 1, len(chunks) - 1) if len(chunks) > 8 else 0
    parts = track(loader(_Looks(source), chunks, workers, stops=True), len(numbers), len, "images looked at")
    looks = [found for chunk in parts for found in chunk]
    per_class = dict(sorted(Counter(source.labels or []).items()))
    return Inspection(path, source, looks, _suspicious(source, looks), per_class, manifest)


def _suspicious(source: Source, looks: list[Look]) -> list[tuple[int, str]]:
    sizes = Counter(found.size for found in looks if found.size)
    usual = sizes.most_common(1)[0] if sizes else (None, 0)
    one_size = usual[1] > 0.9 * len(looks)
    grey = sum(found.grey for found in looks)
    firsts: dict[str, int] = {}
    result = []
    for found in looks:
        why = list(found.problems)
        if found.size:
            first = firsts.setdefault(found.digest, found.i)
            if first != found.i:
                why.append(f"has the same pixels as {source.names[first]}")
            if one_size and found.size != usual[0]:
                why.append(f"is {found.size[0]}x{found.size[1]} px, unlike the others")
            if found.grey and grey < 0.05 * len(looks):
                why.append("is grey among colours")
        result += [(found.size is not None, found.std, found.i, reason) for reason in why[:1]]
    return [(i, reason) for _, _, i, reason in sorted(result)]


def thumbnail(source: Source, i: int, side: int) -> Image.Image:
    """A square of `side` px that shows the whole of image i, black where it cannot be decoded."""
    square = Image.new("RGB", (side, side))
    try:
        image, _ = decode(source.read(i, side))
    except BadImage:
        return square
    scale = side / max(image.size)
    small = image.resize([max(1, round(s * scale)) for s in image.size], Image.Resampling.BICUBIC)
    square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return square
