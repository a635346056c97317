"""The sheet that shows whether samples are copies: each with its nearest training images."""

from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import avg_pool2d

from zoo.engine.gan import GAN
from zoo.evaluation.extractors import Extractor
from zoo.evaluation.memorisation import nearest, nearest_images
from zoo.evaluation.reference import cached
from zoo.evaluation.subject import to_uint8
from zoo.pictures.grids import save_grid

N, K, BLOCKS = 16, 3, 2  # samples, neighbours of each kind, samples in a line
LARGEST = 256  # px of an image on the sheet: at 1024 px it would fill a gigabyte


def nearest_of(samples: str) -> str:
    """The sheet's file beside the picture of samples."""
    return samples.removesuffix(".png") + "-nearest.png"


def save_nearest(gan: GAN, data: Any, extractors: list[Extractor], conditions: dict, path: Path) -> dict[str, Any]:
    """Write 16 samples, each with three training images nearest in features and three nearest in pixels.

    Images of more than 256 px are shown averaged down to that.

    Features are looked for among the reference's images, whose features are in the cache; pixels among all. One
    process alone may call it.

    Args:
        conditions: those of the score: the samples are its first ones.

    Returns:
        what the sheet shows, for the row.
    """
    options = {key: conditions[key] for key in ("truncation", "ema", "seed")}
    samples = gan.sample(N, None, options["truncation"], options["ema"], options["seed"], 0)
    samples = to_uint8(samples.nan_to_num(), conditions["rounding"]).cpu()
    columns, about = [_shown(samples[:, None])], {"pixels": min(len(data), 100_000), "order": "sample"}
    one = min(extractors, key=lambda e: e.name == "random", default=None)  # a trained network where there is one
    known = None if one is None else cached(data, one, conditions["n_real"])
    if known is not None:
        rows, index = known
        features = one(samples.to(gan.device))[0].cpu()
        places = nearest(features, rows.features, min(K, len(rows.features)))[1]
        columns.append(_images(data, index[places]))
        about |= {"features": len(index), "extractor": one.id, "order": "sample, nearest in features"}
    columns.append(_images(data, nearest_images(samples, data.opened, min(K, len(data)))))
    about["order"] += ", nearest in pixels"
    sheet = torch.cat(columns, 1)
    save_grid(sheet.flatten(0, 1) / 127.5 - 1, path, BLOCKS * sheet.shape[1])
    return about


def _images(data: Any, places: torch.Tensor) -> torch.Tensor:
    """(N, k, 3, r, r) as shown, of places (N, k)."""
    return torch.cat([_shown(data.images(some)[None]) for some in places])


def _shown(images: torch.Tensor) -> torch.Tensor:
    """(N, k, 3, r, r) in [0, 255] of bytes (N, k, 3, R, R), r the largest side of the sheet or R."""
    factor = max(1, images.shape[-1] // LARGEST)
    return torch.stack([avg_pool2d(some.float(), factor) for some in images])
