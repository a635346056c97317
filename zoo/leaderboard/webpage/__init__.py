"""`results/index.html`: the leaderboard as one page that opens without a network.

Tables are by Tabulator and curves by Chart.js, both embedded with their licences (`vendor`); `page.js` is ours.
"""

import json
from pathlib import Path

from zoo.leaderboard.ranking import (
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

_HERE = Path(__file__).parent
_VENDOR = _HERE / "vendor"


def page(rows: list[dict], published: list[dict[str, str]]) -> str:
    """The page; the same rows always give the same text.

    Args:
        rows: our results with the name of their `file`.
        published: the papers' numbers, lines of published.csv.
    """
    data = _data(rows, published)
    # inside a script element only "</" could end it early
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).replace("</", "<\\/")
    parts = {
        "LICENCES": "\n".join(_read(path).replace("--", "- -") for path in sorted(_VENDOR.glob("*.LICENSE"))),
        "STYLES": _read(_VENDOR / "tabulator.min.css") + _read(_HERE / "page.css"),
        "DATA": text,
        "SCRIPTS": "".join(
            f"<script>{_read(path)}</script>\n"
            for path in (_VENDOR / "chart.umd.min.js", _VENDOR / "tabulator.min.js", _HERE / "page.js")
        ),
    }
    out = _read(_HERE / "page.html")
    for name, value in parts.items():
        before, after = out.split(f"@{name}@")
        out = before + value + after
    return out


def _read(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "# sourceMappingURL=" not in line[:40]) + "\n"


def _data(rows: list[dict], published: list[dict[str, str]]) -> dict[str, list]:
    """The rows without what only a repetition needs, numbers to six digits."""
    ours = [
        {
            "paper": row["paper"],
            "recipe": row["recipe"],
            "set": f"{set_of(row)}, {row['data']['resolution']} px",
            "dataset": row["data"]["name"],
            "resolution": row["data"]["resolution"],
            "protocol": row["conditions"]["protocol"],
            "measured": f"{measured(row)}; {' + '.join(sorted(row['conditions']['extractors'])) or 'no extractor'}"
            f"; bytes by {row['conditions']['rounding']}",
            "metrics": _digits({k: v for k, v in row["metrics"].items() if k != "is_std"}),
            "spread": _digits(
                (row.get("spread") or {})
                | ({"is_mean": row["metrics"]["is_std"]} if "is_std" in row["metrics"] else {})
            ),
            "floor": _digits(times_the_floor(row, rows)),
            "history": [
                _digits({"kimg": one["kimg"], "hours": one["hours"]} | one["metrics"])
                for one in row.get("history") or []
            ],
            "hardware": f"{row['training']['world_size'] or '?'}x {or_unknown(row['training']['hardware'])}",
            "hours": row["training"]["hours"] and _digit(row["training"]["hours"]),
            "commit": row["software"]["commit"][:8] + ("+changes" if row["software"]["dirty"] else ""),
            "date": row["date"][:10],
            "ema": "yes" if row["conditions"]["ema"] else "no",
            "absent": row["absent"],
            "notes": {n: f"added on {f['date'][:10]}" for n, f in (row.get("filled") or {}).items()}
            | (row.get("notes") or {}),
            "note": row["data"]["note"],
            **{key: row["training"][key] for key in ("kimg", "seed", "precision")},
            **{key: row[key] for key in ("file", "samples")},
        }
        for row in sorted(rows, key=lambda row: (comparable(row), merit(row["metrics"]), row["file"]))
    ]
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
    names = ordered({name for row in ours + list(models.values()) for name in row["metrics"]})
    titles = [
        {"name": n, "title": heading_of(n), "higher": higher(n), "column": in_tables(n)}
        for n in sorted(names, key=rank)
    ]
    theirs = sorted(models.values(), key=lambda entry: merit(entry["metrics"]))
    return {"rows": ours, "published": theirs, "titles": titles}


def _is_spread(row: dict) -> dict[str, float]:
    return {"is_mean": row["metrics"]["is_std"]} if "is_std" in row["metrics"] else {}


def _digits(values: dict[str, float]) -> dict[str, float]:
    return {name: _digit(value) for name, value in values.items()}


def _digit(value: float) -> float:
    return float(f"{value:.6g}")
