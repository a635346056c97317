"""What the page holds: rows without what only a repetition needs, numbers to six digits, each text once."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from zoo.leaderboard import imitation, toys
from zoo.leaderboard.published import best_model
from zoo.leaderboard.ranking import (
    RELEASED,
    comparable,
    heading_of,
    higher,
    in_tables,
    measured,
    merit,
    or_unknown,
    ordered,
    rank,
    set_of,
    times_the_floor,
)

#: pages beside this one: file -> what to call its link
PAGES = {
    "README.md": "The tables as Markdown",
    "claims.md": "The papers' claims, tried",
    "speed.md": "Speed",
    "plane/README.md": "Training on points, in pictures",
    "leaderboard.csv": "All rows as CSV",
}


class Pool:
    """Texts and settings that many rows share, each kept once and told by its number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._known: dict[str, int] = {}

    def number(self, item: Any) -> int:
        key = repr(item)
        if key not in self._known:
            self._known[key] = len(self.items)
            self.items.append(item)
        return self._known[key]


def content(rows: list[dict], published: list[dict[str, str]], results_dir: Path | None) -> dict[str, list]:
    """The page's data, for JSON: `rows` of ours, `published` models, `titles` of metrics, `texts` and `settings`
    that rows name by number, `sections` of other kinds of rows, `links` to pages that are there."""
    texts, settings = Pool(), Pool()
    ordered_rows = sorted(rows, key=lambda row: (comparable(row), merit(row["metrics"]), row["file"]))
    ours = [
        _ours(row, published, results_dir, texts, settings) | {"floor": _digits(times_the_floor(row, rows))}
        for row in ordered_rows
    ]
    theirs = _theirs(published)
    names = ordered({name for row in ours + theirs for name in row["metrics"]})
    titles = [
        {"name": n, "title": heading_of(n), "higher": higher(n), "column": in_tables(n)}
        for n in sorted(names, key=rank)
    ]
    always = ("README.md", "leaderboard.csv")  # written together with the page
    there = [name for name in PAGES if results_dir and (name in always or (results_dir / name).is_file())]
    return {
        "rows": ours,
        "published": theirs,
        "titles": titles,
        "texts": texts.items,
        "settings": settings.items,
        "sections": sections(results_dir) if results_dir else [],
        "links": [[name, PAGES[name]] for name in there],
    }


def _ours(
    row: dict, published: list[dict[str, str]], results_dir: Path | None, texts: Pool, settings: Pool
) -> dict:
    training, picture = row["training"], sheet(row, results_dir)
    return {
        "paper": row["paper"],
        "recipe": row["recipe"],
        "set": f"{set_of(row)}, {row['data']['resolution']} px",
        "dataset": row["data"]["name"],
        "resolution": row["data"]["resolution"],
        "protocol": row["conditions"]["protocol"],
        "measured": f"{measured(row)}; {' + '.join(sorted(row['conditions']['extractors'])) or 'no extractor'}"
        f"; bytes by {row['conditions']['rounding']}",
        "whose": "imported" if row.get("imported") else "ours",
        "beside": _beside(row, published),
        "metrics": _digits({k: v for k, v in row["metrics"].items() if k != "is_std"}),
        "spread": _digits(
            (row.get("spread") or {})
            | ({"is_mean": row["metrics"]["is_std"]} if "is_std" in row["metrics"] else {})
        ),
        "history": [
            _digits({"kimg": one["kimg"], "hours": one["hours"]} | one["metrics"])
            for one in row.get("history") or []
        ],
        "hardware": f"{training['world_size'] or '?'}x {or_unknown(training['hardware'])}",
        "hours": training["hours"] and _digit(training["hours"]),
        "commit": row["software"]["commit"][:8] + ("+changes" if row["software"]["dirty"] else ""),
        "date": row["date"][:10],
        "ema": "yes" if row["conditions"]["ema"] else "no",
        "absent": {name: texts.number(str(reason)) for name, reason in row["absent"].items()},
        "notes": {name: texts.number(str(note)) for name, note in _notes(row).items()},
        "note": row["data"]["note"],
        "settings": [settings.number(pair) for pair in _settings(row)],
        **{key: training[key] for key in ("kimg", "seed", "precision")},
        **picture,
        "file": row["file"],
    }


