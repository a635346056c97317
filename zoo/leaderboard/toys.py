"""Rows of the 2-D track, of a kind of their own: `results/toy/<data>/<paper>-<seed>.json`, and their tables."""

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from zoo.data.whole import write_whole
from zoo.leaderboard.cells import as_table
from zoo.leaderboard.rows import versions

#: metric -> its heading and digits
METRICS = {
    "modes": ("modes ↑", 1),
    "near": ("good samples ↑", 3),
    "reverse_kl": ("reverse KL ↓", 3),
    "w2": ("W2 ↓", 3),
}


@dataclass(frozen=True)
class Toy:
    """One run on points.

    Args:
        metrics: modes, n_modes, near (share of samples within `radius` of a target), distance (mean, to the nearest
            target), reverse_kl (nats), w2 and w2_data (the distance between two draws of the data).
        kimg: thousands of real points shown to D, in `steps` steps of `batch_size`.
        options: arguments of the paper's module.
        software: what computed it.
    """

    paper: str
    data: str
    seed: int
    metrics: dict[str, float]
    kimg: float
    steps: int
    batch_size: int
    cpu_seconds: float
    radius: float
    n_samples: int
    n_transport: int
    options: dict = field(default_factory=dict)
    software: dict = field(default_factory=versions)

    @classmethod
    def read(cls, path: Path) -> "Toy":
        """One row.

        Raises:
            ValueError: if the file is not a row of the 2-D track.
        """
        known = {f.name for f in fields(cls)}
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            toy = cls(**{k: v for k, v in row.items() if k in known})
            numbers = [float(toy.metrics[name]) for name in (*METRICS, "n_modes", "w2_data")]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path} is no row of the 2-D track ({error}); repair or remove it") from error
        if not all(abs(x) < float("inf") for x in numbers):
            raise ValueError(f"{path} holds a number that is not finite; remove it")
        return toy


def write_toy(toy: Toy, path: Path) -> None:
    """Write a row, complete or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(asdict(toy), indent=1, allow_nan=False, default=str) + "\n")


def read_toys(results_dir: Path) -> list[Toy]:
    """All rows under `results_dir`/toy, in the order of their files' names.

    Raises:
        ValueError: naming the first that is none.
    """
    return [Toy.read(path) for path in sorted((results_dir / "toy").glob("*/*.json"))]


def tables(toys: list[Toy]) -> list[tuple[str, list[str], list[list[str]]]]:
    """For each data set its heading, the table's head and a line a method, best W2 first."""
    groups: dict[str, dict[tuple, list[Toy]]] = defaultdict(lambda: defaultdict(list))
    for toy in toys:
        groups[toy.data][toy.paper, toy.kimg, toy.batch_size].append(toy)
    found = []
    for data, methods in sorted(groups.items()):
        any_toy = next(iter(methods.values()))[0]
        head = ["paper", "seeds", *(title for title, _ in METRICS.values())]
        head += ["W2 of the data", "points, thousands", "CPU seconds"]
        lines = []
        for (paper, kimg, _), runs in sorted(methods.items(), key=lambda item: (_mean(item[1], "w2"), item[0])):
            cells = [_spread(runs, name, digits) for name, (_, digits) in METRICS.items()]
            seconds = statistics.mean(toy.cpu_seconds for toy in runs)
            cells += [f"{_mean(runs, 'w2_data'):.3f}", f"{kimg:g}", f"{seconds:.0f}"]
            lines.append([paper, str(len(runs)), *cells])
        found.append((f"{data}, {any_toy.metrics['n_modes']} modes", head, lines))
    return found


def about(toys: list[Toy]) -> str:
    """What the numbers of the tables are."""
    return (
        "Each paper's own training step on 2-D points, with small networks: means and "
        "standard deviations over seeds, best W2 first. Good samples lie within "
        f"{toys[0].radius} of the data's modes or curve, a mode counts from 1 % of the samples on; the reverse KL "
        "is over modes, in nats; W2 is the exact distance of 1,000 samples to 1,000 points, beside that of two "
        "draws of the data. Settings are ours, of a minute's length: they rank no paper."
    )


def markdown(toys: list[Toy]) -> str:
    """The section of the 2-D track; empty without rows."""
    if not toys:
        return ""
    more = "`zoo lab ring` makes such rows; [what they show](../zoo/lab/README.md)."
    text = [f"## Points of the plane\n\n{about(toys)} {more}\n\n"]
    text += [f"### {heading}\n\n{as_table(head, lines)}\n" for heading, head, lines in tables(toys)]
    return "".join(text)


def _mean(runs: list[Toy], name: str) -> float:
    return statistics.mean(toy.metrics[name] for toy in runs)


def _spread(runs: list[Toy], name: str, digits: int) -> str:
    values = [toy.metrics[name] for toy in runs]
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"
