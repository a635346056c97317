"""Images and samples as one PNG."""

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from PIL import Image
from torch import Tensor

from zoo.data.whole import replacing
from zoo.engine.checks import chosen_labels
from zoo.engine.gan import GAN
from zoo.options.bar import track
from zoo.options.folders import check_folder


def save_picture(picture: Image.Image, path: Path, **options: Any) -> None:
    """Write a picture whole or not at all; the ending of `path` chooses the format.

    Raises:
        ValueError: for an ending that Pillow does not know.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path} is no picture: end it with .png, .jpg or .webp")
    with replacing(path) as part:
        picture.save(part, kind, **options)


def check_picture(path: Path, option: str = "--out") -> None:
    """Refuse a file that no picture can be written to, before anything is drawn.

    Raises:
        ValueError: naming the option, for an ending that is no picture's, for a folder, and within one that cannot
            be written to.
    """
    Image.init()
    known = {ending for ending, kind in Image.registered_extensions().items() if kind in Image.SAVE}
    if path.suffix.lower() not in known or path.suffix.lower() in (".pdf", ".gif", ".apng"):
        raise ValueError(f"{option} {path} is no picture: end it with .png, .jpg or .webp")
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: name a picture in it, such as {path / 'samples.png'}")
    check_folder(option, path.parent)


def save_grid(images: Tensor, path: Path, columns: int) -> None:
    """Write images (N, 3, R, R) in [-1, 1] as one PNG, `columns` to a row, small ones enlarged without blur."""
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    images = images.detach().float().cpu()
    scale = max(1, 96 // images.shape[-1])
    images = images.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    grid = make_grid((images.clamp(-1, 1) + 1) / 2, nrow=columns, padding=2, pad_value=1.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(to_pil_image(grid), path)


def join_columns(columns: list[Path], path: Path) -> None:
    """Pictures of equal height beside each other as one PNG."""
    pictures = [Image.open(column) for column in columns]
    joined = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height))
    for i, picture in enumerate(pictures):
        joined.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    save_picture(joined, path)


def sample_grid(
    gan: GAN,
    n: int,
    seed: int = 0,
    truncation: float | None = None,
    ema: bool = True,
    batch_size: int = 64,
    label: int | None = None,
) -> tuple[Tensor, int]:
    """Images from fixed latents and the number of columns: with classes, a row each for the first ten classes.

    The images are drawn `batch_size` at a time and lie on the CPU.

    Args:
        n: images; with rows of classes as many as fill the rows, of fewer classes where n is less than ten.
        label: one class for all images.

    Raises:
        ValueError: for a label of an unconditional model, or one out of range.
    """
    columns, labels = max(1, math.isqrt(n)), None if label is None else chosen_labels(gan, label, n)
    if gan.n_classes and labels is None:
        rows = min(gan.n_classes, 10, n)
        columns = n // rows
        n, labels = rows * columns, torch.arange(rows).repeat_interleave(columns)
    images = []
    for start in track(range(0, n, batch_size), n, lambda _: batch_size, "samples"):
        part = slice(start, min(start + batch_size, n))
        some = None if labels is None else labels[part]
        images.append(gan.sample(part.stop - start, some, truncation, ema, seed, start).cpu())
    return torch.cat(images), columns


def save_own_pictures(gan: GAN, data: L.LightningDataModule | None, path: Path) -> dict[str, Path]:
    """Write what the paper shows beside its samples as `<path>-<name>.png`; name -> file."""
    files = {}
    for name, (images, columns) in (gan.own_pictures(data) if data is not None else {}).items():
        files[name] = path.with_name(f"{path.stem}-{name}.png")
        save_grid(images, files[name], columns)
    return files
