"""Features of the real images, computed once per data set, number of images and extractor, then cached."""

import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.order import subset
from zoo.data.whole import replacing
from zoo.evaluation.distributed import broadcast, gather, rank_and_world, watched
from zoo.evaluation.extractors import Extractor
from zoo.evaluation.metrics import Moments

# KID needs features themselves; of larger sets (ImageNet's would take 10 GB) evenly spaced rows are kept
KEEP = 50_000


@dataclass(frozen=True)
class Reference:
    """What the metrics need of the real images.

    Attributes:
        n: images counted.
        mu, sigma: float64 mean (D,) and covariance (D, D) over all of them.
        features: float32 (min(n, 50 000), D), evenly spaced in the data's order.
        labels: int64 classes of these rows, or None.
    """

    n: int
    mu: np.ndarray
    sigma: np.ndarray
    features: Tensor
    labels: Tensor | None = None


def cache_root() -> Path:
    """The cache folder: `ZOO_CACHE`, or `~/.cache/zoo`; references lie in its folder `references`."""
    return Path(os.environ.get("ZOO_CACHE") or "~/.cache/zoo").expanduser() / "references"


def reference(
    data: Any,
    extractor: Extractor,
    n_real: int | None = None,
    *,
    batch_size: int = 128,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
) -> Reference | None:
    """The reference of `data`, on rank 0; None on the other ranks, all of which must call.

    Args:
        data: see `zoo.data`; `batches`, `fingerprint`, `opened` and `len` are used.
        n_real: number of images, a fixed random subset of the data; None for all.
        batch_size: images per rank and pass of the extractor.
        cache_dir: default `cache_root()`. A folder that cannot be written costs a warning, not the evaluation.

    Raises:
        ValueError: if the data has fewer images than asked for.
    """
    rank, _ = rank_and_world()
    n = len(data) if n_real is None else n_real
    if not 2 <= n <= len(data):
        raise ValueError(f"n_real is {n}, but {data.name} has {len(data)} images and 2 are the least")

    path, key = _place(data, extractor, n, cache_dir)
    found = _read(path, key) if rank == 0 else None
    if broadcast(found is not None):
        return found

    parts = gather(_part(data, extractor, n, batch_size, device))
    if parts is None:
        return None
    result = _merged([part for part in parts if part is not None])
    if result.n != n:
        raise ValueError(f"{data.name} handed out {result.n} images where {n} were asked for")
    _write(path, key, result)
    return result


#: of a rank's images: moments of the features; positions, features and labels of those that are kept
Part = tuple[Moments, Tensor, Tensor, Tensor | None]


def _part(data: Any, extractor: Extractor, n: int, batch_size: int, device: torch.device | str) -> Part | None:
    """This rank's part of the first n images; None if it has none."""
    rank, world = rank_and_world()
    moments, positions, kept, classes, seen = Moments(), [], [], [], 0
    batches = data.batches(batch_size, rank=rank, world=world, limit=n)
    for images, labels in watched(batches, -(-n // world), lambda part: len(part[0]), "real images"):
        features = extractor(images.to(device))[0].cpu()
        moments.add(features)
        position = rank + world * torch.arange(seen, seen + len(features))
        seen += len(features)
        keep = (position + 1) * KEEP // n > position * KEEP // n if n > KEEP else slice(None)
        positions.append(position[keep])
        kept.append(features[keep])
        if labels is not None:
            classes.append(labels[keep].cpu())
    if not seen:
        return None
    return moments, torch.cat(positions), torch.cat(kept), torch.cat(classes) if classes else None


def _merged(parts: list[Part]) -> Reference:
    """The reference of all ranks' parts, in the data's order."""
    total = Moments()
    for moments, *_ in parts:
        total.merge(moments)
    order = torch.cat([position for _, position, *_ in parts]).argsort()
    labels = [part[3] for part in parts if part[3] is not None]
    features = torch.cat([part[2] for part in parts])[order]
    return Reference(total.n, *total.mean_cov(), features, torch.cat(labels)[order] if labels else None)


def cached(
    data: Any, extractor: Extractor, n: int, cache_dir: str | Path | None = None
) -> tuple[Reference, Tensor] | None:
    """The cached reference of n images and the places of its features' rows in the data, or None; no collective."""
    found = _read(*_place(data, extractor, n, cache_dir))
    if found is None:
        return None
    index = subset(len(data), n)
    position = torch.arange(n)
    return found, index[(position + 1) * KEEP // n > position * KEEP // n] if n > KEEP else index


def _place(data: Any, extractor: Extractor, n: int, cache_dir: str | Path | None) -> tuple[Path, dict]:
    """The cache's file and the key that it must answer."""
    # the fingerprint covers images, labels and resolution; of a protocol the reference depends on n and the resize
    key = {"fingerprint": data.fingerprint, "n_real": n, "extractor": extractor.id, "resize": extractor.resize}
    key |= {"keep": KEEP, "format": 2}
    # a folder's fingerprint does not know what its files hold
    if version := getattr(getattr(data, "opened", None), "version", ""):
        key["version"] = version
    name = re.sub(r"[^\w.-]", "_", f"{data.fingerprint[:16]}-{n}-{extractor.id}.npz")
    return Path(cache_dir or cache_root()) / name, key


def _read(path: Path, key: dict) -> Reference | None:
    """The cached reference, or None if there is none, it is damaged, or it answers another key."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:  # a zip: reading checks each array's CRC
            if json.loads(str(file["key"])) != key:
                return None
            labels = torch.from_numpy(file["labels"]) if "labels" in file else None
            return Reference(key["n_real"], file["mu"], file["sigma"], torch.from_numpy(file["features"]), labels)
    except Exception as error:  # whatever a torn or foreign file can raise: it is only a cache
        warnings.warn(f"recomputing the damaged reference {path} ({error})", stacklevel=3)
        return None


def _write(path: Path, key: dict, result: Reference) -> None:
    """Whole, and safe with others writing the same file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, part.open("wb") as file:
            arrays = {"mu": result.mu, "sigma": result.sigma, "features": result.features.numpy()}
            if result.labels is not None:
                arrays["labels"] = result.labels.numpy()
            np.savez(file, key=np.array(json.dumps(key)), **arrays)
    except OSError as error:
        warnings.warn(f"the reference features were not cached: {error}", stacklevel=3)
