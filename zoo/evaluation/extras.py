"""Metrics beyond those of features, by name: what they need is more than the extractors' outputs.

An extra is a function `metric(subject: Subject) -> dict[str, float]`. It is called on every rank, with the model
prepared for sampling, after the features were computed; what rank 0 returns enters the row's `metrics`. It takes
images from `subject.fakes(n)` and `subject.reals(n)`, the model from `subject.gan`, what the extractors made of the
fakes from `subject.features` (on rank 0), and indices from `subject.blocks(n)`; `subject.gather(rows)` brings the
rows of all ranks to rank 0 in index order. A `ValueError` (raised on every rank) makes the metric absent with that
sentence; one of several metrics that cannot be had stands in `subject.absent` with why.

    def brightness(subject):
        mine = [images.float().mean((1, 2, 3)).cpu() for _, images in subject.fakes(1000)]
        rows = subject.gather(torch.cat(mine) if mine else None)
        return {} if rows is None else {"brightness": rows.mean().item()}

`EXTRAS` maps names to `module:function`, imported when asked for; a name of that form needs no entry. What belongs
to one model alone (reconstruction errors) is its method `own_metrics(data)`.
"""

import importlib
from collections.abc import Callable

import torch

from zoo.evaluation.distributed import rank_and_world
from zoo.evaluation.subject import Subject

Extra = Callable[[Subject], dict[str, float]]

DOWNLOAD = "the download failed"  # of a reason that another day may not have; all others are the data's or model's

EXTRAS: dict[str, str] = {
    "fwd": f"{__name__}:fwd",
    "auth_pct": "zoo.evaluation.held_out:auth_pct",
    "c_t": "zoo.evaluation.held_out:c_t",
    "intra": "zoo.evaluation.classes:intra",
    "swd": f"{__name__}:swd",
    "ms_ssim": f"{__name__}:ms_ssim",
    "ppl": f"{__name__}:ppl",
    "ppl_random": f"{__name__}:ppl_random",
    "judgement": "zoo.evaluation.critics:judgement",
    "modes": "zoo.evaluation.modes:modes",
    "spectra": "zoo.evaluation.critics:spectra",
    "information": "zoo.evaluation.critics:information",
    "sigmas": "zoo.evaluation.critics:sigmas",
    "truncation": "zoo.evaluation.truncated:truncation",
}


def find(name: str) -> Extra:
    """The extra called `name`.

    Raises:
        ValueError: if there is none.
    """
    module, _, function = EXTRAS.get(name, name).partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no metric of extras is called {name!r}: choose from {', '.join(EXTRAS) or 'none'}, "
            "or say module:function"
        ) from error


def measure(subject: Subject, extras: dict[str, Extra]) -> tuple[dict[str, float], dict[str, str]]:
    """Values of the extras, and for each that cannot be had, why."""
    metrics: dict[str, float] = {}
    absent: dict[str, str] = {}
    for name, metric in extras.items():
        try:
            metrics |= metric(subject)
        except ValueError as error:
            absent[name] = str(error)
    return metrics, absent | subject.absent


def swd(subject: Subject) -> dict[str, float]:
    """Sliced Wasserstein distance per level, times 1000; of 16,384 images of each set, or as many as both have."""
    from zoo.evaluation import swd as definition

    if rank_and_world()[0]:
        return {}
    n = min(16_384, subject.n_fake, len(subject.data))
    reals = (images.to(subject.compute_device) for images in subject.all_reals(n))
    return definition.swd(reals, (images.to(subject.compute_device) for images in subject.all_fakes(n)))


def fwd(subject: Subject) -> dict[str, float]:
    """Frechet wavelet packet distance `fwd-LEVEL`, of as many images as the other distances count."""
    from zoo.evaluation import wavelets

    if rank_and_world()[0]:
        return {}
    return wavelets.fwd(subject.all_reals(subject.n_real or len(subject.data)), subject.all_fakes(subject.n_fake))


def ms_ssim(subject: Subject) -> dict[str, float]:
    """Mean MS-SSIM of 10,000 pairs, or as many as there are, of the fakes and, to compare with, of the reals."""
    from zoo.evaluation.ms_ssim import ms_ssim as similarity

    if rank_and_world()[0]:
        return {}
    n = min(20_000, subject.n_fake, len(subject.data)) // 2 * 2
    found = {}
    for name, batches in (("ms_ssim", subject.all_fakes(n)), ("ms_ssim_real", subject.all_reals(n))):
        total, left = 0.0, None
        for images in batches:
            images = images if left is None else torch.cat([left, images])
            left = images[-1:] if len(images) % 2 else None
            images = images[: len(images) // 2 * 2].to(subject.compute_device)
            total += similarity(images[0::2], images[1::2]).sum().item()
        found[name] = total / (n // 2)
    return found


def ppl(subject: Subject) -> dict[str, float]:
    """Perceptual path length with LPIPS over VGG16, as published; both nets' weights are downloads."""
    from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS

    try:
        lpips = SampleSimilarityLPIPS("lpips-vgg16").to(subject.compute_device)
    except Exception as error:  # whatever a download can raise
        reason = str(error).partition("\n")[0]
        raise ValueError(f"no LPIPS weights here and {DOWNLOAD} ({reason})") from error
    return _path_lengths(subject, lpips, "")


def ppl_random(subject: Subject) -> dict[str, float]:
    """Perceptual path length over the untrained network: comparable to nothing outside this project."""
    from zoo.evaluation.extractors import build
    from zoo.evaluation.ppl import feature_distance

    net = build("random").net.to(subject.compute_device)
    return _path_lengths(subject, feature_distance(lambda images: list(net.maps(images))), "_random")


def _path_lengths(subject: Subject, distance: Callable, suffix: str) -> dict[str, float]:
    """Of 100,000 paths (or two a fake, where fewer are asked for), whole and ends, in z and, if there is one, w."""
    from zoo.evaluation.ppl import path_lengths, trimmed_mean

    if not hasattr(subject.gan, "indexed_latents"):
        raise ValueError("a path length needs a model with latents, not images alone")
    n, size, found = min(100_000, 2 * subject.n_fake), 16, {}  # 16: a minibatch of the authors shares its noise
    spaces = ("z", "w") if hasattr(subject.gan, "renderer") else ("z",)
    for space in spaces:
        for sampling in ("full", "end"):
            options = {"space": space, "sampling": sampling, "ema": subject.ema, "seed": subject.seed}
            rows = [
                path_lengths(subject.gan, distance, stop - start, start, **options).cpu()
                for start, stop in subject.blocks(n, size)
            ]
            rows = subject.gather(torch.cat(rows) if rows else None, size)
            if rows is not None:
                found[f"ppl_{space}_{sampling}{suffix}"] = trimmed_mean(rows)[0]
    return found
