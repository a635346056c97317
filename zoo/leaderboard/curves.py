"""One metric of logged runs against images, hours or steps: a curve for each recipe, a band where seeds repeat it.

With TTUR's recipes these are the figures of Heusel et al. 2017: means, with a band from lowest to highest run.
"""

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.evaluation.protocols import resolve
from zoo.leaderboard.ranking import higher
from zoo.leaderboard.rows import read_row
from zoo.options.yamls import config_in
from zoo.pictures.plots import new_figure, save_figure

#: what the horizontal axis may be -> its label; each is a column of the logs
AXES: dict[str, str] = {
    "kimg": "real images shown to D (thousands)",
    "hours": "hours of training",
    "step": "training steps",
}
#: what a metric depends on beside the data and the model
SCORED = ("n_fake", "n_real", "rounding", "truncation")


@dataclass(frozen=True)
class Run:
    """One run's curve, and what it was asked for."""

    path: Path
    paper: str
    recipe: str
    config: dict
    scored: dict
    kimg: np.ndarray
    x: np.ndarray
    y: np.ndarray

    @property
    def settings(self) -> dict:
        """What the run shares with other seeds of itself: the model's options, without None."""
        return {k: v for k, v in (self.config.get("model") or {}).items() if v is not None}

    @property
    def conditions(self) -> dict:
        """What must be the same where metrics are compared: the data, and how it was scored."""
        data = self.config.get("data") or {}
        options = data.get("init_args") or {}
        found = {
            "data": data.get("class_path", "").rpartition(".")[2],
            "resolution": self.settings.get("resolution"),
        }
        kept = ("path", "name", "limit", "limit_to", "split", "n_images")
        found |= {k: options[k] for k in kept if options.get(k) is not None}
        return found | self.scored


def log(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's CSV logs in the order of training, each with the numbers it has.

    A resumed run has a log for each part. Where it went back to a checkpoint, the later part replaces the earlier.
    """
    rows: list[dict[str, float]] = []
    parts = folder.glob("csv/version_*/metrics.csv")
    for part in sorted(parts, key=lambda p: int(p.parent.name.partition("_")[2])):
        try:
            text = part.read_text()
            whole = text[: text.rfind("\n") + 1].splitlines()  # a run that trains may be writing the last line
            new = [{k: float(v) for k, v in row.items() if v not in ("", None)} for row in csv.DictReader(whole)]
            if new:
                rows = [row for row in rows if row["step"] < new[0]["step"]]
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise ValueError(f"{part} is no log of a run, or it is damaged: repair or remove it") from error
        rows += new
    return rows


def of_folder(folder: Path) -> tuple[dict, list[dict[str, float]]]:
    """Names, configuration and scoring of a run by its folder, and its logged numbers."""
    if not (folder / "config.yaml").is_file():
        raise FileNotFoundError(f"{folder} is no run's folder: there is no {folder / 'config.yaml'}")
    name = folder.resolve()
    config = config_in(folder / "config.yaml")
    score = config.get("evaluation") or {}
    protocol, _ = resolve(score.get("protocol") or "zoo", {key: score.get(key) for key in SCORED})
    recipe = score.get("recipe") or name.name.rpartition("-")[0]
    about = {"paper": name.parent.name, "recipe": recipe, "config": config}
    return about | {"scored": {key: getattr(protocol, key) for key in SCORED}}, log(folder)


def of_row(path: Path) -> tuple[dict, list[dict[str, float]]]:
    """Names, configuration and scoring of a run by its results row, and its evaluations."""
    row = read_row(path)
    training = row["training"]
    even = training["steps"] and training["nimg"] == training["steps"] * (training["batch_size"] or 0)
    rows = []
    for one in row.get("history") or []:
        at = {"kimg": one["kimg"], "hours": one["hours"]}
        if even:  # a growing model's steps differ in size
            at["step"] = one["nimg"] // training["batch_size"]
        rows.append(at | {f"metrics/{name}": value for name, value in one["metrics"].items()})
    scored = {key: row["conditions"].get(key) for key in SCORED}
    if scored["n_real"] == row["data"]["n_images"]:
        scored["n_real"] = None  # as the configuration says "all of them"
    return {"paper": row["paper"], "recipe": row["recipe"], "config": row["config"] or {}, "scored": scored}, rows


def read(path: Path, metric: str, x: str) -> Run:
    """The curve of one run.

    Args:
        path: the run's folder, or its results row, which knows the evaluations alone.
        metric: a logged name, of which a leading "metrics/" may be left out.
        x: any of `AXES`.

    Raises:
        FileNotFoundError: if this is no run's folder.
        ValueError: if the file is no results row, or the run has not logged this metric.
    """
    about, rows = of_row(path) if path.suffix == ".json" else of_folder(path)
    known = sorted({name for row in rows for name in row} - {*AXES, "epoch"})
    name = metric if metric in known else f"metrics/{metric}"
    points = [(row["kimg"], row[x], row[name]) for row in rows if name in row and x in row]
    if not points:
        told = ", ".join(n.removeprefix("metrics/") for n in known) or "nothing"
        raise ValueError(f"{path} has not logged {metric} against {x}; it has logged {told}")
    kimg, at, value = np.array(points, dtype=float).T
    return Run(path, **about, kimg=kimg, x=at, y=value)


def name_of(path: Path) -> str:
    """What tells a run from others: the id that its folder and its rows hold, or else where it lies."""
    marker = path / "run_id"
    told = marker.read_text().strip() if marker.is_file() else None
    return (read_row(path).get("run") if path.suffix == ".json" else told) or str(path.resolve())


def check_comparable(runs: list[Run]) -> None:
    """Refuse to lay curves over each other whose numbers do not compare.

    Raises:
        ValueError: naming two runs and the first thing that differs.
    """
    first = runs[0]
    for run in runs[1:]:
        for name in sorted({*first.conditions, *run.conditions}):
            ours, theirs = first.conditions.get(name), run.conditions.get(name)
            if ours != theirs:
                raise ValueError(
                    f"{first.path} and {run.path} do not compare: {name} is {ours} and {theirs}; "
                    "draw them in two figures"
                )


def group(runs: list[Run]) -> dict[str, list[Run]]:
    """Label -> runs of the same recipe and settings, in the order given.

    A label is the recipe, the settings in which the groups of its paper differ (up to three), and how many runs.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps([run.paper, run.recipe, run.settings], sort_keys=True), []).append(run)
    papers = {run.paper for run in runs}
    labelled: list[tuple[str, list[Run]]] = []
    for members in groups.values():
        one = members[0]
        peers = [other[0].settings for other in groups.values() if other[0].paper == one.paper]
        told = {k: v for k, v in one.settings.items() if not k.endswith("_kimg")}
        differing = sorted(k for k in told if any(p.get(k) != told[k] for p in peers))
        words = [f"{k} {told[k]:g}" if isinstance(told[k], float) else f"{k} {told[k]}" for k in differing]
        label = f"{one.paper} / {one.recipe}" if len(papers) > 1 else one.recipe
        if 0 < len(words) <= 3:
            label += f": {', '.join(words)}"
        if len(members) > 1:
            label += f" ({len(members)} runs)"
        labelled.append((label, members))
    often = Counter(label for label, _ in labelled)
    return {
        label if often[label] == 1 else f"{label}: {members[0].path.name}": members for label, members in labelled
    }


