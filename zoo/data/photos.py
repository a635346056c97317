"""Single photos at a model's size."""

from collections.abc import Iterable, Iterator
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


class Photos:
    """The photos of a folder or zip, (N, 3, R, R) in [-1, 1], each read when it is asked for.

    Raises:
        ValueError, OSError: if there is no such folder, or it holds no image; and where one that is asked for
            cannot be read.
    """

    def __init__(self, path: str | Path, resolution: int) -> None:
        self.files, self.resolution = Files(path), resolution
        self.names = self.files.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, numbers: Iterable[int]) -> Tensor:
        files = self.files
        return torch.stack([fit(files.image(int(i)), files.where(int(i)), self.resolution) for i in numbers])

    def split(self, size: int) -> Iterator[Tensor]:
        """All in order, `size` at a time, as a tensor's own `split`."""
        return (self[range(i, min(i + size, len(self)))] for i in range(0, len(self), size))
