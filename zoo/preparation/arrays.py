"""Images that are arrays: NPY files and what torchvision holds in memory."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from zoo.data.files import BadImage


@functools.lru_cache(maxsize=1)
def _stack(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def read_stack(path: Path, i: int, resolution: int) -> np.ndarray:
    """Image i of one .npy file, memory-mapped."""
    return as_pixels(np.asarray(_stack(path)[i]))


def read_npy(files: list[Path], i: int, resolution: int) -> np.ndarray:
    """Image i, which is a .npy file of its own."""
    try:
        return as_pixels(np.load(files[i], allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise BadImage(f"cannot be decoded ({error})") from error


def as_pixels(array: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of an image, channels first or last, uint8 or float in [0, 1].

    Raises:
        BadImage: it is neither.
    """
    shape = array.shape
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        raise BadImage(f"has the shape {shape}, not that of an image")
    if np.issubdtype(array.dtype, np.floating) and array.min() >= 0 and array.max() <= 1:
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise BadImage(f"holds {array.dtype} values outside [0, 1], not uint8")
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def read_memory(stack: np.ndarray, i: int, resolution: int) -> np.ndarray:
    """Image i of an array in memory."""
    return as_pixels(stack[i])
