"""Where runs stand: read from their folders alone, so that it works while they train, and after."""

import inspect
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import zoo.data
from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.leaderboard.curves import log
from zoo.options.checked import defaults
from zoo.options.folders import recipes_folder
from zoo.options.ranges import shown
from zoo.options.yamls import config_in
from zoo.training.history import evaluations
from zoo.training.loading import model_class
from zoo.training.lock import Owner
from zoo.training.planned import alike
from zoo.training.recipes import compose
from zoo.training.run import EVALUATIONS

BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Standing:
    """Where one run stands.

    Attributes:
        folder: the run's.
        state: "running", "stopped" or "finished", or "damaged" where one of its files is.
        kimg, total_kimg: thousands of images shown, and at the end.
        hours: of training so far; None where nothing was logged.
        hours_left: at the speed of the last report; None unless it runs.
        score: the last evaluation's metrics.
        unit: of its progress, "kimg"; "ksteps" of an environment for imitation.
    """

    folder: Path
    state: str
    kimg: float
    total_kimg: float
    hours: float | None
    hours_left: float | None
    score: dict[str, float]
    unit: str = "kimg"


def trained_now(folder: Path) -> bool:
    """Whether the process that trains a run lives; on another one, whether it logged in ten minutes."""
    owner = Owner.of(folder)
    if owner is None or owner.alive is not None:
        return owner is not None and owner.alive is True
    logs = [path.stat().st_mtime for path in folder.glob("csv/version_*/metrics.csv")]
    return time.time() - max(logs, default=0) < 600


def folders(runs: Path) -> list[Path]:
    """The runs' folders under `runs`, by paper, then by name."""
    return sorted(path.parent for path in runs.glob("*/*/config.yaml"))


def config_of(folder: Path) -> dict:
    """What a run was asked for.

    Raises:
        FileNotFoundError: if this is no run's folder.
    """
    file = folder / "config.yaml"
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} is no run's folder: there is no {file}; `zoo runs` lists those there are"
        )
    return config_in(file)


def standing(folder: Path) -> Standing:
    """Where the run of a folder stands; its damaged files are told on stderr, so that others are shown beside it.

    Raises:
        FileNotFoundError: if this is no run's folder.
    """
    damaged = []

    def read(reader: Callable, usual: Any) -> Any:
        try:
            return reader()
        except FileNotFoundError:
            raise
        except (ValueError, OSError) as error:
            damaged.append(error)
            print(error, file=sys.stderr, flush=True)
            return usual

    unit, total = read(lambda: length_of(folder), ("kimg", 0.0))
    rows = read(lambda: log(folder), [])
    scores = read(lambda: evaluations(folder / EVALUATIONS), {})
    last, score = rows[-1] if rows else {}, scores[max(scores)] if scores else {}
    kimg, hours = max(last.get(unit, 0.0), max(scores, default=0) / 1000), last.get("hours")
    state = "finished" if kimg >= total else "running" if trained_now(folder) else "stopped"
    state = "damaged" if damaged else state
    speed = next((row["speed/images_per_s"] for row in reversed(rows) if "speed/images_per_s" in row), None)
    left = (total - kimg) * 1000 / speed / 3600 if speed and state == "running" else None
    return Standing(folder, state, kimg, total, hours, left, score.get("metrics", {}), unit)


def length_of(folder: Path) -> tuple[str, float]:
    """A run's unit and its end in thousands of it.

    Raises:
        FileNotFoundError, ValueError: if this is no run's folder; naming the file, for an end that is no number.
    """
    model = config_of(folder)["model"]
    unit = next((name.removeprefix("total_") for name in model if name.startswith("total_k")), "kimg")
    total = model.get(f"total_{unit}") or 0
    try:
        return unit, float(total)
    except (TypeError, ValueError) as error:
        what = f"its model.total_{unit} is {shown(total)}, not a number"
        raise ValueError(f"{folder / 'config.yaml'} is damaged: {what}") from error


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve as one line of blocks, lowest to highest; more values than `width` are averaged in equal parts."""
    if not values:
        return ""
    n = min(width, len(values))
    bounds = [len(values) * i // n for i in range(n + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(bounds)]
    low, high = min(means), max(means)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)


def differences(config: dict, paper: str) -> dict[str, tuple[object, object]]:
    """Settings of model and data that differ from the paper's: name -> (the paper's, the run's).

    The paper's are those of its recipe, and where that says nothing its class's defaults.
    """
    recipe = recipes_folder() / paper / "paper.yaml"
    theirs = compose(recipe, [])[0] if recipe.is_file() else {}
    found = {}
    for section in ("model", "data"):
        ours, paper_s = _flat(config.get(section) or {}), _flat(theirs.get(section) or {})
        kind = algorithm_class(paper) if paper in ALGORITHMS else model_class(paper)
        if section == "data":  # another set's defaults are its own
            same = ours.get("class") == paper_s.get("class")
            kind = getattr(zoo.data, paper_s["class"], None) if same and "class" in paper_s else None
        usual = {k: v for k, v in defaults(kind).items() if v is not inspect.Parameter.empty} if kind else {}
        paper_s = usual | paper_s
        for name in sorted(ours.keys() & paper_s.keys()):
            if not alike(ours[name], paper_s[name]):
                found[f"{section}.{name}"] = (paper_s[name], ours[name])
    return found


def _flat(section: dict) -> dict:
    """A section's settings; the class path by its last word, as recipes give it."""
    flat = {k: v for k, v in section.items() if k not in ("class_path", "init_args")}
    if "class_path" in section:
        flat["class"] = str(section["class_path"]).rpartition(".")[2]
    return flat | (section.get("init_args") or {})
