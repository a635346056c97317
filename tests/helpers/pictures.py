"""Small image files as functions of a number."""

import io

import numpy as np
from PIL import Image


def png(i: int, size: tuple[int, int] = (8, 8), mode: str = "RGB", format: str = "png") -> bytes:
    """An image file that is a function of i."""
    width, height = size
    pixels = np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format=format)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """(3, R, R) uint8."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1)
