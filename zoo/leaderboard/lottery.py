"""How far seeds alone move each distance: a table in `zoo/evaluation/README.md`, made of the rows."""

from collections import defaultdict
from pathlib import Path
from statistics import quantiles

from zoo.leaderboard.cells import as_table
from zoo.leaderboard.marked import marked
from zoo.leaderboard.ranking import heading_of, is_distance, is_floor, of_each_seed, ordered, speaking

PAGE = Path("zoo", "evaluation", "README.md")
NAME = "lottery"
LEAST = 10  # recipes, below which quantiles say nothing


def files(results_dir: Path, rows: list[dict]) -> dict[Path, str]:
    """The page beside the results folder with the table of `rows`; nothing if it has no place for one."""
    return marked(results_dir.absolute().parent / PAGE, NAME, f"\n{table(rows)}\n")


def factors(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Distance -> paper/recipe -> the largest over the smallest value among the rows that speak for each seed."""
    recipes = defaultdict(list)
    for row in sorted(rows, key=speaking):
        if not is_floor(row) and not row.get("imported"):
            recipes[f"{row['paper']}/{row['recipe']}"].append(row)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for recipe, some in recipes.items():
        seeds = of_each_seed(some)
        for name in filter(is_distance, set.intersection(*(set(row["metrics"]) for row in seeds))):
            values = [row["metrics"][name] for row in seeds]
            if len(values) > 1 and min(values) > 0:
                found[name][recipe] = max(values) / min(values)
    return found


def table(rows: list[dict]) -> str:
    """A line a distance that enough recipes have with two training seeds or more, or a word that there is none."""
    found = {name: by for name, by in factors(rows).items() if len(by) >= LEAST}
    head = ["distance", "recipes", "half of them below", "nine in ten below", "at most", "where"]
    lines = []
    for name in ordered(set(found)):
        tenths = quantiles(found[name].values(), n=10, method="inclusive")
        most = max(found[name], key=lambda recipe: found[name][recipe])
        numbers = (tenths[4], tenths[8], found[name][most])
        lines.append([heading_of(name), len(found[name]), *(f"{number:.2f}x" for number in numbers), f"`{most}`"])
    return as_table(head, lines) if lines else f"No distance has {LEAST} recipes of two seeds yet.\n"
