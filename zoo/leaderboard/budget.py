"""README's table of all methods under one budget: the rows of `zoo suite reproductions/suites/same-budget.yaml`."""

import statistics
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from zoo.leaderboard.cells import as_table
from zoo.leaderboard.marked import marked
from zoo.leaderboard.ranking import (
    comparable,
    half_width,
    is_floor,
    leading,
    merit,
    of_each_seed,
    set_of,
    times_the_floor,
    title,
    value,
)
from zoo.leaderboard.rows import read_rows
from zoo.pictures.grids import save_picture

RECIPE = "same-budget"
NAME = 130  # px of the picture for a method's name
#: beside the leading distance, those of them that the rows have
METRICS = ("fd_random", "fwd-1")


def files(results_dir: Path, rows: list[dict]) -> dict[Path, str]:
    """The README beside the results folder with the table of `rows`; nothing if it has no place for one."""
    return marked(results_dir.absolute().parent / "README.md", RECIPE, section(rows))


def draw(results_dir: Path, n: int = 12, side: int = 64) -> list[Path]:
    """`same-budget.png`: `n` samples of each method, first seed, in the order of the table, from along the diagonal
    of its sheet; nothing without rows."""
    first = [method[0] for method in ranked([row for _, row in read_rows(results_dir)]) if method[0]["samples"]]
    if not first:
        return []
    picture = Image.new("RGB", (NAME + n * (side + 2), len(first) * (side + 2)), "white")
    for y, row in enumerate(first):
        text = ImageDraw.Draw(picture)
        text.text((6, y * (side + 2) + side // 3), f"{y + 1}  {row['paper']}", "black", ImageFont.load_default(16))
        for x, cell in enumerate(_diagonal(results_dir / row["samples"], n, row["data"]["resolution"])):
            enlarged = cell.resize((side, side), Image.Resampling.NEAREST)
            picture.paste(enlarged, (NAME + x * (side + 2), y * (side + 2)))
    path = results_dir / f"{RECIPE}.png"
    save_picture(picture, path)
    return [path]


def _diagonal(path: Path, n: int, resolution: int) -> list[Image.Image]:
    """`n` cells of a sheet at their own size, along its diagonal so that where rows are classes each has one."""
    sheet = Image.open(path).convert("RGB")
    pitch = max(1, 96 // resolution) * resolution + 2  # as `save_grid` draws them
    columns, rows = (length // pitch for length in sheet.size)
    corners = [(i % columns * pitch + 2, (i + i // columns) % rows * pitch + 2) for i in range(n)]
    return [
        sheet.crop((x, y, x + pitch - 2, y + pitch - 2)).resize(2 * [resolution], Image.Resampling.NEAREST)
        for x, y in corners
    ]


def section(rows: list[dict]) -> str:
    """What the budget was, and the table, best mean first; a word in its place where there are no rows."""
    methods = ranked(rows)
    if not methods:
        return f"\nNo rows of `{RECIPE}` yet.\n\n"
    runs = [row for method in methods for row in method]
    shown = sorted(round(row["training"]["kimg"], 1) for row in runs)
    kimg = dict.fromkeys((f"{shown[0]:g}", f"{shown[-1]:g}"))  # several D steps to one of G may end behind it
    seeds = sorted({len(method) for method in methods})
    about = (
        f"{len(methods)} methods on {set_of(runs[0])} at {runs[0]['data']['resolution']} px, "
        f"{' to '.join(kimg)} thousand images shown, {' to '.join(map(str, seeds))} seeds each, "
        f"{runs[0]['conditions']['n_fake']:,} samples against {runs[0]['conditions']['n_real']:,} images. "
        "Numbers are means over seeds, best first; in brackets the multiple of what other real images score in the "
        "same way. "
        "*No difference*: half the ranges of the two methods' seeds reach over the gap."
    )
    return f"\n{about}\n\n{table(methods, rows)}\n"


def ranked(rows: list[dict]) -> list[list[dict]]:
    """The newest row of each seed of each method, the best mean of the leading metric first; of rows that were
    measured in different ways those that most methods have."""
    alike = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["date"]):
        if row["recipe"] == RECIPE and not is_floor(row):
            alike[comparable(row)].append(row)
    papers = defaultdict(list)
    for row in max(alike.values(), key=lambda some: len({row["paper"] for row in some}), default=[]):
        papers[row["paper"]].append(row)
    methods = [sorted(of_each_seed(some), key=lambda row: row["training"]["seed"]) for some in papers.values()]
    return sorted(methods, key=lambda method: (merit(_means(method)), method[0]["paper"]))


def table(methods: list[list[dict]], rows: list[dict]) -> str:
    """A line a method; floors are looked for among `rows`."""
    first = leading(_means(methods[0])) or METRICS[0]
    shown = [name for name in METRICS if name != first and any(name in _means(method) for method in methods)]
    head = [
        "#",
        "method",
        title(first),
        "seeds apart by",
        *map(title, shown),
        "minutes of a core",
        "against the line above",
    ]
    lines = []
    for place, method in enumerate(methods, 1):
        means, paper = _means(method), method[0]["paper"]
        times = [times_the_floor(row, rows).get(first) for row in method]
        floor = f" ({statistics.mean(filter(None, times)):.3g}x)" if all(times) else ""
        values = [row["metrics"][first] for row in method]
        hours = [row["training"]["hours"] for row in method if row["training"]["hours"] is not None]
        lines.append(
            [
                place,
                f"[{paper}](reproductions/{paper}/{RECIPE}.yaml)",
                value(first, means.get(first), None) + floor,
                f"{max(values) - min(values):.3g}" if len(values) > 1 else "one seed",
                *(value(name, means.get(name), None) for name in shown),
                f"{60 * statistics.mean(hours):.1f}" if hours else "unknown",
                _against(method, methods[place - 2], first) if place > 1 else "",
            ]
        )
    return as_table(head, lines)


def _against(method: list[dict], better: list[dict], name: str) -> str:
    """Whether the spreads of the seeds of two methods overlap."""
    widths = [half_width(some[-1], some) for some in (method, better)]
    if None in widths:
        return "unknown: one seed"
    near = _means(method)[name] - _means(better)[name] <= sum(w for w in widths if w is not None)
    return "no difference" if near else "worse"


def _means(method: list[dict]) -> dict[str, float]:
    """The mean over a method's rows of each metric that all have."""
    names = set.intersection(*(set(row["metrics"]) for row in method))
    return {name: statistics.mean(row["metrics"][name] for row in method) for name in names}
