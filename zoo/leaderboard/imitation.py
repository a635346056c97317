"""Rows of imitation learning: returns, not images, so a kind and a table of their own, in `results/imitation/`."""

import csv
import json
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft7Validator

from zoo.data.whole import write_whole
from zoo.leaderboard.naming import file_for
from zoo.leaderboard.rows import versions
from zoo.leaderboard.schema import COUNT, NUMBER, hold

SCHEMA = 1
FOLDER = "imitation"

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "schema": int,
    "kind": str,
    "algorithm": str,
    "method": str,
    "recipe": str,
    "date": str,
    "metrics": dict,
    "conditions": dict,
    "training": dict,
    "history": dict,
    "software": dict,
    "config": dict,
    "run": str,
}
_CONDITIONS = ("env", "transfer_env", "horizon", "episodes", "demonstrations", "demonstrated_by", "improvement")
_TRAINING = ("ksteps", "iterations", "hours", "seed", "hardware")
#: beside the fields above
_DETAILS = Draft7Validator(
    {
        "properties": {
            "metrics": {"additionalProperties": NUMBER},
            "conditions": {
                "properties": {"env": {"type": "string"}, "transfer_env": {"type": ["string", "null"]}},
            },
            "training": {
                "properties": {
                    "ksteps": {"type": "number", **COUNT},
                    "hours": {"type": "number", **COUNT},
                    "seed": {"type": "integer", **COUNT},
                }
            },
            "history": {
                "additionalProperties": {"type": "array", "items": NUMBER | {"type": ["number", "null"]}},
            },
        }
    }
)
_PUBLISHED = ["method", "env", "transfer_env", "metric", "value", "std", "runs", "source", "note", "verified"]


def make_row(*, software: dict | None = None, **parts: Any) -> dict:
    """The row of one run: algorithm, method, recipe, metrics, conditions, training, history, config, run."""
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    row = {"schema": SCHEMA, "kind": FOLDER, "date": date, **parts, "software": software or versions()}
    return json.loads(json.dumps(row))


def write_row(row: dict, results_dir: Path, token: str | None = None) -> Path:
    """Write `row` to `<results_dir>/imitation/<recipe>-<time>-<token>.json`, complete or not at all; its path.

    A token is of a row that is written once, as `zoo.leaderboard.rows.token_of` makes it; None is a random one.

    Raises:
        ValueError: if the row lacks something, or holds a number that is not finite.
    """
    validate(row, "the row")
    path = file_for(results_dir / FOLDER, f"{row['algorithm']}-{row['recipe']}", token)
    write_whole(path, json.dumps(row, allow_nan=False) + "\n")
    return path


def validate(row: Any, where: str) -> None:
    """Check `row` against the schema.

    Raises:
        ValueError: naming `where` and the first thing that is wrong.
    """
    if not isinstance(row, dict) or row.get("schema") != SCHEMA or row.get("kind") != FOLDER:
        raise ValueError(f"{where} is not an imitation row of schema {SCHEMA}")
    for name, kind in _FIELDS.items():
        if not isinstance(row.get(name), kind):
            raise ValueError(f"{where}: {name} is {row.get(name)!r}, not {kind.__name__}")
    for section, names in {"conditions": _CONDITIONS, "training": _TRAINING}.items():
        for name in names:
            if name not in row[section]:
                raise ValueError(f"{where} lacks {section}.{name}")
    for name, value in row["metrics"].items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise ValueError(f"{where}: the metric {name} is {value!r}, not a finite number")
    hold(_DETAILS, row, where)


def read_rows(results_dir: Path) -> list[tuple[Path, dict]]:
    """All rows with their files, in the order of the files' names.

    Raises:
        ValueError: naming the first file that is not such a row.
    """
    return [(path, read_row(path)) for path in sorted((Path(results_dir) / FOLDER).glob("*.json"))]


