"""One JSON file per finished evaluation: the numbers, and everything needed to judge and repeat them.

Parallel runs never lose or overwrite a row, since every row is a file of its own.
"""

import json
import platform
import subprocess
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from zoo.data.whole import write_whole
from zoo.leaderboard.naming import file_for, slug
from zoo.leaderboard.schema import FIELDS, check_details

SCHEMA = 1


def make_row(
    paper: str,
    recipe: str,
    data: Any,
    result: dict,
    training: dict,
    config: dict | None = None,
    software: dict | None = None,
) -> dict:
    """The row of one evaluation.

    Args:
        paper: the paper's short name, which is its folder in `results/`.
        recipe: name of the recipe.
        data: the data module that was scored against.
        result: what `evaluate.evaluate` returned.
        training: any of nimg, kimg, seed, precision, batch_size, steps, hours (of training alone), hardware,
            world_size; what is not known becomes null.
        config: the sections `model` and `data` of the run's configuration, or null.
        software: `versions()` as taken at the start of a run, before the checkout could change; default now's.
    """
    known = dict.fromkeys(FIELDS["training"]) | training
    if known["kimg"] is None and known["nimg"] is not None:
        known["kimg"] = known["nimg"] / 1000
    resolution = getattr(data, "resolution", None)
    return {
        "schema": SCHEMA,
        "paper": paper,
        "recipe": recipe,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "pictures": getattr(data, "pictures", data.fingerprint),
            "n_images": len(data),
            "resolution": resolution or data.images(torch.tensor([0])).shape[-1],
            "n_classes": data.n_classes,
            "note": getattr(data, "note", ""),
        },
        "metrics": result["metrics"],
        "absent": result["absent"],
        "notes": result.get("notes", {}),
        "spread": result.get("spread", {}),
        "classes": {m: {str(c): x for c, x in each.items()} for m, each in result.get("classes", {}).items()},
        "conditions": result["conditions"],
        "training": known,
        "software": software or versions(),
        "samples": None,
        "config": None if config is None else json.loads(json.dumps(config, default=str)),
    }


def check_writable(results_dir: Path) -> None:
    """Find out before training whether rows can be written to a folder that need not exist yet.

    Raises:
        ValueError: if they cannot.
    """
    folder = results_dir.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):  # rights alone do not tell: root may, /proc may not
            pass
    except OSError as error:
        raise ValueError(
            f"no results row can be written to {results_dir} ({error.strerror}): choose another results_dir, or "
            "null for none"
        ) from error


def write_row(
    row: dict, results_dir: str | Path, draw: Callable[[Path], None] | None = None, token: str | None = None
) -> Path:
    """Write `row` to `<results_dir>/<paper>/<recipe>-<time>-<random>.json`, complete or not at all.

    Args:
        row: see `make_row`.
        draw: writes a picture of samples to the path it is given, beside the row, which names it.
        token: eight digits of `token_of` for a row that is written once; None makes another file every time.

    Returns:
        The file's path.

    Raises:
        ValueError: if the row lacks something, or holds a number that is not finite.
    """
    validate(row, "the row")
    results_dir = Path(results_dir)
    path = file_for(results_dir / slug(row["paper"]), slug(row["recipe"]), token)
    if draw is not None:
        picture = path.with_suffix(".png")
        draw(picture)  # may add to the row
        row = row | {"samples": picture.relative_to(results_dir).as_posix()}
    write_whole(path, json.dumps(row, indent=2, allow_nan=False) + "\n")
    return path


def read_rows(results_dir: str | Path) -> list[tuple[Path, dict]]:
    """All rows of images under `results_dir` with their files, in the order of the files' names.

    Those of imitation learning are of another kind: `zoo.leaderboard.imitation`.

    Raises:
        ValueError: naming the first file that is not a row of this schema.
    """
    found = sorted(Path(results_dir).glob("*/*.json"))
    rows = [(path, read_row(path)) for path in found if path.parent.name != "imitation"]
    told = {row["data"]["fingerprint"]: row["data"]["pictures"] for _, row in rows if "pictures" in row["data"]}
    for _, row in rows:  # the same files with the same labels are the same pictures
        if row["data"]["fingerprint"] in told:
            row["data"].setdefault("pictures", told[row["data"]["fingerprint"]])
    return rows


def read_row(path: Path) -> dict:
    """One row.

    Raises:
        ValueError: if the file is not a row of this schema.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); repair or remove it") from error
    validate(row, str(path))
    return row


def recipe_of(path: Path) -> str:
    """The recipe that a row of any kind is of.

    Raises:
        ValueError: naming the file, if it is no row.
    """
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))["recipe"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no results row, or it is damaged ({error!r}): repair or remove it") from error
    return str(recipe)


def validate(row: Any, where: str) -> None:
    """Check `row` against the schema.

    Raises:
        ValueError: naming `where` and the first thing that is wrong.
    """
    if not isinstance(row, dict) or row.get("schema") != SCHEMA:
        raise ValueError(f"{where} is not a results row of schema {SCHEMA}")
    for section, fields in FIELDS.items():
        values = row[section] if section else row
        for field, types in fields.items():
            name = f"{section}.{field}".lstrip(".")
            if field not in values:
                raise ValueError(f"{where} lacks {name}")
            value = values[field]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise ValueError(f"{where}: {name} is {value!r}, not {' or '.join(t.__name__ for t in types)}")
    for field, kind in {"classes": dict, "filled": dict, "run": str}.items():
        if not isinstance(row.get(field), kind | None):
            raise ValueError(f"{where}: {field} is {row[field]!r}, not {kind.__name__}")
    for name, value in row["metrics"].items():
        finite = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
        if not finite:
            raise ValueError(f"{where}: the metric {name} is {value!r}, not a finite number")
    check_details(row, where)


def versions() -> dict[str, Any]:
    """Versions of what computed the numbers; `commit` is `unknown` and `dirty` null outside a checkout."""
    commit, dirty = _commit()
    return {
        "zoo": _version("gan-zoo"),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": _version("lightning"),
        "torchmetrics": _version("torchmetrics"),
        "torch_fidelity": _version("torch-fidelity"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _commit() -> tuple[str, bool | None]:
    """Commit of the checkout this package lies in, and whether its code or recipes differ from it."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        # an installed package may lie inside somebody else's repository: only our own root counts
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return "unknown", None
        changed = git("status", "--porcelain", "--", "zoo", "reproductions", "pyproject.toml")
        return git("rev-parse", "HEAD"), bool(changed)
    except (OSError, subprocess.SubprocessError):
        return "unknown", None
