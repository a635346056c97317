"""`zoo bench evaluation`: what scoring costs beyond the extractor's forward pass, which nothing can spare."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.extractors import Extractor, MissingWeights, build
from zoo.evaluation.metrics import frechet_distance, kid, mean_cov, prdc
from zoo.options.bar import track


class _Bytes:
    """Random images in memory, as data and as a generator: neither costs anything to draw."""

    name, n_classes, labels, note = "random bytes", 0, None, ""

    def __init__(self, n: int, resolution: int, device: str) -> None:
        shape = (n, 3, resolution, resolution)
        rng = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(256, shape, generator=rng, dtype=torch.uint8).to(device)
        self.fingerprint, self.device = f"bytes-{n}-{resolution}", device

    def __len__(self) -> int:
        return len(self.pixels)

    def images(self, indices: Tensor) -> Tensor:
        return self.pixels[indices]

    def batches(
        self, batch_size: int, rank: int = 0, world: int = 1, limit: int | None = None
    ) -> Iterator[tuple[Tensor, None]]:
        for part in self.pixels[:limit][rank::world].split(batch_size):
            yield part, None

    def sample(self, n: int, *, start: int = 0, **_: object) -> Tensor:
        return self.pixels[start : start + n]


def inception() -> Extractor:
    """The Inception of FID, with untrained weights where the real ones cannot be had: equally fast."""
    try:
        return build("inception")
    except MissingWeights:
        return untrained_inception()


def untrained_inception(seed: int = 0) -> Extractor:
    """FID's network with random weights (He's deviation, so that activations keep their size) instead of 2015's."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: object, **__: object) -> None:
            pass

    with tempfile.NamedTemporaryFile(suffix=".pth") as nothing:
        torch.save({}, nothing.name)
        net = Untrained("untrained", ["2048", "logits_unbiased"], feature_extractor_weights_path=nothing.name)
    rng = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        if p.ndim > 1:
            p.data.normal_(0, (2 / p[0].numel()) ** 0.5, generator=rng)
    return Extractor(
        "inception_untrained", f"inception-untrained:{seed}", "299x299 bilinear, TF1 legacy", net.eval()
    )


def _timed(work: Callable[[], object]) -> float:
    """Seconds of `work`: of the clock with a GPU, else of this process's processors, where others do not count."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    started = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - started


def extended(forward: float, passing: float, metrics: float, n: int, full: int) -> float:
    """Cost of scoring `full` + `full` images as a multiple of their bare forward, from times of n + n.

    Args:
        forward: seconds of the bare forward of n + n images.
        passing: seconds of the same inside `evaluate`, where they are also read, gathered and cached; counted as no
            less than `forward`.
        metrics: seconds of the metrics on `full` + `full` features.
    """
    return max(passing, forward) / forward + metrics / (forward * full / n)


def run(
    n: int = 64,
    full: int = 10_000,
    resolution: int = 32,
    batch_size: int = 32,
    device: str = "cpu",
    width: int = 2048,
) -> str:
    """Time `evaluate` on n + n random images against the bare forward of the same, and the metrics at full size.

    Args:
        n: images of each set that go through the network.
        full: images of each set that metrics are timed on, with stand-in features; to it the ratio is extended.
        width: stand-in features of an image.

    Returns:
        lines of text.
    """
    data, extractor = _Bytes(n, resolution, device), inception()

    def bare() -> None:
        for _ in range(2):
            for part in data.pixels.split(batch_size):
                extractor(part)[0].cpu()

    extractor(data.pixels[:batch_size])  # the first call allocates
    forward = _timed(bare)
    with tempfile.TemporaryDirectory() as folder:
        options = {"n_fake": n, "batch_size": batch_size, "cache_dir": Path(folder), "device": device}
        kept = {"kid_subsets": 1, "kid_subset_size": min(n, 50), "is_splits": 1}
        evaluate(data, data, "random", **options, **kept)  # the first call imports
        whole = _timed(lambda: evaluate(data, data, extractor, **options, **kept))

    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(full, width, generator=rng).relu() for _ in range(2))
    parts = {
        "moments and Frechet distance": lambda: frechet_distance(*mean_cov(fake), *mean_cov(real)),
        "KID, 100 subsets of 1,000": lambda: kid(fake, real, 100, min(1000, full)),
        "precision, recall, density, coverage": lambda: prdc(fake, real, device=device),
    }
    seconds = {name: _timed(work) for name, work in track(parts.items(), len(parts), what="metrics")}
    small = _timed(lambda: frechet_distance(*mean_cov(fake[:n]), *mean_cov(real[:n])))  # is in `whole` too
    ratio = extended(forward, whole - small, sum(seconds.values()), n, full)
    lines = [
        f"{extractor.id} on {device}, {torch.get_num_threads()} threads, {resolution} px",
        f"bare forward of {n} + {n} images: {forward:.1f} s ({2 * n / forward:.1f} images/s)",
        f"evaluate() of the same: {whole:.1f} s, of which the Frechet distance {small:.1f} s",
        *(f"{name}, {full:,} + {full:,} features: {s:.1f} s" for name, s in seconds.items()),
        f"extended to {full:,} + {full:,} images: {ratio:.3f} of the bare forward",
        f"greatest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB",
    ]
    return "\n".join(lines)


def memory(n: int = 50_000, width: int = 2048, device: str = "cpu") -> str:
    """Time and memory of KID and of precision, recall, density and coverage on n + n stand-in features."""
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(n, width, generator=rng) for _ in range(2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = []
    for name, work in (
        ("KID", lambda: kid(fake, real, 100, min(1000, n))),
        ("PRDC", lambda: prdc(fake, real, device=device)),
    ):
        seconds = _timed(work)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lines.append(
            f"{name} of {n:,} + {n:,} features of {width}: {seconds:.0f} s, {(peak - before) / 2**20:.2f} GiB more"
        )
    return "\n".join(lines)
