"""Rows as one CSV."""

import csv
import io
from typing import Any


def as_csv(rows: list[dict]) -> str:
    """One line a row, nested fields by dotted names; the model's arguments stay in the JSON."""
    flat = [
        flattened({key: value for key, value in row.items() if key not in ("config", "history")}) for row in rows
    ]
    columns = ["file", "paper", "recipe", "date"]
    columns += sorted({name for line in flat for name in line} - set(columns))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()


def flattened(value: dict, prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, item in value.items():
        flat |= flattened(item, f"{prefix}{key}.") if isinstance(item, dict) else {prefix + key: item}
    return flat
