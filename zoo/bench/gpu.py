"""A short lease of a GPU, used in order of importance: `zoo bench gpu --minutes 12`.

Each measurement is a process of its own and a line of OUT/steps.csv as soon as it is there; what has a line is not
measured again, so that a second lease goes on where the first one ended. A measurement that the end of the lease
cut off has no line; one that took `LONGEST` has.
"""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.bench.step import LAYOUTS, PRECISIONS, answer, model_options
from zoo.papers import PAPERS

COLUMNS = (
    *("why", "paper", "recipe", "precision", "layout", "way", "batch_size", "device"),
    *("images", "seconds", "images_per_s", "first_s", "peak_gib", "error"),
)
#: settings whose time is compared with other implementations
TIMED = (
    *("r1gan/cifar10-cpu", "sngan/cifar10", "biggan/cifar10"),
    *("stylegan/lfw-cpu", "pggan/cifar10", "introvae/lfw-cpu"),
)
LARGE = ("pggan/paper", "stylegan/paper")  # 1024 px
CHECKPOINTED = ("stylegan/paper", "biggan/imagenet512")
LONGEST = 180.0  # seconds of one measurement, which is given up then and not tried again


@dataclass(frozen=True)
class Job:
    """One measurement: a recipe's step, at its own batch where `batch_size` is None."""

    why: str
    recipe: str
    precision: str
    layout: str = "channels_last"
    way: str = "eager"
    batch_size: int | None = None

    def key(self, device: str) -> tuple[str, ...]:
        paper, name = self.recipe.split("/")
        return paper, name, self.precision, self.layout, self.way, str(self.batch_size or ""), device


def jobs() -> Iterator[Job]:
    """Does every paper's step run; how fast are six; 1024 px; both compiled; CUDA graphs; the other layout."""
    for paper in PAPERS:
        yield from (Job("runs", f"{paper}/tiny", precision, batch_size=2) for precision in PRECISIONS)
    for recipe in TIMED:
        yield from (Job("time", recipe, precision) for precision in PRECISIONS)
    for recipe in LARGE:
        yield from (Job("1024 px", recipe, precision, batch_size=4) for precision in reversed(PRECISIONS))
    for recipe in CHECKPOINTED:
        yield Job("memory", recipe, "bf16-mixed", way="checkpointed", batch_size=4)
    for recipe in TIMED:
        yield from (Job("compiled", recipe, precision, way="compiled") for precision in PRECISIONS)
    for paper in PAPERS:
        for precision in PRECISIONS[:2]:
            yield Job("compiled", f"{paper}/tiny", precision, way="compiled", batch_size=2)
    for recipe in TIMED:
        yield from (Job("graphs", recipe, precision, way="CUDA graphs") for precision in PRECISIONS)
    for recipe in TIMED:
        yield from (Job("layout", recipe, precision, LAYOUTS[1]) for precision in PRECISIONS)


def measured(job: Job, recipes: Path, device: str, left: float) -> dict[str, Any] | None:
    """A line of the table, with an `error` in the place of numbers where there is one.

    Args:
        left: seconds of the lease; None is returned where it ended before the measurement.
    """
    paper, name = job.recipe.split("/")
    given, options = model_options(recipes / paper / f"{name}.yaml", job.batch_size)
    found = answer((given, options, (job.precision, job.layout, job.way), 5, device), min(left, LONGEST))
    if found.get("late") and left < LONGEST:
        return None
    line = dict(zip(COLUMNS[1:8], job.key(device), strict=True)) | {"why": job.why, "error": found.get("error", "")}
    if not line["error"]:
        line |= {k: found[k] for k in ("images", "seconds", "first_s", "peak_gib")}
        line["images_per_s"] = found["images"] / found["seconds"]
    return line


def run(
    out: Path,
    minutes: float,
    device: str = "cuda",
    recipes: Path = Path("reproductions"),
    wanted: Sequence[Job] | None = None,
) -> str:
    """Measure until the time is over; see `zoo bench gpu --help`. Returns what is left.

    Raises:
        FileNotFoundError: if there are no recipes.
    """
    wanted = list(jobs()) if wanted is None else wanted
    for job in wanted:
        if not (recipes / f"{job.recipe}.yaml").is_file():
            raise FileNotFoundError(f"no recipe {job.recipe} in {recipes}: run this in a clone of the project")
    until = time.monotonic() + minutes * 60
    out.mkdir(parents=True, exist_ok=True)
    file = out / "steps.csv"
    there = (
        {tuple(line[k] for k in COLUMNS[1:8]) for line in csv.DictReader(file.open())} if file.is_file() else set()
    )
    left = [job for job in wanted if job.key(device) not in there]
    if not there:
        file.write_text(",".join(COLUMNS) + "\n")
    while left and time.monotonic() < until:
        line = measured(job := left[0], recipes, device, until - time.monotonic())
        if line is None:
            break
        left.pop(0)
        with file.open("a") as lines:
            csv.DictWriter(lines, COLUMNS, lineterminator="\n").writerow(line)
        said = line["error"] or f"{line['seconds']:.4f} s, {line['images_per_s']:.1f} images/s"
        print(f"{job.why:8} {job.recipe} {job.precision} {job.layout} {job.way}: {said}", flush=True)
    if left:
        return f"{len(left)} of {len(wanted)} measurements left; the same command goes on with them"
    return f"all {len(wanted)} measurements are in {file}"
