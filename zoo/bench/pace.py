"""Whether images reach training as fast as one GPU takes them: `zoo bench data --recipes [...]`.

The GPU's pace is computed, from the FLOPs of a recipe's step; what reading delivers is measured on this machine,
from zips as `zoo data prepare` writes them. A step asks the device for nothing between two reports, so that reading
runs beside it, and only what it lags behind is waited for.
"""

import csv
import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import zoo.data
from zoo.bench.counts import of_step
from zoo.bench.data import ROUNDS, grainy, memory, rate, streamed
from zoo.bench.step import model_options
from zoo.bench.table import H200, SHARE, short
from zoo.data.kinds import KINDS
from zoo.leaderboard.cells import as_table
from zoo.options.bar import track
from zoo.options.checked import defaults
from zoo.training.loading import model_class
from zoo.training.recipes import compose

LIMIT = 0.02  # of a step that may be spent waiting
HEAD = ["recipe", "px", "GFLOP an image", "images/s at that pace", "read from", "images/s here", "waits"]
HEAD.append(f"cores that read for under {LIMIT:.0%}")


def needed(flops: float) -> float:
    """Images/s that one GPU takes, of an image's FLOPs in training: `SHARE` of an H200's bfloat16 peak."""
    return SHARE * H200 / flops


def waited(needed: float, delivered: float) -> float:
    """Share of the time for which a step waits that could take `needed` images/s, when so many are `delivered`."""
    return max(0.0, 1 - delivered / needed)


def cores(needed: float, per_core: float) -> int:
    """How many cores that read `per_core` images/s each keep the waiting to `LIMIT`."""
    return math.ceil((1 - LIMIT) * needed / per_core)


@dataclass(frozen=True)
class Delivered:
    """Images/s that reading delivers, by all its workers and by each second of a core."""

    by_all: float
    per_core: float


def kept(data: dict, side: int) -> bool:
    """Whether a recipe's data section names a set that is kept in memory; what has no known size is not."""
    cls, given = getattr(zoo.data, data["class_path"].rpartition(".")[2]), data.get("init_args") or {}
    if hasattr(cls, "dataset"):  # torchvision's are read whole
        return True
    counts = KINDS[cls.kind].counts
    known = defaults(cls)
    n = given.get("n_images", known.get("n_images")) or (max(counts.values()) if counts else math.inf)
    return n * 3 * side**2 <= given.get("memory_gib", known["memory_gib"]) * 2**30


def pngs(folder: Path, n: int, side: int) -> Path:
    """A zip of drawn faces with grain, stored as `zoo data prepare` stores images."""
    zipped = folder / f"faces-{side}.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED) as archive:
        for i, face in enumerate(grainy(n, side)):
            buffer = io.BytesIO()
            Image.fromarray(face).save(buffer, format="png", compress_level=1)
            archive.writestr(f"{i // 1000:05d}/img{i:08d}.png", buffer.getvalue())
    return zipped


def decoded(folder: Path, side: int, workers: int) -> Delivered:
    """Measured on a zip too large for the memory."""
    n = max(24, min(500, 2**21 // side**2))
    zipped, batch, count = pngs(folder, n, side), max(4, n // 16), 12
    by_all = max(rate(streamed(zipped, side, batch, workers), count).per_second for _ in range(ROUNDS))
    alone = max(rate(streamed(zipped, side, batch, 0), count).per_core for _ in range(ROUNDS))
    return Delivered(by_all, alone)


def from_memory(side: int) -> Delivered:
    """Measured on images that are held decoded; training's own process copies them."""
    found = memory(side, n=max(64, 2**24 // side**2), batch=64 if side <= 64 else 16)
    return Delivered(found.per_second, found.per_core)


def cost(recipe: Path, table: Path) -> tuple[int, float]:
    """Side of a recipe's images and FLOPs of one in training: as `zoo bench table` wrote them, else counted now."""
    paper, options = model_options(recipe, None)
    if table.is_file():
        for line in csv.DictReader(table.open()):
            if (line["paper"], line["recipe"]) == (paper, recipe.stem):
                return int(line["side"]), float(line["gflop_per_image"]) * 1e9
    found = of_step(lambda: model_class(paper)(**options))
    return found["side"], found["flops"] / found["images"]


def run(recipes: Sequence[Path], workers: int, table: Path = Path("results/speed.csv")) -> str:
    """A table of recipes' waiting, and the machine that all of them need; see `zoo bench data --help`.

    Raises:
        FileNotFoundError, ValueError: for a recipe that is none.
    """
    costs = [cost(recipe, table) for recipe in recipes]
    ways: dict[tuple[bool, int], Delivered] = {}
    lines, most = [], 0
    with TemporaryDirectory() as folder:
        for recipe, (side, flops) in track(zip(recipes, costs, strict=True), len(costs), what="recipes"):
            merged, _, _ = compose(recipe.resolve().parent / "paper.yaml", ["--config", str(recipe)])
            way = kept(merged["data"], side), side
            if way not in ways:
                ways[way] = from_memory(side) if way[0] else decoded(Path(folder), side, workers)
            found, rate_needed = ways[way], needed(flops)
            most = max(most, n := cores(rate_needed, found.per_core))
            source = "memory" if way[0] else f"zip, {workers} workers"
            name = f"{recipe.resolve().parent.name}/{recipe.stem}"
            share = f"{waited(rate_needed, found.by_all):.0%}"
            numbers = [short(x, 3) for x in (flops / 1e9, rate_needed, found.by_all)]
            lines.append([name, side, *numbers[:2], source, numbers[2], share, n])
    pace = f"{SHARE:.0%} of {H200 / 1e12:.0f} TFLOP/s"
    return (
        as_table(HEAD, lines)
        + f"\nOne GPU at {pace} waits for under {LIMIT:.0%} in all of these with {most} cores "
        "that read beside it; eight GPUs need eight times as many."
    )
