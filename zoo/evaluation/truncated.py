"""The truncation trick's curve as metrics of a row: variety against fidelity (Brock et al. 2019)."""

import torch

from zoo.evaluation.distributed import rank_and_world
from zoo.evaluation.metrics import evenly, frechet_of_features, prdc
from zoo.evaluation.reference import reference
from zoo.evaluation.subject import Subject, to_uint8

BOUNDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # on |z|
MOST = 1000  # fakes and reals that count


def truncation(subject: Subject) -> dict[str, float]:
    """`NAME_at_BOUND` of each bound: the Frechet distance, precision and recall of 1,000 fakes at most.

    NAME is the metric's in the row, such as `fd_random`. A model's own preparation is made at the bound.

    Raises:
        ValueError: for a model that cannot truncate.
    """
    from zoo.evaluation.extractors import metric_names

    gan, n = subject.gan, min(MOST, subject.n_fake)
    if not hasattr(gan, "indexed_latents"):
        raise ValueError("truncation needs a model with latents, not images alone")
    gan.indexed_latents(0, truncation=BOUNDS[0])  # refuses on every rank
    n_real = min(subject.n_real or len(subject.data), len(subject.data))
    where = {"batch_size": subject.batch_size, "device": subject.compute_device, "cache_dir": subject.cache_dir}
    reals = {one.name: reference(subject.data, one, n_real, **where) for one in subject.extractors}
    found: dict[str, float] = {}
    for bound in BOUNDS if rank_and_world()[0] == 0 else ():
        with gan.prepared(bound, subject.ema, subject.seed):
            fakes = []
            for start in range(0, n, subject.batch_size):
                size = min(subject.batch_size, n - start)
                images = gan.sample(size, truncation=bound, ema=subject.ema, seed=subject.seed, start=start)
                fakes.append(to_uint8(images.nan_to_num(), subject.rounding))
        for one in subject.extractors:
            names, real = metric_names(one.name), evenly(reals[one.name].features, MOST)
            rows = torch.cat([one(images.to(subject.compute_device))[0].cpu() for images in fakes])
            shares = prdc(rows, real, device=subject.compute_device)
            values = {"frechet": frechet_of_features(rows, real)} | {k: shares[k] for k in ("precision", "recall")}
            found |= {f"{names[key]}_at_{bound:g}": value for key, value in values.items()}
    return found
