"""Many runs by one plan: `zoo suite PLAN` trains what has no row yet, goes on where it was stopped, and scores it.

A plan is YAML with the list `runs`, in order of worth: `recipe: stylegan/lfw-cpu`, `seeds: [0, 1]`, and perhaps
`over: [mnist]` for an overlay (recipes that are read before it), `options: {model.total_kimg: 100}` and `hours: 3`,
which one run takes of one core as far as anybody knows. A run is done when the results hold a row of its
recipe, seed and model settings at its full length; so a recipe that was changed is run again, and rows survive a
lost folder of runs.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from zoo.leaderboard.render import render
from zoo.leaderboard.rows import read_rows
from zoo.training.recipes import compose, shortened
from zoo.training.run import last_checkpoint


@dataclass(frozen=True, eq=False)
class Planned:
    """One run of a plan.

    Attributes:
        paper, recipe, seed: what is trained.
        script, file: the paper's script and the recipe.
        base: its folder is this with a number behind it.
        options: command line options over the recipe.
        model: model settings that its row must have.
        total_kimg: its length in thousands of real images.
        hours: of one core for all of it, as the plan says; 0 if it does not.
        before: recipes that are read before it.
    """

    paper: str
    recipe: str
    seed: int
    script: Path
    file: Path
    base: Path
    options: tuple[str, ...]
    model: dict
    total_kimg: float
    hours: float = 0.0
    before: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.recipe} seed {self.seed}"

    def command(self) -> list[str]:
        """What trains it, from the start or from its last checkpoint."""
        words = [sys.executable, self.script, *_configs(*self.before, self.file)]
        words += ["--seed_everything", self.seed, "--threads", 1]
        words += ["--wandb", "false", "--run_dir", self.base, "--ckpt_path", "last", *self.options]
        return [str(word) for word in words]

    def row(self, rows: list[dict]) -> dict | None:
        """Its results row, the newest one, or None."""
        for row in reversed(rows):
            training, model = row["training"], (row["config"] or {}).get("model") or {}
            same = (row["paper"], row["recipe"], training["seed"]) == (self.paper, self.recipe, self.seed)
            whole = training["nimg"] >= self.total_kimg * 1000
            if same and whole and all(_alike(model.get(k), v) for k, v in self.model.items()):
                return row
        return None

    def progress(self) -> tuple[float, float]:
        """Thousands of images shown and hours of training so far, by the last checkpoint."""
        path = last_checkpoint(self.base)
        if path is None:
            return 0.0, 0.0
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]["_extra_state"]
        return state["nimg"] / 1000, state["train_seconds"] / 3600


def _configs(*files: Path) -> list[str]:
    return [word for file in files for word in ("--config", str(file))]


def _alike(ours: object, theirs: object) -> bool:
    """Equal as JSON: a recipe's keys and lists come back from a row as text and lists."""
    return json.loads(json.dumps(ours, default=str)) == json.loads(json.dumps(theirs, default=str))


def read_plan(plan: Path, runs: Path = Path("runs")) -> list[Planned]:
    """The runs of a plan in its order, each seed one.

    Raises:
        FileNotFoundError, ValueError: naming the entry that is wrong.
    """
    if not plan.is_file():
        raise FileNotFoundError(f"no plan at {plan}: the zoo's own lie in reproductions/suites")
    try:
        entries = yaml.safe_load(plan.read_text())["runs"]
        assert isinstance(entries, list)
    except (yaml.YAMLError, TypeError, KeyError, AssertionError) as error:
        raise ValueError(f"{plan} is no plan: it is YAML with a list `runs` of recipes") from error
    found = [one for number, entry in enumerate(entries, 1) for one in _planned(plan, number, entry, runs)]
    names = [one.base for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{plan} names {name.name} twice: give the seeds of a recipe in one entry")
    return found


def _planned(plan: Path, number: int, entry: object, runs: Path) -> list[Planned]:
    where = f"{plan}, entry {number}"
    known = {"recipe", "over", "seeds", "options", "hours"}
    if not isinstance(entry, dict) or not {"recipe"} <= entry.keys() <= known:
        raise ValueError(f"{where} has other keys than recipe, over, seeds, options and hours")
    paper, _, recipe = str(entry["recipe"]).partition("/")
    folder = plan.resolve().parents[1]  # reproductions
    script, file = folder / f"{paper}.py", folder / paper / f"{recipe}.yaml"
    if not (script.is_file() and file.is_file()):
        raise ValueError(f"{where}: there is no recipe {entry['recipe']}; write PAPER/RECIPE as in `zoo list`")
    before = tuple(folder / paper / f"{name}.yaml" for name in entry.get("over", []))
    if lost := [path.stem for path in before if not path.is_file()]:
        raise ValueError(f"{where}: there is no recipe {paper}/{lost[0]} to read before {entry['recipe']}")
    seeds, options = entry.get("seeds", [0]), entry.get("options") or {}
    if not isinstance(seeds, list) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"{where}: seeds is a list of whole numbers from 0 on, not {seeds!r}")
    if not isinstance(hours := entry.get("hours", 0), int | float) or hours < 0:
        raise ValueError(f"{where}: hours is a number, not {hours!r}")
    if not isinstance(options, dict):
        raise ValueError(f"{where}: options are a mapping such as {{model.total_kimg: 100}}, not {options!r}")
    config = compose(folder / paper / "paper.yaml", _configs(*before, file))[0]
    over = {k.removeprefix("model."): v for k, v in options.items() if k.startswith("model.")}
    model = shortened(dict(config.get("model") or {}), over) | over
    words = tuple(
        word for k, v in options.items() for word in (f"--{k}", v if isinstance(v, str) else json.dumps(v))
    )
    total = float(model.get("total_kimg", 0))
    base = runs / paper / f"{plan.stem}-{recipe}-seed"
    return [
        Planned(paper, recipe, seed, script, file, Path(f"{base}{seed}"), words, model, total, hours, before)
        for seed in seeds
    ]


