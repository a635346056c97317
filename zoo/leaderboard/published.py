"""The papers' numbers: `published.csv`, and their tables."""

import csv
from collections import defaultdict
from pathlib import Path

from zoo.leaderboard.cells import as_table, cell
from zoo.leaderboard.ranking import QUOTED, merit, of_each_seed, ordered, title, value

COLUMNS = ["paper", "dataset", "resolution", "model", "metric", "value", "std"]
COLUMNS += ["protocol", "table", "source_note", "verified"]

#: what a paper measures that is no distance, as rows have it
MEASURES = {"bigan": "accuracy_1nn", "cgan": "parzen_ll", "ctgan_ssl": "test_error"}


def published_file(results_dir: Path) -> Path:
    """The folder's own published.csv, or the one of an installed package."""
    own = results_dir / "published.csv"
    return own if own.is_file() else Path(__file__).parents[1] / "published" / "published.csv"


def read_published(path: str | Path) -> list[dict[str, str]]:
    """The published numbers, one dictionary of strings a number; none if there is no such file.

    Raises:
        ValueError: naming the line that lacks a column or whose numbers are none.
    """
    path = Path(path)
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"the columns of {path} must be {','.join(COLUMNS)}")
        numbers = []
        for number in reader:
            where = f"{path} line {reader.line_num}"
            if None in number or None in number.values():
                raise ValueError(f"{where} has not {len(COLUMNS)} columns; quote what holds a comma")
            try:
                float(number["value"]), float(number["std"] or 0), int(number["resolution"])
            except ValueError as error:
                raise ValueError(f"{where}: value, std and resolution must be numbers ({error})") from error
            if number["verified"] not in ("yes", "no"):
                raise ValueError(f"{where}: verified is yes or no, not {number['verified']!r}")
            numbers.append(number)
    return numbers


def own_measure(rows: list[dict], numbers: list[dict[str, str]]) -> str:
    """What the rows' paper measures if that is no distance, the mean over training seeds; empty where the rows lack
    it, or the paper's `numbers` of the data."""
    name = MEASURES.get(rows[-1]["paper"], "")
    if name not in {number["metric"] for number in numbers}:
        return ""
    found = [_errors(row["metrics"]).get(name) for row in of_each_seed(rows)]
    there = [number for number in found if number is not None]
    return f"{title(name)} {value(name, sum(there) / len(there), None)}" if there else ""


def _errors(metrics: dict) -> dict:
    """With the error that papers tell where rows have what is right."""
    right = metrics.get("test_accuracy")
    return metrics if right is None else metrics | {"test_error": 100 - right}


def best_model(numbers: list[dict[str, str]]) -> tuple[str, str, str] | None:
    """The best model of these numbers, checked ones first, by the metric that counts most.

    Reals are no model, and numbers that a paper quotes of its rivals are not the paper's.

    Returns:
        the model, its protocol, and its numbers in words; None without a model.
    """
    models: dict[tuple[str, str], dict[str, dict]] = defaultdict(dict)
    own = [number for number in numbers if number["model"] != "real data" and QUOTED not in number["source_note"]]
    checked = [number for number in own if number["verified"] == "yes"]
    for number in checked or own:
        models[number["model"], number["protocol"]][number["metric"]] = number
    if not models:
        return None
    (model, protocol), best = min(
        models.items(), key=lambda item: merit({name: float(n["value"]) for name, n in item[1].items()})
    )
    values = ", ".join(
        f"{title(name)} {best[name]['value']}" + (f" ± {best[name]['std']}" if best[name]["std"] else "")
        for name in ordered(set(best))
    )
    return model, protocol, values


def best_published(numbers: list[dict[str, str]]) -> str:
    """`best_model` in a cell."""
    found = best_model(numbers)
    return "none" if found is None else f"{found[2]}: {found[0]} ({found[1]})"


def published_table(numbers: list[dict[str, str]]) -> str:
    models: dict[tuple[str, ...], dict[str, dict[str, str]]] = defaultdict(dict)
    for number in numbers:
        key = tuple(number[column] for column in ("paper", "model", "protocol", "table", "source_note", "verified"))
        if number["metric"] in models[key]:
            raise ValueError(f"published.csv gives {number['metric']} of {number['model']} twice")
        models[key][number["metric"]] = number
    names = ordered({number["metric"] for number in numbers})

    def order(item: tuple) -> tuple:
        (paper, model, *_), values = item
        return paper, merit({name: float(number["value"]) for name, number in values.items()}), model

    protocols = sorted({number["protocol"] for number in numbers})
    table = []
    for (paper, model, protocol, source, note, verified), values in sorted(models.items(), key=order):
        cells = []
        for name in names:
            number = values.get(name)
            spread = f" ± {number['std']}" if number and number["std"] else ""
            cells.append(number["value"] + spread if number else "")
        table.append([paper, model, *cells, f"({protocols.index(protocol) + 1})", source, note, verified])
    head = ["paper", "model", *(f"published {title(name)}" for name in names)]
    head += ["protocol", "table", "note", "read at that source"]
    notes = "".join(f"\nProtocol ({k}): {cell(protocol)}\n" for k, protocol in enumerate(protocols, 1))
    return as_table(head, table) + notes