def band(runs: list[Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean x, and mean, lowest and highest y of some runs after equal numbers of images.

    Runs are read at each other's points by straight lines in between, over the images that all of them have seen:
    hours differ from run to run on one machine, images do not.

    Raises:
        ValueError: if there are no such points.
    """
    low, high = max(run.kimg[0] for run in runs), min(run.kimg[-1] for run in runs)
    kimg = np.unique(np.concatenate([run.kimg for run in runs]))
    kimg = kimg[(kimg >= low) & (kimg <= high)]
    if not len(kimg):
        raise ValueError(f"{' and '.join(str(run.path) for run in runs)} have no stretch of training in common")
    x = np.stack([np.interp(kimg, run.kimg, run.x) for run in runs])
    y = np.stack([np.interp(kimg, run.kimg, run.y) for run in runs])
    return x.mean(0), y.mean(0), y.min(0), y.max(0)


def best_of(mean: np.ndarray, metric: str) -> int:
    """Where the metric is best."""
    return int(mean.argmax() if higher(metric.removeprefix("metrics/")) else mean.argmin())


def draw(groups: dict[str, list[Run]], metric: str, x: str, out: Path, log_y: bool = False) -> None:
    """The figure: for each group its mean, the band between its extremes, and a dot at its best point."""
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    for i, (label, runs) in enumerate(groups.items()):
        at, mean, low, high = band(runs)
        axes.plot(at, mean, color=f"C{i}", label=label, linewidth=1.6)
        best = best_of(mean, metric)
        axes.plot(at[best], mean[best], "o", color=f"C{i}", markersize=5)
        if len(runs) > 1:
            axes.fill_between(at, low, high, color=f"C{i}", alpha=0.2, linewidth=0)
    data = next(iter(groups.values()))[0].conditions
    axes.set(xlabel=AXES[x], ylabel=metric, title=f"{data.get('name') or data['data']}, {data['resolution']} px")
    if log_y:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save_figure(figure, out)


def curves(paths: list[str], metric: str, x: str, out: Path, log_y: bool = False) -> str:
    """Draw runs and tell what was drawn, one line a group: runs, last value, best value and where.

    A run that is named twice, as by patterns that overlap, or by its folder and its row, counts once.

    Raises:
        FileNotFoundError, ValueError: if something is no run, lacks the metric, or does not compare with the rest.
    """
    runs = [read(Path(path), metric, x) for path in paths]
    if not runs:
        raise ValueError("name at least one run, such as runs/ttur/cifar10-001 or a row of results/ttur")
    check_comparable(runs)
    once: dict[str, Run] = {}
    for run in runs:
        once.setdefault(name_of(run.path), run)
    groups = group(list(once.values()))
    draw(groups, metric, x, out, log_y)
    lines, word = [], "highest" if higher(metric.removeprefix("metrics/")) else "lowest"
    for label, members in groups.items():
        at, mean, *_ = band(members)
        best = best_of(mean, metric)
        lines.append(f"{label}: {mean[-1]:.4g} at {at[-1]:.4g} {x}, {word} {mean[best]:.4g} at {at[best]:.4g} {x}")
    return "\n".join([*lines, str(out)])
