"""What an opened image file becomes: 8-bit RGB, or a refusal that says why.

Training, `zoo data prepare`, `zoo data inspect` and photos all read images here, so that one file is the same image
to all of them. Training takes 8 bits alone; the others keep the high byte of 16.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

#: modes of Pillow -> what is told of an image that had one
ODD = {"L": "grey", "1": "grey", "LA": "grey", "P": "palette", "PA": "palette"} | {m: m for m in ("CMYK", "YCbCr")}
ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")
TURNED = 0x0112  # EXIF's orientation


class BadImage(ValueError):
    """A file that cannot serve as a training image; the message names it."""


def upright_rgb(image: Image.Image, deep: bool = False) -> tuple[Image.Image, list[str]]:
    """An opened file as 8-bit RGB, turned by its EXIF tag, and what was odd about it.

    Grey, palette and CMYK are converted without regard to a colour profile; transparent pixels lie over white.

    Args:
        deep: 16 bits a channel are taken too, by their high byte, and 32-bit integers that lie in 0..255.

    Raises:
        BadImage: there are several frames, or too many bits; the message continues "<name of the image> ...".
    """
    notes = []
    # before anything loads the pixels: then the tiles, which tell the depth of a file, are gone
    sixteen = image.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in image.tile)
    if image.format == "MPO":  # a phone's JPEG: the photo, then previews of it
        notes.append("the first of several pictures in a JPEG")
    elif (frames := getattr(image, "n_frames", 1)) > 1:
        raise BadImage(f"has {frames} frames or pages: save the one that is meant as an image of its own")
    if _profile(image.info.get("icc_profile")):
        notes.append("with a colour profile, which is ignored")
    if image.getexif().get(TURNED, 1) not in (0, 1):
        notes.append("rotated by EXIF")
    transparent = image.info.get("transparency")
    image = ImageOps.exif_transpose(image)
    if sixteen or image.mode.startswith(("I", "F")):
        if not deep or image.mode.startswith("F"):
            raise BadImage(f"has more than 8 bits a channel (mode {image.mode}): save it with 8 bits.")
        notes.append("16-bit" if sixteen else "32-bit")
        image = _shallow(image, sixteen, transparent)
        transparent = None
    elif image.mode in ODD:
        notes.append(ODD[image.mode])
    if image.mode in ALPHA or transparent is not None:
        notes.append("transparent")
        if "transparency" not in image.info and transparent is not None:
            image.info["transparency"] = transparent
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    image.load()  # convert() alone would not touch the pixels of an RGB file
    return image if image.mode == "RGB" else image.convert("RGB"), notes


def _shallow(image: Image.Image, sixteen: bool, transparent: Any) -> Image.Image:
    """8 bits of 16 or 32; the transparent value of a grey image is laid over white before bits are lost."""
    if image.mode.startswith("RGB"):  # Pillow has kept the high bytes
        if transparent is not None:
            raise BadImage("has 16 bits a channel and one transparent colour: save it with an alpha channel")
        return image
    if image.mode in ALPHA:
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > (0xFFFF if sixteen else 0xFF):
        raise BadImage(
            f"has more than 16 bits a channel, with values from {values.min():,} to {values.max():,}: save it with "
            "8 bits"
        )
    shallow = values >> 8 if sixteen else values
    if transparent is not None:
        shallow = np.where(values == int(transparent), 255, shallow)
    return Image.fromarray(shallow.astype(np.uint8))


def _profile(data: bytes | None) -> bool:
    """Whether a colour profile is another than sRGB."""
    if not data:
        return False
    try:
        return "srgb" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(data))).lower()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return True
