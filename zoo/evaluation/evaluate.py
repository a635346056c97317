"""Score a generator against a data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.evaluation.distributed import broadcast, buffers_of_rank_0, gather, rank_and_world, round_robin
from zoo.evaluation.extractors import Extractor, MissingWeights, build, metric_names
from zoo.evaluation.metrics import frechet_distance, inception_score, kid, mean_cov
from zoo.evaluation.reference import reference

ROUNDING = {
    "round": "round(127.5 x + 127.5), clipped to 0..255",
    "truncate": "floor of 127.5 x + 127.5 clipped to 0..255",  # SNGAN's evaluation.py:26-36
}


def to_uint8(images: Tensor, rounding: str = "round") -> Tensor:
    """Images in [-1, 1] as bytes, by the rule `rounding` of `ROUNDING`; uint8 images pass unchanged."""
    if images.dtype == torch.uint8:
        return images
    levels = images.float() * 127.5 + 127.5
    if rounding == "round":
        levels = levels.round()
    return levels.clamp(0, 255).to(torch.uint8)


def check_options(rounding: str, n_fake: int, batch_size: int, is_splits: int) -> None:
    """Refuse options of `evaluate` that cannot work.

    Raises:
        ValueError: naming the option.
    """
    if rounding not in ROUNDING:
        raise ValueError(f"rounding must be one of {', '.join(ROUNDING)}, not {rounding!r}")
    if n_fake < max(2, is_splits) or batch_size < 1:
        raise ValueError(
            f"n_fake={n_fake} and batch_size={batch_size}: at least 2 fakes, one per split of the Inception "
            f"Score ({is_splits}), and a batch of 1 are needed"
        )


def build_extractors(
    names: str | Extractor | Sequence[str | Extractor], weights: str | Path | None = None
) -> tuple[list[Extractor], dict[str, str]]:
    """The extractors that can be had on every rank, and for each other one the sentence that says why not.

    A collective: rank 0 goes first, so that the others find a download in the cache.

    Args:
        weights: file of the Inception weights; see `extractors.build`.
    """
    if isinstance(names, str | Extractor):
        names = [names]
    rank, _ = rank_and_world()
    built, missing = [], {}
    for name in names:
        if isinstance(name, Extractor):
            built.append(name)
            continue
        extractor, reason = _try_build(name, weights) if rank == 0 else (None, "")
        reason = broadcast(reason)  # after this, what rank 0 downloaded is in the cache
        if rank > 0 and not reason:
            extractor, reason = _try_build(name, weights)
        reasons = broadcast([r for r in gather(reason) or [] if r])
        if reasons:
            missing[name] = reasons[0]
        else:
            built.append(extractor)
    return built, missing


def _try_build(name: str, weights: str | Path | None) -> tuple[Extractor | None, str]:
    try:
        return build(name, weights), ""
    except MissingWeights as error:
        return None, str(error)


def evaluate(
    gan: Any,
    data: Any,
    extractor: str | Extractor | Sequence[str | Extractor] = "inception",
    *,
    n_fake: int = 50_000,
    n_real: int | None = None,
    seed: int = 0,
    batch_size: int = 128,
    truncation: float | None = None,
    ema: bool = True,
    rounding: str = "round",
    is_splits: int = 10,
    kid_subsets: int = 100,
    kid_subset_size: int = 1000,
    protocol: str = "zoo",
    weights: str | Path | None = None,
    cache_dir: str | Path | None = None,
    device: torch.device | str | None = None,
) -> dict[str, dict]:
    """Metrics of `gan` against `data`, with the conditions they hold under.

    Every rank of a distributed run must call, and gets the same answer. The ranks share the work by whole
    batches, nothing is padded or repeated, and the answer does not depend on their number; on `batch_size` it
    depends only through the rounding of float32 convolutions (relative 1e-4 or less).

    Args:
        gan: a `zoo.gan.GAN`, or a function `(n, seed, start) -> images` where image i depends on (seed,
            start + i) only; images are float in [-1, 1] or uint8, (n, 3, H, W).
        data: the data module; reals are its training images as they are, without flips.
        extractor: one or several of `inception`, `random`; all are fed from one pass over the fakes.
        n_fake, n_real: images counted; `n_real=None` takes all.
        seed: names the fakes' latents.
        truncation, ema: handed to `gan.sample`.
        rounding: how float images become bytes; a key of `ROUNDING`.
        is_splits: parts of the Inception Score.
        kid_subsets, kid_subset_size: KID's subsets; the size is cut to the smaller of the two sets.
        protocol: a name for these conditions; rows of different protocols are not ranked together.
        weights: file of the Inception weights; see `extractors.build`.
        cache_dir: folder of reference features; see `reference.cache_root`.
        device: where features are computed; default the device of the samples.

    Returns:
        `metrics`: `fid`, `is_mean`, `is_std`, `kid` of Inception, `fd_random`, `kid_random` of the random net;
        `absent`: for each metric that could not be had, why; `conditions`: everything above.

    Raises:
        ValueError: for arguments that do not fit each other or the data, or fakes of another size than the reals.
    """
    check_options(rounding, n_fake, batch_size, is_splits)
    draw = _sampler(gan, seed, truncation, ema)
    extractors, missing = build_extractors(extractor, weights)

    with torch.no_grad(), buffers_of_rank_0(gan):
        fakes, broken = _fake_features(draw, data, extractors, n_fake, batch_size, rounding, device)
    broken = broadcast(broken)

    metrics: dict[str, float] = {}
    absent = {key: reason for name, reason in missing.items() for key in metric_names(name).values()}
    sizes = {"n_real": len(data) if n_real is None else n_real, "n_fake": n_fake}
    subset_size = min(kid_subset_size, *sizes.values())
    for one in extractors:
        names = metric_names(one.name)
        if broken:
            reason = f"{broken} of {n_fake} samples are not finite"
            absent |= dict.fromkeys(names.values(), reason)
            continue
        where = device if device is not None else _device(gan)
        real = reference(data, one, n_real, batch_size=batch_size, device=where, cache_dir=cache_dir)
        if real is None:  # only rank 0 holds the features
            continue
        features, logits = fakes[one.name]
        metrics[names["frechet"]] = frechet_distance(*mean_cov(features), real.mu, real.sigma)
        metrics[names["kid"]] = kid(features, real.features, kid_subsets, min(subset_size, len(real.features)))[0]
        if "is_mean" in names:
            metrics["is_mean"], metrics["is_std"] = inception_score(logits, is_splits)

    conditions = {
        "protocol": protocol,
        **sizes,
        "extractors": {one.name: {"id": one.id, "resize": one.resize} for one in extractors},
        "rounding": rounding,
        "truncation": truncation,
        "ema": bool(ema and getattr(gan, "G_ema", gan) is not None),  # false for a model that keeps no average
        "seed": seed,
        "is_splits": is_splits,
        "kid_subsets": kid_subsets,
        "kid_subset_size": subset_size,
        "batch_size": batch_size,
    }
    return {"metrics": broadcast(metrics), "absent": absent, "conditions": conditions}


def _device(gan: Any) -> torch.device | str:
    return getattr(gan, "device", "cpu")


def _sampler(gan: Any, seed: int, truncation: float | None, ema: bool) -> Callable[[int, int], Tensor]:
    if hasattr(gan, "sample"):
        return lambda n, start: gan.sample(n, truncation=truncation, ema=ema, seed=seed, start=start)
    if truncation is not None:
        raise ValueError("truncation is an option of a GAN's sample method; a plain function has none")
    return lambda n, start: gan(n, seed=seed, start=start)


def _fake_features(
    draw: Callable[[int, int], Tensor],
    data: Any,
    extractors: list[Extractor],
    n: int,
    batch_size: int,
    rounding: str,
    device: torch.device | str | None,
) -> tuple[dict[str, tuple[Tensor, Tensor | None]], int]:
    """Features and logits of the fakes per extractor, and the number of fakes that are not finite; on rank 0.

    Batch k belongs to rank k % world whatever the world, so even the batches are the same.
    """
    rank, world = rank_and_world()
    size = tuple(data.images(torch.tensor([0])).shape[1:])
    rows: dict[str, list[tuple[Tensor, Tensor | None]]] = {one.name: [] for one in extractors}
    broken = 0
    for start in range(rank * batch_size if extractors else n, n, world * batch_size):
        images = draw(min(batch_size, n - start), start)
        if tuple(images.shape[1:]) != size:
            raise ValueError(
                f"samples are {tuple(images.shape[1:])} and images of {data.name} are {size}: "
                "a distance between two sizes means nothing, so evaluate at one resolution"
            )
        if images.is_floating_point():
            broken += int((~images.isfinite()).flatten(1).any(1).sum())
            images = to_uint8(images.nan_to_num(), rounding)
        for one in extractors:
            features, logits = one(images if device is None else images.to(device))
            rows[one.name].append((features.cpu(), None if logits is None else logits.cpu()))

    merged = {}
    for name, batches in rows.items():
        columns = []
        for column in range(2):
            mine = [batch[column] for batch in batches if batch[column] is not None]
            parts = gather(torch.cat(mine) if mine else None)
            parts = [part for part in parts or [] if part is not None]
            columns.append(round_robin(parts, batch_size) if parts else None)
        merged[name] = tuple(columns)
    counts = gather(broken)
    return merged, sum(counts or [0])
