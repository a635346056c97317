"""Trainings: one, or many by a plan."""

from pathlib import Path

from zoo.options.ranges import Processes


def train(paper: str, recipe: str = "paper", options: list[str] | None = None) -> None:
    """Train a paper by one of its recipes: `zoo train sngan tiny --model.lr 1e-4`.

    The same as `python reproductions/sngan.py --config reproductions/sngan/tiny.yaml --model.lr 1e-4`, without a
    checkout. `zoo train sngan tiny --print_config` shows every option.

    Args:
        paper: Its name in the zoo.
        recipe: Its recipe's name, or a YAML file of your own.
        options: Everything that the paper's script takes.
    """
    import runpy
    import sys

    from zoo.training.recipes import script_and_recipe

    script, file = script_and_recipe(paper, recipe)
    config = [] if recipe == "paper" else ["--config", str(file)]
    sys.argv = [str(script), *config, *(options or [])]  # processes of other devices are started by it
    runpy.run_path(str(script), run_name="__main__")


def suite(
    plan: Path,
    jobs: Processes = 1,
    results: Path = Path("results"),
    runs: Path = Path("runs"),
    leaderboard: bool = True,
    only: str = "",
    dry_run: bool = False,
) -> None:
    """Train and score what a plan names and the results lack; interrupted runs go on where they stopped.

    Args:
        plan: YAML with a list of recipes, such as reproductions/suites/cpu.yaml.
        jobs: Runs at a time, one thread each.
        results: Folder of the rows.
        runs: Folder of the runs.
        leaderboard: Render the leaderboard anew after every row.
        only: Leave out runs whose name, such as "sngan/tiny seed 0", does not hold this.
        dry_run: Only say what is left and how long it takes.
    """
    from zoo.leaderboard.marked import check_pages
    from zoo.training import suite as training

    if leaderboard and not dry_run:
        check_pages(results)
    if failed := training.suite(plan, jobs, results, runs, leaderboard, only, dry_run):
        raise ValueError(f"{', '.join(failed)} failed: their logs in {runs} say why; the same command tries again")
