"""One run of a plan: what its row must say, what trains or scores it, and how far it is."""

import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.training.loading import read
from zoo.training.run import last_checkpoint

#: where a data set lies and how it is read, which changes no image
READING = {"path", "test_path", "num_workers", "memory_gib", "cache_gib"}


@dataclass(frozen=True, eq=False)
class Planned:
    """One run of a plan.

    Attributes:
        paper, recipe, seed: what is trained.
        script, file: the paper's script and the recipe.
        base: its folder is this with a number behind it.
        options: command line options over the recipe.
        model, data: settings of these sections that its row must have.
        total_kimg: its length in thousands of real images.
        hours: of one core for all of it, as the plan says; 0 if it does not.
        before: recipes that are read before it.
        usual: of `model` and `data` what the recipe leaves alone; where its row tells of it, it is so there too.
        scored: conditions that its row must have, `changed` (what its protocol was changed by) among them.
        scoring: options of `zoo evaluate` that score its checkpoint so.
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
    data: dict = field(default_factory=dict)
    usual: dict[str, dict] = field(default_factory=dict)
    scored: dict = field(default_factory=dict)
    scoring: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.recipe} seed {self.seed}"

    @property
    def log(self) -> Path:
        """What it says."""
        return Path(f"{self.base}.log")

    def command(self, results: Path, rows: list[dict]) -> list[str]:
        """What trains it into a row in `results`, from the start or from its last checkpoint; where all of it is
        trained and `rows` have it scored under other conditions, what scores it again.

        Raises:
            ValueError: naming the checkpoint, if it is damaged.
        """
        if any(map(self._trained, rows)) and self.progress()[0] >= self.total_kimg:
            words = [sys.executable, "-m", "zoo", "evaluate", last_checkpoint(self.base), "--results_dir", results]
            words += ["--threads", 1, *(f"--{k}={as_word(v)}" for k, v in self.scoring.items())]
            return [str(word) for word in words]
        words = [sys.executable, self.script, *configs(*self.before, self.file)]
        words += ["--seed_everything", self.seed, "--threads", 1, "--evaluation.results_dir", results]
        words += ["--wandb", "false", "--run_dir", self.base, "--ckpt_path", "last", *self.options]
        return [str(word) for word in words]

    def row(self, rows: list[dict]) -> dict | None:
        """Its results row, the newest one, or None."""
        return next((row for row in reversed(rows) if self._trained(row) and self._scored(row)), None)

    def _trained(self, row: dict) -> bool:
        """Whether a row is of this run at its full length, however it was scored."""
        training, config = row["training"], row["config"] or {}
        if (row["paper"], row["recipe"], training["seed"]) != (self.paper, self.recipe, self.seed):
            return False
        if training["nimg"] < self.total_kimg * 1000:
            return False
        for name, has in (("model", config.get("model") or {}), ("data", settings(config.get("data") or {}))):
            alone = {k: v for k, v in self.usual.get(name, {}).items() if k in has}
            if not agree(alone | getattr(self, name), has):
                return False
        return True

    def _scored(self, row: dict) -> bool:
        """Whether a row was scored as the recipe says; extras do not count, which `zoo leaderboard --fill` adds."""
        conditions = {"n_seeds": 1, "changed": {}} | row["conditions"]
        changed = {k: v for k, v in conditions["changed"].items() if k != "extras"}
        return agree(self.scored, conditions | {"changed": changed})

    def progress(self) -> tuple[float, float]:
        """Thousands of images shown and hours of training so far, by the last checkpoint.

        Raises:
            ValueError: naming the checkpoint, if it is damaged.
        """
        path = last_checkpoint(self.base)
        if path is None:
            return 0.0, 0.0
        state = read(path, mmap=True)["state_dict"]["_extra_state"]
        return state["nimg"] / 1000, state["train_seconds"] / 3600


def settings(data: dict) -> dict:
    """What a data section says of the images, the name of its class among it."""
    found = {k: v for k, v in (data.get("init_args") or {}).items() if k not in READING}
    return found | {"class": str(data.get("class_path")).rpartition(".")[2]}


def configs(*files: Path) -> list[str]:
    """The recipes as words of a command line."""
    return [word for file in files for word in ("--config", str(file))]


def as_word(value: object) -> str:
    """A setting as a command line reads it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def agree(wanted: dict, has: dict) -> bool:
    """Whether `has` holds all that is wanted."""
    return all(alike(has.get(k), v) for k, v in wanted.items())


def alike(ours: object, theirs: object) -> bool:
    """Equal as JSON: a recipe's keys and lists come back from a row as text and lists, YAML's 1e-4 as a number."""
    return number(json.loads(json.dumps(ours, default=str))) == number(json.loads(json.dumps(theirs, default=str)))


def number(value: Any) -> Any:
    """YAML takes 1e-4 for text, what reads a command line takes it for a number."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value) if isinstance(value, str) else value
    return value
