"""One run of a plan: what its row must say, what trains and scores it, and how far it is."""

import contextlib
import hashlib
import json
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from zoo.data import MissingDataset
from zoo.evaluation.protocols import asked_of
from zoo.options.yamls import config_in
from zoo.training.changes import PRECISIONS, known, may_change
from zoo.training.loading import model_class, read
from zoo.training.run import checkpoints, data_of

#: how a data set is read, which changes no image
READING = {"num_workers", "memory_gib", "cache_gib"}
#: where its images lie: they may have moved, and tell themselves apart
PLACES = {"path", "test_path"}


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
        scored: what its row must have been asked for, as `zoo.evaluation.protocols.asked` has it.
        trained: how it is trained, where that is said: `precision`, `half_penalties`, `init_from`.
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
    trained: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.recipe} seed {self.seed}"

    @property
    def log(self) -> Path:
        """What it says."""
        return Path(f"{self.base}.log")

    def command(self, results: Path) -> list[str]:
        """What trains it into a row in `results`, from the start or from its last checkpoint, and where all of it
        is trained, scores it; a run of other settings stays as it is, and another begins beside it.

        Raises:
            ValueError: naming the checkpoint, if it is damaged.
        """
        words = [sys.executable, self.script, *configs(*self.before, self.file)]
        words += ["--seed_everything", self.seed, "--threads", 1, "--evaluation.results_dir", results]
        words += ["--evaluation.recipe", self.recipe, "--wandb", "false", "--run_dir", self.base, *self.options]
        if self.last() or not checkpoints(self.base):
            words += ["--ckpt_path", "last"]
        return [str(word) for word in words]

    def row(self, rows: list[dict]) -> dict | None:
        """Its results row, the newest one, or None."""
        return next((row for row in reversed(rows) if self._is_of(row) and self._is_scored(row)), None)

    def _is_of(self, row: dict) -> bool:
        """Whether a row is of this run at its full length, however it was scored."""
        training, config, images = row["training"], row["config"] or {}, row["data"]
        if (row["paper"], row["recipe"], training["seed"]) != (self.paper, self.recipe, self.seed):
            return False
        if training["nimg"] < self.total_kimg * 1000:
            return False
        precision, _, half = (training["precision"] or "").partition(", ")
        return (
            self._agrees("model", config.get("model") or {})
            and self._agrees("data", settings(config.get("data") or {}))
            and self._is_trained(precision, bool(half), row.get("ancestor"))
            and self._is_on(config.get("data") or {}, {images["resolution"]: images["fingerprint"]})
        )

    def _agrees(self, section: str, has: dict) -> bool:
        """Whether a section of a run, or of its row, is this one's, wherever the images lie."""
        alone = {k: v for k, v in self.usual.get(section, {}).items() if k in has}
        return agree({k: v for k, v in (alone | getattr(self, section)).items() if k not in PLACES}, has)

    def _is_trained(self, precision: str | None, half: bool, ancestor: dict | None) -> bool:
        """Whether what is said of precision and of the weights to begin from is so."""
        said = str(self.trained.get("precision", precision))
        if (PRECISIONS.get(said, said), self.trained.get("half_penalties", False)) != (str(precision), half):
            return False
        file = Path(self.trained["init_from"]) if "init_from" in self.trained else None
        if file is None or ancestor is None:
            return file is None and ancestor is None
        return file.name == ancestor["file"] and (not file.is_file() or digest(file) == ancestor["sha256"])

    def _is_on(self, section: dict, known: dict[int, str]) -> bool:
        """Whether a data section's images are the plan's: from the same place, or the same ones from another.

        Args:
            known: their fingerprints by resolution.
        """
        has, path = section.get("init_args") or {}, self.data.get("path")
        if path is None or alike(has.get("path"), path):
            return True
        moved = json.dumps(section | {"init_args": has | {"path": path}})
        return any(fingerprint(moved, resolution) == one for resolution, one in known.items())

    def _is_scored(self, row: dict) -> bool:
        """Whether a row was scored as the recipe says; extras do not count, which `zoo leaderboard --fill` adds."""
        return alike(asked_of(row["conditions"]), self.scored)

    def last(self) -> Path | None:
        """What it goes on from: the newest checkpoint of its settings, not past its end, or None.

        Raises:
            ValueError: naming the checkpoint, if the newest is damaged.
        """
        return next((path for path in checkpoints(self.base) if self._goes_on(path)), None)

    def _goes_on(self, path: Path) -> bool:
        file = read(path, mmap=True)
        has, nimg, ways = file["zoo"]["hparams"], file["state_dict"]["_extra_state"]["nimg"], known(file)
        if nimg >= self.total_kimg * 1000 and not alike(has.get("total_kimg"), self.total_kimg):
            return False  # past its end
        kind, wanted = model_class(file["zoo"]["paper"]), self.usual.get("model", {}) | self.model
        for name in wanted.keys() & has.keys():  # an older file knows fewer
            was, new = has[name], wanted[name]
            if not (alike(was, new) or may_change(name, was, new, nimg, has, kind)):
                return False
        try:
            data = config_in(path.parents[1] / "config.yaml").get("data") or {}
        except (OSError, ValueError):  # lost: the run itself looks at the images
            data = {"class_path": self.data.get("class"), "init_args": self.data}
        prints = [
            part["fingerprints"] for part in file.values() if isinstance(part, dict) and "fingerprints" in part
        ]
        return (
            self._agrees("data", settings(data))
            and self._is_on(data, prints[0] if prints else {})
            and self._is_trained(
                ways.get("trainer.precision"), ways.get("half_penalties", False), file["zoo"].get("ancestor")
            )
        )

    def progress(self) -> tuple[float, float]:
        """Thousands of images shown and hours of training so far, by the last checkpoint.

        Raises:
            ValueError: naming the checkpoint, if it is damaged.
        """
        path = self.last()
        if path is None:
            return 0.0, 0.0
        state = read(path, mmap=True)["state_dict"]["_extra_state"]
        return state["nimg"] / 1000, state["train_seconds"] / 3600


@cache
def digest(file: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@cache
def fingerprint(section: str, resolution: int) -> str | None:
    """Of the images that a data section (as JSON) describes; None where they are not there."""
    try:
        data = data_of({"data": json.loads(section), "model": {"resolution": resolution}}, "the plan")
        data.setup("fit")
        return data.fingerprint
    except (MissingDataset, ValueError, OSError):
        return None


def settings(data: dict) -> dict:
    """What a data section says of the images, the name of its class among it."""
    found = {k: v for k, v in (data.get("init_args") or {}).items() if k not in READING}
    return found | {"class": str(data.get("class_path")).rpartition(".")[2]}


def configs(*files: Path) -> list[str]:
    """The recipes as words of a command line."""
    return [word for file in files for word in ("--config", str(file))]


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
