"""Drawn faces: an endless labelled data set that needs no file.

Face `i` is a pure function of `i`: its discrete attributes (hair colour, glasses, mouth ...) and its small
continuous variation (position, tilt, proportions, gaze) come from a hash of the index, and the picture is
composed of shapes given by signed distances, so that the same face exists at every resolution, with smooth
edges. Only correctly rounded operations (+ - * / sqrt) are used: the bytes are the same on every machine.

The attributes are known exactly, so modes can be counted: which hair colours, glasses or combinations does a
generator never draw?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from zoo.data.drawn_attributes import ATTRIBUTES, HAIR_COLOURS
from zoo.data.drawn_painting import paint

VERSION = 1  # raise it with every change of the pictures: it is part of the fingerprint


def _uniform(indices: np.ndarray, stream: int) -> np.ndarray:
    """(n,) float64 in [0, 1): the splitmix64 finaliser of (index, stream)."""
    with np.errstate(over="ignore"):
        z = (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(stream + 1) * np.uint64(0xD1B54A32D192ED03)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _as_array(indices: Sequence[int] | torch.Tensor) -> np.ndarray:
    array = np.asarray(indices, dtype=np.int64).reshape(-1)
    if array.size and array.min() < 0:
        raise ValueError(f"a drawn face has an index of 0 or more, got {array.min()}.")
    return array


def _attributes(indices: np.ndarray) -> dict[str, np.ndarray]:
    values = {"hair_colour": indices % len(HAIR_COLOURS)}  # ten classes in turn: balanced in every run of ten
    for stream, (name, names) in enumerate(ATTRIBUTES.items()):
        if name != "hair_colour":
            values[name] = (_uniform(indices, stream) * len(names)).astype(np.int64)
    return values


def attributes(indices: Sequence[int] | torch.Tensor) -> dict[str, torch.Tensor]:
    """Discrete attributes of the faces `indices` (n,): name -> (n,) int64, numbers into `ATTRIBUTES[name]`.

    `hair_colour` is the class, index % 10; the others are independent and uniform.
    """
    return {name: torch.from_numpy(value) for name, value in _attributes(_as_array(indices)).items()}


# Signed distances: negative inside. x, y are (n, R, R) in units of half a frame, y downwards.


def check_resolution(resolution: int) -> None:
    """ValueError unless drawn faces exist at `resolution`."""
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(
            f"drawn faces exist at powers of two from 8 px on: set resolution to 8, 16, 32 ..., not {resolution}."
        )


def draw(indices: Sequence[int] | torch.Tensor, resolution: int) -> torch.Tensor:
    """The faces `indices` (n,) as uint8 RGB (n, 3, resolution, resolution).

    `resolution` is a power of two of at least 8. Below 32 px the 32 px picture is averaged down:
    its strokes would be much thinner than a pixel.
    """
    check_resolution(resolution)
    array = _as_array(indices)
    size = max(resolution, 32)
    chunk = max(1, (1 << 16) // (size * size))  # small enough for the processor's cache
    out = np.empty((len(array), 3, resolution, resolution), np.uint8)
    for start in range(0, len(array), chunk):
        canvas = _paint(array[start : start + chunk], size)
        k = size // resolution
        if k > 1:
            canvas = canvas.reshape(len(canvas), 3, resolution, k, resolution, k).mean((3, 5))
        out[start : start + chunk] = canvas * np.float32(255) + np.float32(0.5)
    return torch.from_numpy(out)


def _paint(indices: np.ndarray, size: int) -> np.ndarray:
    """Float32 (n, 3, size, size) in [0, 1]."""
    stream = iter(range(100, 200))

    def between(low: float, high: float) -> np.ndarray:
        u = _uniform(indices, next(stream))
        return (low + (high - low) * u).astype(np.float32)[:, None, None]

    return paint(_attributes(indices), between, size)
