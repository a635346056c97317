"""intra-FID of the literature: 5,000 samples of every class against the class's own images (extra `intra`).

The projection discriminator's measure (Miyato and Koyama 2018, arXiv 1802.05637). The row's plain `intra_fid`
counts the samples of its FID by the classes they happen to have: another number.
"""

import torch
from torch import Tensor

from zoo.evaluation.distributed import gather, rank_and_world
from zoo.evaluation.extractors import Extractor, metric_names
from zoo.evaluation.metrics import frechet_of_features
from zoo.evaluation.reference import Reference, reference
from zoo.evaluation.subject import Subject, to_uint8

EACH = 5000  # samples of a class


def intra(subject: Subject, each: int = EACH) -> dict[str, float]:
    """`intra_fid_5000`, `intra_fd_NAME_5000`: means over the classes; each class's own is in `subject.classes`.

    Of the reals the reference's kept features count, 50,000 at most. Fewer samples a class than 5,000 are drawn
    where the score as a whole has fewer; the number in the name says so. Classes are dealt to the ranks.

    Raises:
        ValueError: for a model or data without classes, or a class with fewer than two reals.
    """
    gan, data = subject.gan, subject.data
    n_classes = getattr(gan, "n_classes", 0)
    if not n_classes or data.n_classes != n_classes:
        raise ValueError(
            f"intra-FID needs a model and data of the same classes, not {n_classes} and {data.n_classes}"
        )
    n = min(each, subject.n_fake)
    labels = data.labels.bincount(minlength=n_classes)
    if labels.min() < 2:
        raise ValueError(f"class {int(labels.argmin())} has fewer than 2 reals")
    n_real = min(subject.n_real or len(data), len(data))
    options = {"batch_size": subject.batch_size, "device": subject.compute_device, "cache_dir": subject.cache_dir}
    reals = {one.name: reference(data, one, n_real, **options) for one in subject.extractors}
    rank, world = rank_and_world()
    mine = {c: _features(subject, c, n) for c in range(rank, n_classes, world)}
    every = gather(mine)
    if every is None:
        return {}
    fakes = {c: rows for part in every for c, rows in part.items()}
    found = {}
    for one in subject.extractors:
        name, real = f"{metric_names(one.name)['intra']}_{n}", reals[one.name]
        within = {c: frechet_of_features(fakes[c][one.name], _of(real, c, one)) for c in range(n_classes)}
        subject.classes[name] = within
        found[name] = sum(within.values()) / n_classes
    return found


def _features(subject: Subject, label: int, n: int) -> dict[str, Tensor]:
    """Features of n samples of one class by each extractor's name; latents go on from class to class."""
    rows: dict[str, list[Tensor]] = {one.name: [] for one in subject.extractors}
    options = {"truncation": subject.truncation, "ema": subject.ema, "seed": subject.seed}
    for start in range(0, n, subject.batch_size):
        size = min(subject.batch_size, n - start)
        images = subject.gan.sample(size, label, start=label * n + start, **options)
        images = to_uint8(images.nan_to_num(), subject.rounding).to(subject.compute_device)
        for one in subject.extractors:
            rows[one.name].append(one(images)[0].cpu())
    return {name: torch.cat(parts) for name, parts in rows.items()}


def _of(real: Reference, label: int, one: Extractor) -> Tensor:
    rows = real.features[real.labels == label]
    if len(rows) < 2:
        raise ValueError(f"the reference of {one.name} has fewer than 2 images of class {label}: raise n_real")
    return rows
