"""How one source image becomes its encoded levels: what each worker of `zoo data prepare` does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import Dataset

from zoo.data.files import BadImage
from zoo.preparation.pixels import decode, encode, fit, levels
from zoo.preparation.sources import Source, first_bytes


@dataclass(frozen=True)
class Settings:
    """How each image is made: resolutions falling from the first, the rest as the options of `prepare`."""

    resolutions: tuple[int, ...]
    crop: str
    filter: str
    min_side: int
    format: str
    stretch: bool = False


class Work(Dataset):
    """What a worker does: numbers of source images -> (levels of each image used, a record of each)."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source, self.settings = source, settings

    def __getitem__(self, numbers: range) -> tuple[list[dict[int, bytes]], list[dict]]:
        images, records = [], []
        for i in numbers:
            try:
                made, record = self.make(i)
                images.append(made)
            except BadImage as error:
                record = {"i": i, "skip": str(error).rstrip(".")}
            records.append(record)
        return images, records

    def make(self, i: int) -> tuple[dict[int, bytes], dict]:
        """Encoded levels of image i, and its record.

        Raises:
            BadImage: it cannot be used.
        """
        s, source = self.settings, self.source
        top, *rest = s.resolutions
        data = source.read(i, top)
        image, notes = decode(data)
        fitted = fit(image, top, s.crop, s.filter, s.min_side, s.stretch)
        pixels = levels(fitted, s.resolutions)
        for r in set(rest) & set(source.levels):  # the authors' own levels
            pixels[r] = source.read(i, r)
        record = {"i": i, "notes": notes, "as": first_bytes(data)}
        record["resized"] = image.size != (top, top)
        record["digest"] = hashlib.blake2b(pixels[top], digest_size=8).hexdigest()
        if source.labels is not None:
            record["label"] = source.labels[i]
        return {r: encode(array, s.format) for r, array in pixels.items()}, record


def estimate(work: Work, count: int, path: Path) -> int:
    """Bytes that all levels of `count` images will take, from a few of them from everywhere, or the first usable.

    Raises:
        ValueError: none can be used.
    """
    few = sorted({k * (count - 1) // 15 for k in range(16)})
    sizes, reason = [], ""
    for place, i in enumerate([*few, *range(count)]):
        if sizes and place >= len(few):
            break
        try:
            sizes.append(sum(map(len, work.make(i)[0].values())))
        except BadImage as error:
            reason = reason or f"{work.source.names[i]} {error}"
    if not sizes:
        raise ValueError(f"no image of {path} could be used: {reason}.")
    return sum(sizes) * count // len(sizes)
