"""The truncation curve: variety against fidelity as the bound on z falls (Brock et al. 2019).

`zoo evaluate CKPT --truncation 0.05:1.0:20` scores the same model at twenty bounds; each is a whole evaluation.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.whole import replacing
from zoo.pictures.plots import check_figure, new_figure, save_figure
from zoo.training.evaluate import Evaluate

MOST = 1000  # points of a curve


def bounds(text: str) -> list[float]:
    """`first:last:n` as n equally spaced bounds, such as 0.05:1.0:20.

    Raises:
        ValueError: for another form, or bounds that are not positive.
    """
    try:
        first, last, n = text.split(":")
        if not 0 < int(n) <= MOST:
            raise ValueError
        values = np.linspace(float(first), float(last), int(n)).tolist()
    except ValueError as error:
        raise ValueError(
            f"--truncation takes one bound such as 0.5, or first:last:number such as 0.05:1.0:20, not {text!r}"
        ) from error
    if len(values) > 1 and not values[0] < values[-1]:
        raise ValueError(f"--truncation {text} does not rise: write it from the least bound to the greatest")
    if not values or not 0 < min(values) <= max(values) < float("inf"):
        raise ValueError(f"bounds of the truncation must be positive, and there must be one: {text}")
    return [round(value, 10) for value in values]


def best(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Rows of the least distance and of the greatest Inception Score, by what they are best at.

    `fid` and `is_mean` if Inception was there, else the least of the first distance `fd_...` there is.
    """
    names = list(dict.fromkeys(k for row in rows for k in row))
    distances = [k for k in names if k == "fid"] or [k for k in names if k.startswith("fd_")]
    found = {}
    if distances:
        found[distances[0]] = min((r for r in rows if distances[0] in r), key=lambda r: r[distances[0]])
    if "is_mean" in names:
        found["is_mean"] = max((r for r in rows if "is_mean" in r), key=lambda r: r["is_mean"])
    return found


def curve(gan: Any, data: Any, options: dict, values: list[float], config: dict, run: str, out: Path) -> list[dict]:
    """Score at every bound; write `out`.csv, `out`.png and a results row for each best point.

    Args:
        options: of `Evaluate`, without `truncation`; `results_dir` None writes no rows.
        values: the bounds on |z|.
        config, run: as `Evaluate` has them.
        out: path of the two files, without an ending.

    Returns:
        the lines of the CSV: truncation and every metric.

    Raises:
        ValueError: before anything is scored, if `out`.csv is there already.
    """
    check_figure(Path(f"{out}.png"), "the truncation curve")
    if Path(f"{out}.csv").exists():  # it does not say under which conditions, which may be others
        raise ValueError(f"{out}.csv holds an earlier truncation curve, which would be lost: move it away")
    built, callbacks, results, rows = None, {}, {}, []
    for value in values:
        one = Evaluate(**options | {"truncation": value})
        one._built, one.config, one.run = built, config, run
        print(f"truncation {value:g}: ", end="", flush=True)
        result = one.score(gan, data, extras=False)
        built = one._built
        callbacks[value], results[value] = one, result
        rows.append({"truncation": value, **result["metrics"]})
    names = list(dict.fromkeys(k for row in rows for k in row))
    out.parent.mkdir(parents=True, exist_ok=True)
    table, picture = Path(f"{out}.csv"), Path(f"{out}.png")
    with replacing(table) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    about = draw(rows, picture, f"{type(gan).__name__}, {data.name}, {gan.nimg / 1000:g} kimg")
    print(f"{table}, {picture}: {about}")
    points = best(rows)
    for name, row in points.items():
        print(f"best {name}: {row[name]:.4g} at truncation {row['truncation']:g}")
    for value in dict.fromkeys(row["truncation"] for row in points.values()):
        if options.get("results_dir"):
            callbacks[value].write(gan, data, results[value])
    return rows


def draw(rows: list[dict[str, float]], path: Path, title: str) -> str:
    """FID against IS with the bounds beside the points, as the paper draws it.

    Without Inception: the distance there is against the bound, and precision and recall on an axis of their own.

    Returns a sentence that says which.
    """
    points = best(rows)
    figure = new_figure(6, 4.5)
    axes = figure.subplots()
    t = [row["truncation"] for row in rows]
    if {"fid", "is_mean"} <= set(points):
        x, y = [row.get("is_mean") for row in rows], [row.get("fid") for row in rows]
        axes.plot(x, y, "o-")
        for a, b, value in zip(x, y, t, strict=True):
            axes.annotate(f"{value:g}", (a, b), fontsize=7, xytext=(3, 3), textcoords="offset points")
        axes.set(xlabel="Inception Score", ylabel="FID", title=title)
        about = "FID against Inception Score"
    else:
        name = next(iter(points), None)
        about = f"no Inception weights, so no FID and no IS: {name or 'no metric'} against the bound on z"
        axes.set(xlabel="truncation: bound on |z|", ylabel=name or "", title=title)
        axes.set_xlim(0, max(t) * 1.03)
        if name:
            axes.plot(t, [row.get(name) for row in rows], "ko-", label=name)
            shares = {k: f"{k}_{name.removeprefix('fd_')}" for k in ("precision", "recall")}
            shares = {k: n for k, n in shares.items() if all(n in row for row in rows)}
            other = axes.twinx() if shares else None
            for column, style in zip(shares.values(), ("C0^--", "C1v--"), strict=False):
                other.plot(t, [row[column] for row in rows], style, markersize=4, label=column)
            if other:
                other.set(ylabel=" and ".join(shares), ylim=(0, 1))
                axes.legend(handles=[*axes.lines, *other.lines], fontsize=8, loc="best")
    axes.grid(alpha=0.3)
    save_figure(figure, path)
    return about
