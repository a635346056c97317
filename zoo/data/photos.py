"""Single photos at a model's size."""

from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from zoo.data.colours import upright_rgb
from zoo.data.files import BadImage, Files


def fit(image: Image.Image, where: str, resolution: int) -> Tensor:
    """The central square of a photo at the model's size, (3, R, R) in [-1, 1].

    Raises:
        ValueError: if it is smaller than that.
    """
    if min(image.size) < resolution:
        raise ValueError(
            f"{where} is {image.width}x{image.height} px, smaller than the model's {resolution}: "
            "leave it out, or give a larger one"
        )
    square = ImageOps.fit(image, (resolution, resolution), Image.Resampling.LANCZOS)
    return pil_to_tensor(square).float() / 127.5 - 1


def read_photo(path: str | Path, resolution: int) -> Tensor:
    """One photo as (3, R, R) in [-1, 1].

    Raises:
        FileNotFoundError, ValueError: if there is none, or it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no photo at {path}")
    try:
        with Image.open(path) as image:
            photo, _ = upright_rgb(image, deep=True)
    except BadImage as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise ValueError(f"{path} cannot be decoded ({error}): give a PNG or JPEG") from error
    return fit(photo, str(path), resolution)


def read_photos(path: str | Path, resolution: int, n: int | None = None) -> tuple[Tensor, list[str]]:
    """The first n photos (all without n) of a folder or zip, (N, 3, R, R) in [-1, 1], and their names.

    Raises:
        ValueError, OSError: if there is no such folder, it holds no image, or one cannot be read.
    """
    files = Files(path)
    names = files.names[:n]
    photos = [fit(files.image(i), files.where(i), resolution) for i in range(len(names))]
    return torch.stack(photos), names