def read_row(path: Path) -> dict:
    """One row.

    Raises:
        ValueError: if the file is not such a row.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); repair or remove it") from error
    validate(row, str(path))
    return row


def read_published(results_dir: Path) -> list[dict[str, str]]:
    """The papers' numbers, `imitation/published.csv`, one dictionary of strings a number; those of an
    installed package without the file.

    Raises:
        ValueError: if its columns are others, or a number is none.
    """
    path = Path(results_dir) / FOLDER / "published.csv"
    if not path.is_file():  # an installed package's
        path = Path(__file__).parents[1] / "published" / FOLDER / "published.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        numbers = list(reader)
        if reader.fieldnames != _PUBLISHED:
            raise ValueError(f"the columns of {path} must be {','.join(_PUBLISHED)}")
    for line, number in enumerate(numbers, 2):
        try:
            float(number["value"]), float(number["std"] or 0)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} line {line}: value and std must be numbers ({error})") from error
    return numbers


def groups(rows: list[dict]) -> dict[tuple, list[dict]]:
    """Runs that differ by their seed alone, the newest of each, keyed by (env, transfer_env, recipe, method)."""
    found: dict[tuple, dict[int, dict]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row["date"]):
        c = row["conditions"]
        settings = json.dumps(row["config"], sort_keys=True)
        found[c["env"], c["transfer_env"] or "", row["recipe"], row["method"], settings][
            row["training"]["seed"]
        ] = row
    return {key: [runs[seed] for seed in sorted(runs)] for key, runs in sorted(found.items())}


def spread(rows: list[dict], metric: str) -> str:
    """Mean and population standard deviation over runs, as the paper has them; empty if no run has the metric."""
    values = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
    if not values:
        return ""
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values):.1f}" if len(values) > 1 else "")


ABOUT = """\
Undiscounted true returns, higher is better: mean ± population standard deviation over seeds. The paper's measure is
that of the last iteration. Where a reward is carried over, a new policy has learned in the second environment from
the frozen reward alone. Cloning, chance and the demonstrations are what a policy is to be held against.
"""
PAGES = """\
How it was done: [vail](../reproductions/vail/README.md), [vairl](../reproductions/vairl/README.md).
"""
#: columns of the table -> the metric
COLUMNS = {
    "last iteration": "imitation",
    "last ten": "imitation_last10",
    "over training": "imitation_mean",
    "demonstrations": "demonstrations",
    "cloning": "cloned",
    "chance": "random",
}
TRANSFER = {
    "transfer: last iteration": "transfer",
    "transfer: last ten": "transfer_last10",
    "cloning there": "transfer/cloned",
    "chance there": "transfer/random",
}


def tables(results_dir: Path) -> list[tuple[str, list[str], list[list[str]]]]:
    """For each task its heading, the table's head and its lines: our groups, then what the papers publish."""
    rows = [row for _, row in read_rows(results_dir)]
    published = read_published(results_dir)
    tasks = sorted({key[:2] for key in groups(rows)} | {(p["env"], p["transfer_env"]) for p in published})
    found = []
    for env, transfer in tasks:
        columns = COLUMNS | (TRANSFER if transfer else {})
        head = ["method", "recipe", "seeds", "ksteps", *columns, "hours"]
        lines = []
        for (*task, recipe, method, _), runs in groups(rows).items():
            if tuple(task) == (env, transfer):
                hours = f"{np.mean([row['training']['hours'] for row in runs]):.2f}"
                cells = [spread(runs, metric) for metric in columns.values()]
                seeds = ", ".join(str(s) for s in sorted(row["training"]["seed"] for row in runs))
                lines.append([method, recipe, seeds, f"{runs[0]['training']['ksteps']:g}", *cells, hours])
        for number in (p for p in published if (p["env"], p["transfer_env"]) == (env, transfer)):
            value = number["value"] + (f" ± {number['std']}" if number["std"] else "")
            cells = [value if metric == number["metric"] else "" for metric in columns.values()]
            about = f"published: {number['source']}" + (f"; {number['note']}" if number["note"] else "")
            lines.append([number["method"], about, f"{number['runs']} runs", "", *cells, ""])
        found.append((f"{env}, reward carried over to {transfer}" if transfer else env, head, lines))
    return found


def curves(results_dir: Path) -> list[dict]:
    """The runs' true returns against thousands of steps of their environment: task, label, points [[x, y], ...].

    A long run keeps every n-th of its points, about 200.
    """
    found = []
    for _, row in read_rows(results_dir):
        history, task = row["history"], row["conditions"]["env"]
        pairs = zip(history.get("ksteps", []), history.get("return/imitation", []), strict=False)
        points = [[x, float(f"{y:.5g}")] for x, y in pairs if y is not None]
        if points:
            about = f"{row['method']}, {row['recipe']}, seed {row['training']['seed']}"
            found.append({"task": task, "label": about, "points": points[:: max(1, len(points) // 200)]})
    return found
