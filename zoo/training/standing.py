"""Where runs stand: read from their folders alone, so that it works while they train, and after."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from zoo.leaderboard.curves import log
from zoo.training.lock import Owner
from zoo.training.recipes import compose, script_and_recipe

BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Standing:
    """Where one run stands.

    Attributes:
        folder: the run's.
        state: "running", "stopped" or "finished".
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
    return yaml.safe_load(file.read_text())


def standing(folder: Path) -> Standing:
    """Where the run of a folder stands.

    Raises:
        FileNotFoundError: if this is no run's folder.
    """
    model = config_of(folder)["model"]
    unit = next((name.removeprefix("total_") for name in model if name.startswith("total_k")), "kimg")
    total = float(model.get(f"total_{unit}") or 0)
    rows = log(folder)
    last = rows[-1] if rows else {}
    kimg, hours = last.get(unit, 0.0), last.get("hours")
    evaluations = folder / "evaluations.jsonl"
    lines = evaluations.read_text().splitlines() if evaluations.is_file() else []
    score = json.loads(lines[-1]) if lines else {"kimg": 0.0, "metrics": {}}
    kimg = max(kimg, score.get("kimg", 0.0))
    state = "finished" if kimg >= total else "running" if trained_now(folder) else "stopped"
    speed = next((row["speed/images_per_s"] for row in reversed(rows) if "speed/images_per_s" in row), None)
    left = (total - kimg) * 1000 / speed / 3600 if speed and state == "running" else None
    return Standing(folder, state, kimg, total, hours, left, score["metrics"], unit)


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
    """Settings of model and data that differ from the paper's recipe: name -> (the paper's, the run's)."""
    _, recipe = script_and_recipe(paper)
    theirs = compose(recipe, [])[0]
    found = {}
    for section in ("model", "data"):
        ours, paper_s = _flat(config.get(section) or {}), _flat(theirs.get(section) or {})
        for name in sorted(ours.keys() & paper_s.keys()):
            if ours[name] != paper_s[name]:
                found[f"{section}.{name}"] = (paper_s[name], ours[name])
    return found


def _flat(section: dict) -> dict:
    """A section's settings; the class path by its last word, as recipes give it."""
    flat = {k: v for k, v in section.items() if k not in ("class_path", "init_args")}
    if "class_path" in section:
        flat["class"] = section["class_path"].rpartition(".")[2]
    return flat | (section.get("init_args") or {})
