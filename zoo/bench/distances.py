"""`zoo bench distances`: what each distance is worth: does it see a fault, how few images do, how biased is it?

Real images stand in the place of fakes, other real images are the reference, so the true distance is 0 until the
former are disturbed (`zoo.evaluation.disturbances`). Every distance is the one of `zoo.evaluation`.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.evaluation import disturbances, domain, swd, wavelets
from zoo.evaluation.extractors import Extractor, build
from zoo.evaluation.floors import Others
from zoo.evaluation.metrics import frechet_distance, mean_cov
from zoo.evaluation.reference import reference
from zoo.options.bar import track

#: of single images: disturbance -> levels from weak to strong
PIXELS: dict[str, tuple[float, ...]] = {
    "noise": (8, 16, 32),  # deviation in levels of 255
    "blur": (0.5, 1, 2),  # px
    "jpeg": (50, 25, 10),  # quality
}
#: of whole sets: shares of the images, or classes of ten that are missing
SETS: dict[str, tuple[float, ...]] = {
    "missing classes": (1, 2, 5, 8),
    "duplicates": (0.5, 0.9, 0.98),
    "faces": (0.02, 0.1, 0.5, 1.0),
    "photographs": (0.02, 0.1, 0.5, 1.0),
}
SIZES = (500, 1000, 2000, 5000)  # of the sets in which 1 % and 2 % are to be told apart
BIAS = (1000, 2000, 5000, 10_000)
SWD_PATCHES = 16  # of an image, of the paper's 128: an eighth of the time


@dataclass
class Measure:
    """One distance as a function of rows (N, ...), of which each image has one.

    Attributes:
        rows: from uint8 images (N, 3, R, R).
        between: the distance of the rows in the place of fakes from the reference.
        repeats: draws of each size where 1 % is to be told from 2 %.
        most: images of a set, at most; None for any number.
    """

    name: str
    rows: Callable[[Tensor], Tensor]
    between: Callable[[Tensor], float]
    repeats: int
    most: int | None = None
    found: dict[str, Any] = field(default_factory=dict)


def measures(data: ImageDataModule, n_real: int, classifier: Extractor, batch_size: int = 128) -> list[Measure]:
    """The five distances against the reference of `n_real` images of `data`."""

    def over(extractor: Extractor, name: str, repeats: int) -> Measure:
        real = reference(data, extractor, n_real)

        def rows(images: Tensor) -> Tensor:
            return torch.cat([extractor(part)[0] for part in images.split(batch_size)])

        return Measure(name, rows, lambda x: frechet_distance(*mean_cov(x), real.mu, real.sigma), repeats)

    reals = torch.cat([images for images, _ in data.batches(batch_size, limit=n_real)])
    level = wavelets.level_of(data.resolution)
    packets = [mean_cov(x) for x in wavelets.packets(reals, level)]

    def fwd(x: Tensor) -> float:
        return float(np.mean([frechet_distance(*mean_cov(x[:, i]), *one) for i, one in enumerate(packets)]))

    def sliced(x: Tensor) -> float:
        return swd.swd(reals[: len(x)].split(500), x.split(500), SWD_PATCHES)["swd_average"]

    return [
        over(build("random"), "fd_random", 10),
        over(classifier, "fd_domain", 10),
        Measure(f"fwd-{level}", lambda x: wavelets.packets(x, level).transpose(0, 1).float(), fwd, 4),
        over(build("efficientnet-lite0"), "fd_efficientnet-lite0", 5),
        Measure("swd", lambda x: x, sliced, 5, n_real),  # it compares equally many
    ]


def within(sizes: tuple[int, ...], measure: Measure) -> list[int]:
    """The sizes that a measure can have."""
    return [size for size in sizes if measure.most is None or size <= measure.most]


def sees(
    measure: Measure, rows: Tensor, labels: Tensor, pictures: Tensor, strangers: dict[str, Tensor], n: int
) -> None:
    """Fill in `levels`: the distance of n images at each level of each disturbance; level 0 is the first."""
    levels = measure.found.setdefault("levels", {})
    clean = measure.between(rows[:n])
    for name, some in PIXELS.items():
        disturb = getattr(disturbances, name)
        levels[name] = [clean, *(measure.between(measure.rows(disturb(pictures[:n], x, seed=1))) for x in some)]
    left = [disturbances.without_classes(labels, range(int(k)))[:n] for k in SETS["missing classes"]]
    levels["missing classes"] = [clean, *(measure.between(rows[places]) for places in left)]
    repeated = [disturbances.duplicates(rows[:n], share) for share in SETS["duplicates"]]
    levels["duplicates"] = [clean, *map(measure.between, repeated)]
    for name, others in strangers.items():
        mixed = [disturbances.foreign(rows[:n], others[:n], share) for share in SETS[name]]
        levels[name] = [clean, *map(measure.between, mixed)]


def resolves(measure: Measure, rows: Tensor, strangers: dict[str, Tensor], sizes: tuple[int, ...] = SIZES) -> None:
    """Fill in `told`: for each size the share of pairs of draws in which 2 % of strangers score above 1 %."""
    told = measure.found.setdefault("told", {})
    for name, others in strangers.items():
        told[name] = []
        for size in within(sizes, measure):
            values = [[], []]
            for k in range(2 * measure.repeats):
                order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(100 + k))[:size]
                unlike = others[torch.randperm(len(others), generator=torch.Generator().manual_seed(k))]
                mixed = disturbances.foreign(rows[order], unlike, (0.01, 0.02)[k % 2], seed=k)
                values[k % 2].append(measure.between(mixed))
            one, two = (np.array(v) for v in values)
            told[name].append(float((two[:, None] > one).mean()))


def enough(measure: Measure, name: str, sizes: tuple[int, ...] = SIZES) -> str:
    """The smallest size from which on 2 % scores above 1 % in at least 95 % of the pairs."""
    right = [share >= 0.95 for share in measure.found["told"][name]]
    place = next((i for i in range(len(right)) if all(right[i:])), None)
    return f"more than {sizes[len(right) - 1]:,}" if place is None else f"{sizes[place]:,}"


def monotone(values: list[float]) -> bool:
    """Whether each level scores above the one before it."""
    return all(a < b for a, b in pairwise(values))


def check(
    data: ImageDataModule,
    tests: ImageDataModule,
    strangers: dict[str, ImageDataModule],
    n: int,
    n_real: int,
    largest: int,
) -> None:
    """Refuse sets from which so many images cannot be drawn: fewer would be another measurement.

    Raises:
        ValueError: naming the set, what it has and what it takes.
    """
    needed = [(data, n_real + max(n, largest)), (tests, 2), *((one, n) for one in strangers.values())]
    for one, least in needed:
        if len(one) < least:
            raise ValueError(f"{one.name} has {len(one):,} images, and {least:,} are needed: name a larger set")
    for one in (data, tests):
        if one.n_classes < 2:
            raise ValueError(f"{one.name} has no classes: name a set with labels")


def run(
    data: ImageDataModule,
    tests: ImageDataModule,
    strangers: dict[str, ImageDataModule],
    n: int = 1000,
    n_real: int = 10_000,
    bias: tuple[int, ...] = BIAS,
    sizes: tuple[int, ...] = SIZES,
    domain_epochs: float = 3,
    report: Callable[[str], object] = print,
) -> Iterator[dict[str, Any]]:
    """Measure the five distances, one after another.

    Args:
        data: labelled images: `n_real` are the reference, as many as the largest of `bias` the others.
        tests: labelled images that the domain classifier is trained on.
        strangers: `faces` and `photographs`, sets of the same size in px.
        n: images of a disturbed set.
        sizes: of the sets in which 1 % is to be told from 2 %.

    Yields:
        `found` of each measure so far by its name, and the `conditions`.
    """
    started = time.process_time()
    others = Others(data, n_real)
    check(data, tests, strangers, n, n_real, max(*bias, *sizes))
    order = torch.randperm(len(others.free), generator=torch.Generator().manual_seed(0))[: max(*bias, *sizes)]
    pictures, labels = data.opened[others.free[order]]
    foreign = {name: Others(one, 0).sample(n) for name, one in strangers.items()}
    trained = domain.train(tests, domain_epochs, report=lambda _: None)
    accuracy = trained["about"]["held_out_accuracy"]
    report(f"the domain classifier names {100 * accuracy:.1f} % of held-out images rightly")
    classifier = Extractor("domain", f"domain:{domain.digest(trained['net'])[:8]}", "none", trained["net"])
    about = {"data": data.name, "n": n, "n_real": n_real, "bias": list(bias), "sizes": list(sizes)}
    about |= {"strangers": {name: one.name for name, one in strangers.items()}, "domain_accuracy": accuracy}
    about |= {"levels": {name: list(v) for name, v in (PIXELS | SETS).items()}}
    found = {}
    every = measures(data, n_real, classifier)
    for measure in track(every, len(every), what="distances"):
        began = time.process_time()
        rows = measure.rows(pictures)
        unlike = {name: measure.rows(images) for name, images in foreign.items()}
        measure.found["bias"] = [measure.between(rows[:size]) for size in within(bias, measure)]
        sees(measure, rows, labels, pictures, unlike, n)
        resolves(measure, rows, unlike, sizes)
        found[measure.name] = measure.found
        report(f"{measure.name}: {time.process_time() - began:.0f} s of one core")
        yield {"measures": found, "conditions": about | {"seconds": time.process_time() - started}}


def table(result: dict[str, Any]) -> str:
    """Markdown: a line a distance."""
    about, sizes = result["conditions"], tuple(result["conditions"]["sizes"])
    names = list(about["levels"])
    head = ["distance", *names, *(f"1 % or 2 % {name}" for name in about["strangers"])]
    head += [f"real, {size:,}" for size in about["bias"]]
    lines = [head, ["---"] * len(head)]
    for name, found in result["measures"].items():
        one = Measure(name, lambda x: x, lambda x: 0.0, 0, found=found)
        line = [f"`{name}`"]
        for kind in names:
            values = found["levels"][kind]
            line.append(f"{values[-1] / values[0]:.3g}x" + ("" if monotone(values) else ", not monotone"))
        line += [enough(one, kind, sizes) for kind in about["strangers"]]
        bias = [f"{value:.3g}" for value in found["bias"]]
        lines.append([*line, *bias, *["-"] * (len(about["bias"]) - len(bias))])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def save(result: dict[str, Any], out: Path) -> list[Path]:
    """Write `out`.json, `out`.md (the table) and `out`.png; their paths."""
    from zoo.bench.distances_plot import draw

    out.parent.mkdir(parents=True, exist_ok=True)
    files = [out.with_suffix(ending) for ending in (".json", ".md", ".png")]
    files[0].write_text(json.dumps(result, indent=1) + "\n")
    files[1].write_text(table(result))
    draw(result, files[2])
    return files
