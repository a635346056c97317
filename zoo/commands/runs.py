"""Many runs at once."""

from pathlib import Path


def suite(
    plan: Path,
    jobs: int = 1,
    results: Path = Path("results"),
    runs: Path = Path("runs"),
    leaderboard: bool = True,
    dry_run: bool = False,
) -> None:
    """Train and score what a plan names and the results lack; interrupted runs go on where they stopped.

    Args:
        plan: YAML with a list of recipes, such as reproductions/suites/cpu.yaml.
        jobs: Runs at a time, one thread each.
        results: Folder of the rows.
        runs: Folder of the runs.
        leaderboard: Render the leaderboard anew after every row.
        dry_run: Only say what is left and how long it takes.
    """
    from zoo.training import suite as training

    if dry_run:
        planned = training.read_plan(plan, runs)
        left, lines, hours = training.outlook(planned, training.known_rows(results))
        print("\n".join([*lines, f"{len(left)} of {len(planned)} runs left, about {hours:.1f} hours of one core"]))
        return
    if failed := training.suite(plan, jobs, results, runs, leaderboard):
        raise ValueError(f"{', '.join(failed)} failed: their logs in {runs} say why; the same command tries again")