def _notes(row: dict) -> dict[str, str]:
    filled = {name: f"added on {about['date'][:10]}" for name, about in (row.get("filled") or {}).items()}
    return filled | (row.get("notes") or {})


def _settings(row: dict) -> list[list[str]]:
    """All that two rows may differ in beside their numbers, as [dotted name, value]."""
    config = row["config"] or {}
    config = config if config.keys() <= {"model", "data"} else {"model": config}  # as rows of old have it
    parts = config | {key: row[key] for key in ("conditions", "training", "software")}
    flat = _flat(parts, "") | {"data.fingerprint": row["data"]["fingerprint"][:12]}
    wall_clock = {"training.hours", "training.nimg"}  # of those kimg speaks, and the facts
    return [[name, value] for name, value in sorted(flat.items()) if name not in wall_clock]


def _flat(value: dict, prefix: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.") if isinstance(item, dict) else {f"{prefix}{key}": str(item)}
    return flat


def _beside(row: dict, published: list[dict[str, str]]) -> dict[str, str] | None:
    """The best number that the row's paper publishes for this data, and under which protocol."""
    same = [
        number
        for number in published
        if (number["paper"], number["dataset"], int(number["resolution"]))
        == (row["paper"], set_of(row), row["data"]["resolution"])
    ]
    if row.get("imported"):
        same = [number for number in same if number["source_note"].startswith(RELEASED)] or same
    found = best_model(same)
    return found and {"model": found[0], "protocol": found[1], "values": found[2]}


def sheet(row: dict, results_dir: Path | None) -> dict[str, Any]:
    """The row's picture, if it lies in the folder of results: `samples`, its name, and `cells`, its columns, its
    rows and a cell's side in pixels, or null where its size does not tell them; `nearest`, the sheet of samples
    beside their nearest training images."""
    name = row["samples"]
    if not name or results_dir is None or not _inside(name) or not (results_dir / name).is_file():
        return {"samples": None, "cells": None, "nearest": None}
    nearest = f"{name.removesuffix('.png')}-nearest.png" if row.get("nearest") else None
    side = row["data"]["resolution"]
    side *= max(1, 96 // max(side, 1))  # as zoo.pictures.grids enlarges small images
    try:
        with Image.open(results_dir / name) as picture:
            columns, rows = ((length - 2) / (side + 2) for length in picture.size)
    except (OSError, ValueError):
        return {"samples": name, "cells": None, "nearest": nearest}
    whole = columns == int(columns) >= 1 and rows == int(rows) >= 1
    cells = [int(columns), int(rows), side] if whole else None
    return {"samples": name, "cells": cells, "nearest": nearest}


def _inside(name: str) -> bool:
    """Whether a name is a file's below the folder of results, not another place's or a script's."""
    path = PurePosixPath(name)
    return not (
        path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name) or "\\" in name
    )


def _theirs(published: list[dict[str, str]]) -> list[dict]:
    models: dict[tuple[str, ...], dict] = {}
    for number in published:
        key = ("paper", "dataset", "resolution", "model", "protocol", "table", "source_note", "verified")
        about = {name: number[name] for name in key}
        entry = models.setdefault(
            tuple(about.values()),
            about
            | {"set": f"{number['dataset']}, {number['resolution']} px", "note": number["source_note"]}
            | {"metrics": {}, "spread": {}},
        )
        entry["metrics"][number["metric"]] = float(number["value"])
        if number["std"]:
            entry["spread"][number["metric"]] = float(number["std"])
    return sorted(models.values(), key=lambda entry: merit(entry["metrics"]))


def sections(results_dir: Path) -> list[dict]:
    """Rows that are measured in returns or on points: title, about, tables of [heading, head, lines], curves."""
    found = []
    if tasks := imitation.tables(results_dir):
        curves = imitation.curves(results_dir)
        found.append(
            {"id": "imitation", "title": "Imitation learning", "about": imitation.ABOUT.strip()}
            | {"tables": tasks, "curves": curves}
        )
    if points := toys.read_toys(results_dir):
        found.append(
            {"id": "toys", "title": "Points of the plane", "about": toys.about(points)}
            | {"tables": toys.tables(points), "curves": []}
        )
    return found


def _digits(values: dict[str, float]) -> dict[str, float]:
    return {name: _digit(value) for name, value in values.items()}


def _digit(value: float) -> float:
    return float(f"{value:.6g}")
