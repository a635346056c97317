"""Many runs by one plan: `zoo suite PLAN` trains what has no row yet, goes on where it was stopped, and scores it.

A plan is YAML with the list `runs`, in order of worth: `recipe: stylegan/lfw-cpu`, `seeds: [0, 1]`, and perhaps
`over: [mnist]` for an overlay (recipes that are read before it), `options: {model.total_kimg: 100}` and `hours: 3`,
which one run takes of one core as far as anybody knows. A run is done when the results hold a row of its
recipe and seed at its full length, of the same model, images, precision and ancestor, scored under the same
conditions; so a recipe that was changed is run again, beside what its run was (only scored again where that is
still there and nothing but the evaluation was changed), and rows survive a lost folder of runs. Extras do not
count: `zoo leaderboard --fill` adds them.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two suites at once are not noticed there
    fcntl = None

from zoo.leaderboard.render import render
from zoo.leaderboard.rows import read_rows
from zoo.options.folders import check_folder
from zoo.training.mistakes import sentence
from zoo.training.planned import Planned, agree
from zoo.training.plans import read_plan
from zoo.training.run import checkpoints, last_checkpoint


def outlook(planned: list[Planned], rows: list[dict]) -> tuple[list[Planned], list[str], float]:
    """What is left, a line about each run of the plan, and the hours of one core that the rest takes.

    Hours are those of the run so far, or of a row of the same settings, at the same pace, or the plan's; unknown
    where there is none of them, and then they count as nothing.
    """
    left, lines, hours = [], [], 0.0
    for one in planned:
        row = one.row(rows)
        if row is not None:
            spent = row["training"]["hours"]
            took = "" if spent is None else f" in {spent:.2f} h"
            lines.append(f"done      {one.name}: {row['training']['kimg']:g} kimg{took}")
            continue
        left.append(one)
        try:
            kimg, spent = one.progress()
        except ValueError as error:  # of one run: the others need not wait for its mend
            lines.append(f"damaged   {one.name}: {error}")
            continue
        pace = kimg / spent if spent else _pace(one, rows)
        state = f"{kimg:g} of {one.total_kimg:g} kimg"
        if kimg >= one.total_kimg:
            state += ", to be scored"
        elif pace:
            hours += (rest := (one.total_kimg - kimg) / pace)
            state += f", {rest:.1f} h left"
        lines.append(f"{'begun   ' if kimg else 'waiting '}  {one.name}: {state}")
    return left, lines, hours


def _pace(one: Planned, rows: list[dict]) -> float:
    for row in reversed(rows):
        t, model = row["training"], (row["config"] or {}).get("model") or {}
        same = agree({k: v for k, v in one.model.items() if k != "total_kimg"}, model)
        if (row["paper"], row["recipe"]) == (one.paper, one.recipe) and t["hours"] and same:
            return t["kimg"] / t["hours"]
    return one.total_kimg / one.hours if one.hours else 0.0


def suite(
    plan: Path,
    jobs: int = 1,
    results: Path = Path("results"),
    runs: Path = Path("runs"),
    leaderboard: bool = True,
    only: str = "",
    dry_run: bool = False,
) -> list[str]:
    """Train what is left of a plan, `jobs` runs at a time; the names of runs that failed.

    `only` leaves out runs whose name, such as `sngan/tiny seed 0`, does not hold it; `dry_run` trains nothing.

    A first SIGINT or SIGTERM is handed on: each run saves and stops, and the same command goes on exactly there.
    What another suite of the same plan's name trains at the time is left to it: a run belongs to its plan, whose
    name is in its folder's.

    Raises:
        FileNotFoundError, ValueError: for a plan that is none, damaged rows, or folders that cannot be written to.
        SystemExit: 130 or 143 after a signal.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    planned = read_plan(plan, runs, only)
    if not dry_run:
        check_folder("--results", results)
        check_folder("--runs", runs)
    left, lines, hours = outlook(planned, known_rows(results))
    print("\n".join(lines))
    print(f"{len(left)} of {len(planned)} runs left, about {hours:.1f} hours of one core", flush=True)
    failed: list[str] = []
    if dry_run:
        return failed
    running: dict[Planned, subprocess.Popen] = {}
    with _handing_on(running) as stopped:
        while running or (left and not stopped):
            while left and len(running) < jobs and not stopped:
                one = left.pop(0)
                try:
                    if process := _begin(one, results):
                        running[one] = process
                        if stopped:  # the signal came while this one began
                            process.terminate()
                except (OSError, ValueError) as error:
                    failed.append(one.name)
                    print(f"{one.name} cannot begin, the rest goes on: {sentence(error)}", flush=True)
            time.sleep(0.2)
            for one in [one for one, process in running.items() if process.poll() is not None]:
                if not _ended(one, running.pop(one).returncode, planned, results, leaderboard, bool(stopped)):
                    failed.append(one.name)
    if stopped:
        print("stopped; what ran is saved, and the same command goes on with it")
        raise SystemExit(128 + stopped[0])
    return failed