def outlook(planned: list[Planned], rows: list[dict]) -> tuple[list[Planned], list[str], float]:
    """What is left, a line about each run of the plan, and the hours of one core that the rest takes.

    Hours are those of the run so far, or of a row of the same settings, at the same pace, or the plan's; unknown
    where there is none of them, and then they count as nothing.
    """
    left, lines, hours = [], [], 0.0
    for one in planned:
        row = one.row(rows)
        if row is not None:
            lines.append(
                f"done      {one.name}: {row['training']['kimg']:g} kimg in {row['training']['hours']:.2f} h"
            )
            continue
        left.append(one)
        kimg, spent = one.progress()
        pace = kimg / spent if spent else _pace(one, rows)
        state = f"{kimg:g} of {one.total_kimg:g} kimg"
        if pace:
            hours += (rest := (one.total_kimg - kimg) / pace)
            state += f", {rest:.1f} h left"
        lines.append(f"{'begun   ' if kimg else 'waiting '}  {one.name}: {state}")
    return left, lines, hours


def _pace(one: Planned, rows: list[dict]) -> float:
    for row in reversed(rows):
        t, model = row["training"], (row["config"] or {}).get("model") or {}
        alike = all(_alike(model.get(k), v) for k, v in one.model.items() if k != "total_kimg")
        if (row["paper"], row["recipe"]) == (one.paper, one.recipe) and t["hours"] and alike:
            return t["kimg"] / t["hours"]
    return one.total_kimg / one.hours if one.hours else 0.0


def suite(
    plan: Path,
    jobs: int = 1,
    results: Path = Path("results"),
    runs: Path = Path("runs"),
    leaderboard: bool = True,
    only: str = "",
) -> list[str]:
    """Train what is left of a plan, `jobs` runs at a time; the names of runs that failed.

    `only` leaves out runs whose name, such as `sngan/tiny seed 0`, does not hold it.

    A first SIGINT or SIGTERM is handed on: each run saves and stops, and the same command goes on exactly there.

    Raises:
        FileNotFoundError, ValueError: for a plan that is none.
        SystemExit: 130 or 143 after a signal.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    planned = [one for one in read_plan(plan, runs) if only in one.name]
    left, lines, hours = outlook(planned, known_rows(results))
    print("\n".join(lines))
    print(f"{len(left)} of {len(planned)} runs left, about {hours:.1f} hours of one core", flush=True)
    failed: list[str] = []
    running: dict[Planned, subprocess.Popen] = {}
    stopped: list[int] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        for process in running.values():
            process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while running or (left and not stopped):
            while left and len(running) < jobs and not stopped:
                one = left.pop(0)
                running[one] = _start(one, results)
                print(f"{time.strftime('%H:%M')} {one.name} begins; its log is {_log(one)}", flush=True)
            time.sleep(0.2)
            for one in [one for one, process in running.items() if process.poll() is not None]:
                if running.pop(one).returncode == 0:
                    _, lines, hours = outlook(planned, known_rows(results))
                    print(f"{time.strftime('%H:%M')} {one.name} has its row; about {hours:.1f} h left", flush=True)
                    if leaderboard:
                        render(results)
                elif not stopped:
                    failed.append(one.name)
                    print(f"{one.name} failed, the rest goes on: {_last_line(_log(one))}", flush=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped:
        print("stopped; what ran is saved, and the same command goes on with it")
        raise SystemExit(128 + stopped[0])
    return failed


def known_rows(results: Path) -> list[dict]:
    """All rows of a results folder, which need not exist, oldest first."""
    rows = [row for _, row in read_rows(results)] if results.is_dir() else []
    return sorted(rows, key=lambda row: row["date"])


def _log(one: Planned) -> Path:
    return Path(f"{one.base}.log")


def _start(one: Planned, results: Path) -> subprocess.Popen:
    one.base.parent.mkdir(parents=True, exist_ok=True)
    with _log(one).open("a") as log:
        # a session of its own: Ctrl-C reaches it once, through `stop`
        return subprocess.Popen(
            [*one.command(), "--evaluation.results_dir", str(results)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
