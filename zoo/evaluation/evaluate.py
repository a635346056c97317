"""Score a generator against a data set.

`evaluate` answers with

- `metrics`: of Inception `fid`, `is_mean`, `is_std`, `is_1` (one part), `kid`, `precision`, `recall`, `density`,
  `coverage`, and `intra_fid` where model and data have classes; of another extractor NAME `fd_NAME`, `fdinf_NAME`
  (extrapolated to infinitely many fakes, where fewer than 50,000 are drawn, but four a feature), `kid_NAME`,
  `precision_NAME`, ..., of a domain classifier with the data's number of classes also `label_accuracy_NAME`; and
  the extras';
- `absent`: for each metric that could not be had, why;
- `notes`: what to know about a metric, by its name;
- `classes`: what a metric is within each class, by its name and the class;
- `conditions`: under which all of this holds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.evaluation.distributed import broadcast, buffers_of_rank_0, gather, rank_and_world, watched
from zoo.evaluation.extractors import Extractor, MissingWeights, build, headline_names, metric_names
from zoo.evaluation.extras import Extra, find, measure
from zoo.evaluation.metrics import evenly, frechet_distance, inception_score, intra_frechet, kid, mean_cov, prdc
from zoo.evaluation.protocols import OPTIONS, Protocol, reals, resolve
from zoo.evaluation.reference import Reference, reference
from zoo.evaluation.small import ENOUGH, FEWEST, frechet_infinity, set_apart
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
        see the module.

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
    sampled, counts = (seed, p.truncation, p.ema, p.rounding), {"n_fake": p.n_fake, "n_real": p.n_real}
    where = {"batch_size": batch_size, "device": device, "cache_dir": cache_dir}
    subject = Subject(gan, data, *sampled, **where, **counts, keep=bool(extras))
    subject.extractors, missing = build_extractors(extractor, weights)
    conditions = {"protocol": protocol, **_conditions(subject, p, changed)}  # refuses before anything is drawn
    found, broken, prepared = _drawn(subject, p, extras)
    found["absent"] |= {key: reason for name, reason in missing.items() for key in headline_names(name)}
    conditions |= prepared
    _compare(subject, p, conditions, broken, found)
    found["classes"] = subject.classes
    return set_apart({name: broadcast(part) for name, part in found.items()} | {"conditions": conditions})


def _drawn(subject: Subject, p: Protocol, extras: dict[str, Extra]) -> tuple[dict[str, dict], str, dict]:
    """Draw the fakes, for the extractors and the extras to look at.

    Returns:
        `metrics` and `absent` of the extras, and empty `notes`; why nothing can be said of the fakes, or ""; what
        the model did to prepare.
    """
    scored = any("is_mean" in metric_names(one.name) for one in subject.extractors)
    n = max(p.n_fake, p.n_is or 0) if scored else p.n_fake
    with torch.no_grad(), buffers_of_rank_0(subject.gan), subject.prepared() as prepared:
        subject.features = _features(subject, subject.extractors, n)
        broken = broadcast(sum(gather(subject.broken) or [0]))
        why = f"{broken} of {n} samples are not finite" if broken else ""
        metrics, absent = ({}, dict.fromkeys(p.extras, why)) if why else measure(subject, extras)
    return {"metrics": metrics, "absent": absent, "notes": {}}, why, prepared


def _conditions(subject: Subject, p: Protocol, changed: dict[str, Any]) -> dict[str, Any]:
    """Under which the numbers hold, what the protocol leaves open as it was used."""
    n_real = reals(p, changed, len(subject.data), subject.data.name)
    averaged = getattr(subject.gan, "G_ema", subject.gan) is not None
    return {
        "changed": {key: list(v) if isinstance(v, tuple) else v for key, v in changed.items()},
        "n_real": n_real,
        "n_fake": p.n_fake,
        "n_is": p.n_is or p.n_fake,
        "n_prdc": min(p.n_prdc, max(n_real, p.n_fake)),
        "extractors": {one.name: {"id": one.id, "resize": one.resize} for one in subject.extractors},
        "rounding": p.rounding,
        "truncation": p.truncation,
        "ema": bool(p.ema and averaged),  # false for a model that keeps no average
        "seed": subject.seed,
        "is_splits": p.is_splits,
        "is_shuffle": p.is_shuffle,
        "kid_subsets": p.kid_subsets,
        "kid_subset_size": min(p.kid_subset_size, n_real, p.n_fake),
        "batch_size": subject.batch_size,
    }


def _compare(subject: Subject, p: Protocol, conditions: dict[str, Any], broken: str, found: dict) -> None:
    """Add to what was found what each extractor's features say; of broken fakes, why they say nothing."""
    labels = subject.labels(p.n_fake) if rank_and_world()[0] == 0 and subject.extractors else None
    where = {"batch_size": subject.batch_size, "device": subject.compute_device, "cache_dir": subject.cache_dir}
    for one in subject.extractors:
        names = metric_names(one.name)
        if broken:
            found["absent"] |= dict.fromkeys(headline_names(one.name), broken)
            continue
        real = reference(subject.data, one, conditions["n_real"], **where)
        if real is None:  # only rank 0 holds the features
            continue
        features, logits = subject.features[one.name]
        scored = logits if "is_mean" in names else None  # a score over another network is none
        values, why, remarks, within = _score(features, scored, labels, real, p, conditions, subject.compute_device)
        subject.classes |= {names[key]: each for key, each in within.items()}
        if "labels" in names and labels is not None and logits.shape[1] == subject.data.n_classes:
            values["labels"] = (logits[: p.n_fake].argmax(1) == labels).double().mean().item()
        for name, part in (("metrics", values), ("absent", why), ("notes", remarks)):
            found[name] |= {names[key]: each for key, each in part.items()}


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
        try:
            values["infinity"] = frechet_infinity(features, real.mu, real.sigma)
        except ValueError as error:
            absent["infinity"] = str(error)
    few = {"generated": len(features), "real": real.n}
    if poor := [f"{n:,} {what}" for what, n in few.items() if n <= features.shape[1]]:
        dim = features.shape[1]
        notes["frechet"] = f"degenerate: the covariance of {' and '.join(poor)} images has a rank below {dim}"
    size = min(conditions["kid_subset_size"], len(real.features))
    values["kid"] = kid(features, real.features, p.kid_subsets, size)[0]

    n = conditions["n_prdc"]
    try:
        values |= prdc(features[:n], evenly(real.features, n), device=device)
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
