"""One picture for each seed: as arrays, and as PNGs named by it."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.data.whole import write_whole
from zoo.engine.gan import GAN
from zoo.pictures.grids import save_picture

MOST, LAST = 10_000_000, 2**62  # pictures at a time, and the largest number of one
ASKED = "asked.json"  # in a folder of pictures: what they are made of
OWN = re.compile(r"(seed\d+\.png|asked\.json)(\..*\.part)?")  # all that lies in one, the unfinished included
BATCH = 16  # images in a pass, always: another number would move a rounding here and there


def to_bytes(images: Tensor) -> np.ndarray:
    """Images (N, 3, R, R) in [-1, 1] as uint8 (N, R, R, 3), rounded."""
    levels = (images.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def parse(text: str) -> list[int]:
    """Whole numbers from text such as "7", "0-49999" or "0,5,8-11", in the order written.

    Raises:
        ValueError: for anything else.
    """
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        numbers = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not numbers or int(numbers[2] or numbers[1]) < int(numbers[1]):
            raise ValueError(f"{text!r} names no numbers: write them as 7, as 0-49999, or as 0,5,8-11")
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        if last > LAST or len(found) + last - first >= MOST:
            raise ValueError(
                f"{text!r} names more than {MOST:,} numbers, or one above {LAST:,}: draw fewer at a time"
            )
        found += range(first, last + 1)
    return found


def draw(
    gan: GAN,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[tuple[list[int], np.ndarray, list[int] | None]]:
    """Pictures of seeds, up to `BATCH` at a time: (seeds, uint8 (n, R, R, 3), their classes or None).

    Seed k is image k of `GAN.sample(seed=seed)`: cell k of a sheet. What it looks like is a function of the
    weights, of k, and of its class alone, not of its neighbours.

    Args:
        labels: classes, taken in turn by the seeds' numbers: seed k has class k modulo their number; None for those
            that the seeds draw.
        seed: names the latents, as a sheet's does.
    """
    for first in range(0, len(seeds), BATCH):
        some = list(seeds[first : first + BATCH])
        padded = some + [some[-1]] * (BATCH - len(some))
        parts = [gan.indexed_latents(1, seed, k, truncation) for k in padded]
        z = torch.cat([z for z, _ in parts])
        y = torch.cat([y for _, y in parts]) if gan.n_classes else None
        if labels is not None:
            y = gan_labels(gan, [labels[k % len(labels)] for k in padded])
        pictures = to_bytes(gan.decode(z, y, truncation, ema))[: len(some)]
        yield some, pictures, None if y is None else y[: len(some)].tolist()


def check_drawn(gan: GAN, labels: Sequence[int] | None, truncation: float | None) -> None:
    """Refuse what `draw` would, before anything is written.

    Raises:
        ValueError: for classes that the model has not, or a truncation it does not know.
    """
    gan.indexed_latents(0, truncation=truncation)
    if labels is not None:
        gan_labels(gan, labels)


def gan_labels(gan: GAN, labels: Sequence[int]) -> Tensor:
    """Classes as G takes them.

    Raises:
        ValueError: for a model without classes, or classes it has not.
    """
    from zoo.engine.checks import chosen_labels

    return chosen_labels(gan, torch.tensor(labels), len(labels))


def file_of(folder: Path, seed: int) -> Path:
    """The picture of a seed in a folder."""
    return folder / f"seed{seed:06d}.png"


def digest(gan: GAN) -> str:
    """A name of a model's weights, wherever their file lies."""
    found = hashlib.sha256()
    for tensor in gan.state_dict().values():
        if isinstance(tensor, Tensor):
            found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def check_asked(folder: Path, asked: dict) -> None:
    """Refuse a folder whose pictures were made of something else, or of nobody knows what, and one of other things.

    Args:
        asked: what pictures are made of, as `tell_asked` writes it.

    Raises:
        ValueError: naming the folder and what differs.
    """
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    visible = sorted(name for name in there if not name.startswith("."))
    if other := next((name for name in visible if not OWN.fullmatch(name)), None):
        raise ValueError(f"--out {folder} also holds {other}: name a new folder, for pictures of seeds alone")
    # pictures are looked for first: another process tells what it makes before it makes any
    if not any(folder.glob("seed*.png")):
        return
    try:
        before = json.loads((folder / ASKED).read_text())
        other = [name for name in asked if before.get(name, ...) != asked[name]]
    except (FileNotFoundError, ValueError, AttributeError):
        raise ValueError(
            f"--out {folder} holds pictures, and no {ASKED} that tells what they were made of: name another "
            "folder, or remove them"
        ) from None
    if other:
        raise ValueError(
            f"--out {folder} holds pictures that were made otherwise ({', '.join(other)}): name another folder, or "
            "remove them"
        )


def tell_asked(folder: Path, asked: dict) -> None:
    """Write beside pictures to come what they are made of."""
    text = json.dumps(asked, indent=2) + "\n"
    if not (folder / ASKED).is_file() or (folder / ASKED).read_text() != text:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ASKED, text)


def missing(folder: Path, seeds: Sequence[int]) -> list[int]:
    """The seeds without a picture in the folder yet."""
    there = {path.name for path in folder.glob("seed*.png")} if folder.is_dir() else set()
    return [seed for seed in seeds if file_of(folder, seed).name not in there]


def save_png(folder: Path, seed: int, picture: np.ndarray) -> None:
    """Write one picture, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    file = file_of(folder, seed)
    save_picture(Image.fromarray(picture), file)
