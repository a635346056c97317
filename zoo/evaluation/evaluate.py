"""Score a generator against a data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.evaluation.distributed import broadcast, buffers_of_rank_0, gather, rank_and_world, watched
from zoo.evaluation.extractors import Extractor, MissingWeights, build, headline_names, metric_names
from zoo.evaluation.extras import find, measure
from zoo.evaluation.metrics import frechet_distance, inception_score, intra_frechet, kid, mean_cov, prdc
from zoo.evaluation.protocols import OPTIONS, Protocol, reals, resolve
from zoo.evaluation.reference import Reference, reference
from zoo.evaluation.small import ENOUGH, FEWEST, frechet_infinity
from zoo.evaluation.subject import Subject


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
    protocol: str = "zoo",
    seed: int = 0,
    batch_size: int = 128,
    weights: str | Path | None = None,
    cache_dir: str | Path | None = None,
    device: torch.device | str | None = None,
    **options: Any,
) -> dict[str, dict]:
    """Metrics of `gan` against `data`, with the conditions they hold under.

    Every rank of a distributed run must call, and gets the same answer. The ranks share the work by whole
    batches, nothing is padded or repeated, and the answer does not depend on their number; on `batch_size` it
    depends only through the rounding of float32 convolutions (relative 1e-4 or less).

    Args:
        gan: a `zoo.engine.gan.GAN`, or a function `(n, seed, start) -> images` where image i depends on (seed,
            start + i) only; images are float in [-1, 1] or uint8, (n, 3, H, W). A model's method
            `prepared(truncation, ema, seed)` is entered around the sampling, and what it yields enters the
            conditions.
        data: the data module; reals are its training images as they are, without flips.
        extractor: one or several; all are fed from one pass over the fakes. See `extractors.build`.
        protocol: a key of `protocols.PROTOCOLS`; rows of different protocols are not ranked together.
        seed: names the fakes' latents.
        batch_size: images per rank and pass.
        weights: file of the Inception weights; see `extractors.build`.
        cache_dir: folder of reference features; see `reference.cache_root`.
        device: where features are computed; default the device of the samples.
        **options: fields of `protocols.Protocol` that shall differ from the protocol's; None leaves it.

    Returns:
        `metrics`: of Inception `fid`, `is_mean`, `is_std`, `is_1` (one part), `kid`, `precision`, `recall`,
        `density`, `coverage`, and `intra_fid` where model and data have classes; of another extractor NAME
        `fd_NAME`, `fdinf_NAME` (extrapolated to infinitely many fakes, where fewer than 50,000 are drawn),
        `kid_NAME`, `precision_NAME` and so on, of a domain classifier with the data's number of classes
        also `label_accuracy_NAME`; and the extras'.
        `absent`: for each metric that could not be had, why. `notes`: what to know about a metric, by its name.
        `classes`: what a metric is within each class, by its name and the class. `conditions`: everything above.

    Raises:
        ValueError: for arguments that do not fit each other or the data, or fakes of another size than the reals.
        TypeError: for an option that no protocol has.
    """
    if unknown := set(options) - set(OPTIONS):
        raise TypeError(f"evaluate has no option {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)}")
    p, changed = resolve(protocol, options)
    extras = {name: find(name) for name in p.extras}
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: a batch of 1 is the least")
    where = {"batch_size": batch_size, "device": device}
    subject = Subject(
        gan,
        data,
        seed,
        p.truncation,
        p.ema,
        p.rounding,
        **where,
        n_fake=p.n_fake,
        n_real=p.n_real,
        keep=bool(extras),
        cache_dir=cache_dir,
    )
    extractors, missing = build_extractors(extractor, weights)
    subject.extractors = extractors
    n_drawn = max(p.n_fake, p.n_is or 0) if any("is_mean" in metric_names(e.name) for e in extractors) else p.n_fake

    with torch.no_grad(), buffers_of_rank_0(gan), subject.prepared() as prepared:
        subject.features = fakes = _features(subject, extractors, n_drawn)
        broken = broadcast(sum(gather(subject.broken) or [0]))
        metrics, absent = ({}, {}) if broken else measure(subject, extras)
        if broken:
            absent = dict.fromkeys(p.extras, f"{broken} of {n_drawn} samples are not finite")
    absent |= {key: reason for name, reason in missing.items() for key in headline_names(name)}

    sizes = {"n_real": reals(p, changed, len(data), data.name), "n_fake": p.n_fake}
    conditions = {
        "protocol": protocol,
        "changed": {key: list(v) if isinstance(v, tuple) else v for key, v in changed.items()},
        **sizes,
        "n_is": p.n_is or p.n_fake,
        "n_prdc": min(p.n_prdc, max(sizes.values())),
        "extractors": {one.name: {"id": one.id, "resize": one.resize} for one in extractors},
        "rounding": p.rounding,
        "truncation": p.truncation,
        "ema": bool(p.ema and getattr(gan, "G_ema", gan) is not None),  # false for a model that keeps no average
        "seed": seed,
        "is_splits": p.is_splits,
        "is_shuffle": p.is_shuffle,
        "kid_subsets": p.kid_subsets,
        "kid_subset_size": min(p.kid_subset_size, *sizes.values()),
        "batch_size": batch_size,
        **prepared,
    }
    notes: dict[str, str] = {}
    labels = subject.labels(p.n_fake) if rank_and_world()[0] == 0 and extractors else None
    for one in extractors:
        names = metric_names(one.name)
        if broken:
            absent |= dict.fromkeys(headline_names(one.name), f"{broken} of {n_drawn} samples are not finite")
            continue
        real = reference(
            data, one, sizes["n_real"], batch_size=batch_size, device=subject.compute_device, cache_dir=cache_dir
        )
        if real is not None:  # only rank 0 holds the features
            features, logits = fakes[one.name]
            scored = logits if "is_mean" in names else None  # a score over another network is none
            values, why, remarks, within = _score(
                features, scored, labels, real, p, conditions, subject.compute_device
            )
            subject.classes |= {names[key]: each for key, each in within.items()}
            if "labels" in names and labels is not None and logits.shape[1] == data.n_classes:
                values["labels"] = (logits[: p.n_fake].argmax(1) == labels).double().mean().item()
            metrics |= {names[key]: value for key, value in values.items()}
            absent |= {names[key]: reason for key, reason in why.items()}
            notes |= {names[key]: remark for key, remark in remarks.items()}
    return {
        "metrics": broadcast(metrics),
        "absent": broadcast(absent),
        "notes": broadcast(notes),
        "classes": broadcast(subject.classes),
        "conditions": conditions,
    }


def _features(
    subject: Subject, extractors: list[Extractor], n: int
) -> dict[str, tuple[Tensor | None, Tensor | None]]:
    """Features and logits of the fakes 0..n for each extractor, on rank 0."""
    rows: dict[str, list[tuple[Tensor, Tensor | None]]] = {one.name: [] for one in extractors}
    own = sum(stop - start for start, stop in subject.blocks(n))
    for _, images in watched(subject.fakes(n), own, lambda part: len(part[1]), "samples") if extractors else ():
        for one in extractors:
            features, logits = one(images if subject.device is None else images.to(subject.device))
            rows[one.name].append((features.cpu(), None if logits is None else logits.cpu()))
    merged = {}
    for name, batches in rows.items():
        columns = []
        for column in range(2):
            mine = [batch[column] for batch in batches if batch[column] is not None]
            columns.append(subject.gather(torch.cat(mine) if mine else None))
        merged[name] = tuple(columns)
    return merged


def _score(
    drawn: Tensor,
    logits: Tensor | None,
    labels: Tensor | None,
    real: Reference,
    p: Protocol,
    conditions: dict[str, Any],
    device: torch.device | str,
) -> tuple[dict[str, float], dict[str, str], dict[str, str], dict[str, dict[int, float]]]:
    """Every metric of one extractor's features, why others are absent, remarks, and what classes have for
    themselves; keyed as in `metric_names`."""
    features = drawn[: p.n_fake]
    values: dict[str, float] = {}
    absent: dict[str, str] = {}
    notes: dict[str, str] = {}
    within: dict[str, dict[int, float]] = {}
    if not (drawn.isfinite().all() and real.features.isfinite().all()):
        keys = ["frechet", "kid"] + (["is_mean", "is_std"] if logits is not None else [])
        return {}, dict.fromkeys(keys, "the extractor's features are not finite"), {}, {}

    values["frechet"] = frechet_distance(*mean_cov(features), real.mu, real.sigma)
    if FEWEST <= len(features) < ENOUGH:
        values["infinity"] = frechet_infinity(features, real.mu, real.sigma)
    few = {"generated": len(features), "real": real.n}
    if poor := [f"{n:,} {what}" for what, n in few.items() if n <= features.shape[1]]:
        dim = features.shape[1]
        notes["frechet"] = f"degenerate: the covariance of {' and '.join(poor)} images has a rank below {dim}"
    size = min(conditions["kid_subset_size"], len(real.features))
    values["kid"] = kid(features, real.features, p.kid_subsets, size)[0]

    n = conditions["n_prdc"]
    try:
        values |= prdc(features[:n], _evenly(real.features, n), device=device)
    except ValueError as error:
        absent |= dict.fromkeys(("precision", "recall", "density", "coverage"), str(error))

    if logits is not None:
        logits = logits[: conditions["n_is"]]
        values["is_mean"], values["is_std"] = inception_score(logits, p.is_splits, p.is_shuffle)
        values["is_1"] = inception_score(logits, 1, False)[0]
    if labels is not None and real.labels is not None:
        try:
            values["intra"], smallest, within["intra"] = intra_frechet(features, labels, real.features, real.labels)
            if smallest <= features.shape[1]:
                notes["intra"] = f"the smallest class has {smallest:,} images, fewer than features"
        except ValueError as error:
            absent["intra"] = str(error)
    return values, absent, notes, within


def _evenly(rows: Tensor, n: int) -> Tensor:
    return rows if len(rows) <= n else rows[torch.arange(n) * len(rows) // n]