@contextlib.contextmanager
def _handing_on(running: dict[Planned, subprocess.Popen]) -> Iterator[list[int]]:
    """The signals that came, each handed on to what runs; an error in here stops that too, so that nothing trains
    on unseen."""
    stopped: list[int] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        for process in running.values():
            process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def known_rows(results: Path) -> list[dict]:
    """All rows of a results folder, which need not exist, oldest first."""
    rows = [row for _, row in read_rows(results)] if results.exists() else []
    return sorted(rows, key=lambda row: row["date"])


def _begin(one: Planned, results: Path) -> subprocess.Popen | None:
    """Starts a run; None for one that another suite trains, or has trained meanwhile.

    Raises:
        OSError, ValueError: if its log cannot be written, or its checkpoint not be read.
    """
    one.log.parent.mkdir(parents=True, exist_ok=True)
    with one.log.open("a") as log:
        try:
            if fcntl:  # held by the run itself, for as long as it lives, whatever becomes of this process
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{one.name} is trained by another suite now and left to it; its log is {one.log}", flush=True)
            return None
        except OSError:  # a file system without locks
            pass
        if one.row(known_rows(results)):
            print(f"{one.name} has its row by now", flush=True)
            return None
        command = one.command(results)
        others = checkpoints(one.base)
        beside = f" beside {others[0].parents[1]}, of other settings" if others and not one.last() else ""
        print(f"{time.strftime('%H:%M')} {one.name} begins{beside}; its log is {one.log}", flush=True)
        # a session of its own: Ctrl-C reaches it once, through `_handing_on`
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            # of the plan, and of no one job
            env={name: value for name, value in os.environ.items() if not name.startswith("SLURM_")},
            start_new_session=True,
        )


def _ended(
    one: Planned, code: int, planned: list[Planned], results: Path, leaderboard: bool, stopped: bool
) -> bool:
    """Say how a run has ended; False if it has failed."""
    try:
        rows = known_rows(results)
        if code == 0 and one.row(rows):
            print(f"{time.strftime('%H:%M')} {one.name} has its row; about {outlook(planned, rows)[2]:.1f} h left")
            if leaderboard:
                render(results)
            return True
    except (ValueError, OSError) as error:  # somebody's file in the results: no reason to stop training
        print(f"the leaderboard is not rendered: {sentence(error)}", flush=True)
        return code == 0
    if stopped:
        return True
    try:
        checkpoint = one.last()
    except ValueError:  # damaged
        checkpoint = last_checkpoint(one.base)
    anew = f" (to begin anew, move {checkpoint.parents[1]} away)" if checkpoint else ""
    print(f"{one.name} failed, the rest goes on: {_last_line(one.log)}{anew}", flush=True)
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
