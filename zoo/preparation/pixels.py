"""One image of any kind becomes 8-bit RGB squares: decoded, turned upright, cropped, resized, encoded.

Odd images follow fixed rules (`zoo.data.colours`). Grey, palette and CMYK become RGB, transparent pixels are laid
over white, of 16 bits the high byte is kept, EXIF rotation is applied: these are used and counted. What cannot be
decoded, has several frames or more than 16 bits, is too small, too large to be a photograph, or does not suit the
crop is left out with its reason.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
from PIL import Image

from zoo.data.colours import upright_rgb
from zoo.data.files import BadImage, reason
from zoo.data.kinds import Filter

FILTERS = get_args(Filter)  # all but "mean" are Pillow's
FORMATS = ("png", "webp")
Box = tuple[int, int, int, int]


def decode(data: bytes | np.ndarray) -> tuple[Image.Image, list[str]]:
    """RGB image of an encoded file, or of a uint8 array (H, W, 3), and what was odd about it.

    Raises:
        BadImage: it cannot be used; the message continues "<name of the image> ...".
    """
    if isinstance(data, np.ndarray):
        return Image.fromarray(data), []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images and odd EXIF data; our rules decide
            with Image.open(io.BytesIO(data)) as image:
                return upright_rgb(image, deep=True)
    except BadImage:
        raise
    except Image.DecompressionBombError as error:
        raise BadImage(f"has more pixels than any photograph ({error})") from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise BadImage(f"cannot be decoded ({reason(error)})") from error


# ---- crops: a function of width and height that gives (left, top, right, bottom)


def _central(width: int, height: int, side: int) -> Box:
    if side > min(width, height):
        raise BadImage(f"is {width}x{height} px, smaller than the square of {side} px to be cut out")
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _center(width: int, height: int) -> Box:
    return _central(width, height, min(width, height))


def _square(width: int, height: int) -> Box:
    if width != height:
        raise BadImage(f"is {width}x{height} px, not square")
    return 0, 0, width, height


def _celeba(width: int, height: int) -> Box:
    if (width, height) != (178, 218):
        raise BadImage(f"is {width}x{height} px, not the 178x218 px of aligned CelebA images")
    return 25, 57, 153, 185  # centre (89, 121): PGGAN, dataset_tool.py:435-450


def _wide(width: int, height: int) -> Box:
    """4:3 around the centre of the height: LSUN cars (StyleGAN, dataset_tool.py:439-480)."""
    if width < 512 or round(512 * height / width) < 384:
        raise BadImage(f"is {width}x{height} px, no 4:3 image of 512x384 px can be cut out")
    part = width * 3 // 4
    top = (height - part) // 2
    return 0, top, width, top + part


CROPS: dict[str, Callable[[int, int], Box]] = {
    "center": _center,
    "none": _square,
    "celeba": _celeba,
    "wide": _wide,
}


def crop_of(name: str) -> Callable[[int, int], Box]:
    """The crop of that name; "center-N" is the central square of N pixels.

    Raises:
        ValueError: there is none.
    """
    side = name.removeprefix("center-")
    if side != name and side.isdigit() and int(side):
        return lambda width, height: _central(width, height, int(side))
    if name not in CROPS:
        raise ValueError(f"crop {name!r} does not exist: choose one of {', '.join(CROPS)} or center-N.")
    return CROPS[name]


# ---- sizes


def stretched(image: Image.Image) -> Image.Image:
    """The image with its least value at 0 and its greatest at 255, over all channels; a flat one becomes black.

    What `scipy.misc.imresize` did to float arrays before it resized them (its `bytescale`).
    """
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) * (255 / ((high - low) or 1)) + 0.5).astype(np.uint8))


def fit(
    image: Image.Image, resolution: int, crop: str, filter: str, min_side: int, stretch: bool = False
) -> np.ndarray:
    """uint8 or, after "mean", float32 (resolution, resolution, 3) of an RGB image; nothing is ever enlarged.

    With `stretch` what the crop leaves is `stretched` first.

    Raises:
        BadImage: the crop, or the image inside it, does not suit.
    """
    box = crop_of(crop)(*image.size)
    width, height = box[2] - box[0], box[3] - box[1]
    if min(image.size) < min_side or width < resolution:
        raise BadImage(f"is {image.width}x{image.height} px, smaller than {max(min_side, resolution)}")
    image = stretched(image.crop(box)) if stretch else image.crop(box)
    if width == resolution == height:
        return np.asarray(image)
    if filter == "mean":
        return _mean(np.asarray(image).astype(np.float32), resolution)
    target = (resolution, resolution * height // width)
    small = image.resize(target, Image.Resampling[filter.upper()])
    if target[1] == resolution:
        return np.asarray(small)
    framed = Image.new("RGB", (resolution, resolution))  # black above and below
    framed.paste(small, (0, (resolution - target[1]) // 2))
    return np.asarray(framed)


def _mean(pixels: np.ndarray, resolution: int) -> np.ndarray:
    side = pixels.shape[0]
    doublings = side // resolution
    if doublings * resolution != side or doublings & (doublings - 1):
        raise BadImage(f"has {side} px, from which 2x2 means do not lead to {resolution}: give --filter lanczos")
    while pixels.shape[0] > resolution:
        rows = pixels[0::2] + pixels[1::2]
        pixels = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return pixels


def levels(top: np.ndarray, resolutions: Sequence[int]) -> dict[int, np.ndarray]:
    """uint8 (R, R, 3) for each R, falling from the size of `top` on: 2x2 means in float32, rounded half to even.

    Each level comes from the unrounded one above it (PGGAN, dataset_tool.py:30-92).
    """
    found, pixels = {}, top
    for resolution in resolutions:
        if pixels.shape[0] != resolution:
            pixels = _mean(pixels.astype(np.float32, copy=False), resolution)
        found[resolution] = pixels if pixels.dtype == np.uint8 else np.rint(pixels).clip(0, 255).astype(np.uint8)
    return found


def encode(pixels: np.ndarray, format: str) -> bytes:
    """PNG or lossless WebP bytes of uint8 (H, W, 3)."""
    # measured on faces of 128 px: PNG level 1 is 3x as fast as 6 and 6 % larger; WebP is 27 % smaller than either
    options = {"png": {"compress_level": 1}, "webp": {"lossless": True, "method": 0, "quality": 0, "exact": True}}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=format, **options[format])
    return buffer.getvalue()
