"""Plans of `zoo suite`: YAML with the list `runs`, each entry a recipe with its seeds."""

import contextlib
import json
import math
import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.imitation import ALGORITHMS
from zoo.options.checked import annotations, defaults, refuse
from zoo.options.folders import here_or_ours, recipes_folder
from zoo.options.ranges import PositiveFloat, Seed, shown
from zoo.options.yamls import read_yaml
from zoo.training.loading import model_class, read
from zoo.training.recipes import compose, shortened
from zoo.training.run import last_checkpoint

KEYS = ("recipe", "over", "seeds", "options", "hours")
#: options that a suite gives each run itself -> what says it instead
OWN = {
    "config": "`over` names recipes to read before",
    "seed_everything": "`seeds` says it",
    "run_dir": "--runs says it",
    "ckpt_path": "a run goes on with its own last checkpoint",
    "evaluation.results_dir": "--results says it",
    "evaluation.recipe": "a row is of the entry's recipe",
}

#: where a data set lies and how it is read, which changes no image
READING = {"path", "test_path", "num_workers", "memory_gib", "cache_gib"}
#: how many images a score is of: numbers of other counts do not compare
COUNTS = ("n_fake", "n_real", "n_seeds")


@dataclass(frozen=True, eq=False)
class Planned:
    """One run of a plan.

    Attributes:
        paper, recipe, seed: what is trained.
        script, file: the paper's script and the recipe.
        base: its folder is this with a number behind it.
        options: command line options over the recipe.
        model, data, scored: settings of these sections that its row must have.
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
    data: dict = field(default_factory=dict)
    scored: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.recipe} seed {self.seed}"

    @property
    def log(self) -> Path:
        """What it says."""
        return Path(f"{self.base}.log")

    def command(self, results: Path, rows: list[dict]) -> list[str]:
        """What trains it into a row in `results`, from the start or from its last checkpoint; where all of it is
        trained and `rows` have it scored on another number of images (fakes, reals, seeds), what scores it again.

        Raises:
            ValueError: naming the checkpoint, if it is damaged.
        """
        if replace(self, scored={}).row(rows) and self.progress()[0] >= self.total_kimg:
            words = [sys.executable, "-m", "zoo", "evaluate", last_checkpoint(self.base), "--results_dir", results]
            words += ["--threads", 1, *(f"--{k}={v}" for k, v in self.scored.items())]
            return [str(word) for word in words]
        words = [sys.executable, self.script, *_configs(*self.before, self.file)]
        words += ["--seed_everything", self.seed, "--threads", 1, "--evaluation.results_dir", results]
        words += ["--wandb", "false", "--run_dir", self.base, "--ckpt_path", "last", *self.options]
        return [str(word) for word in words]

    def row(self, rows: list[dict]) -> dict | None:
        """Its results row, the newest one, or None."""
        for row in reversed(rows):
            training, config = row["training"], row["config"] or {}
            same = (row["paper"], row["recipe"], training["seed"]) == (self.paper, self.recipe, self.seed)
            whole = training["nimg"] >= self.total_kimg * 1000
            pairs = (
                (self.model, config.get("model") or {}),
                (self.data, _settings(config.get("data") or {})),
                (self.scored, {"n_seeds": 1} | row["conditions"]),
            )
            if same and whole and all(alike(has.get(k), v) for wanted, has in pairs for k, v in wanted.items()):
                return row
        return None

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


def _settings(data: dict) -> dict:
    """What a data section says of the images, the name of its class among it."""
    settings = {k: v for k, v in (data.get("init_args") or {}).items() if k not in READING}
    return settings | {"class": str(data.get("class_path")).rpartition(".")[2]}


def _configs(*files: Path) -> list[str]:
    return [word for file in files for word in ("--config", str(file))]


def alike(ours: object, theirs: object) -> bool:
    """Equal as JSON: a recipe's keys and lists come back from a row as text and lists, YAML's 1e-4 as a number."""
    return _number(json.loads(json.dumps(ours, default=str))) == _number(
        json.loads(json.dumps(theirs, default=str))
    )


def _number(value: Any) -> Any:
    """YAML takes 1e-4 for text, what reads a command line takes it for a number."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value) if isinstance(value, str) else value
    return value


def read_plan(plan: Path, runs: Path = Path("runs"), only: str = "") -> list[Planned]:
    """The runs of a plan in its order, each seed one; of these those whose name has `only` in it.

    Raises:
        FileNotFoundError, ValueError: naming the entry that is wrong, and if no run is left.
    """
    plan = here_or_ours(plan)
    if not plan.is_file():
        raise FileNotFoundError(f"no plan at {plan}: the zoo's own lie in reproductions/suites")
    content = read_yaml(plan, "a plan: it is YAML with a list `runs` of recipes")
    entries = content.get("runs")
    if not isinstance(entries, list) or not entries or len(content) > 1:
        raise ValueError(f"{plan} is no plan: it is YAML with a list `runs` of recipes, and nothing else")
    found = [one for number, entry in enumerate(entries, 1) for one in _planned(plan, number, entry, runs)]
    names = [one.base for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{plan} names {name.name} twice: give the seeds of a recipe in one entry")
    chosen = [one for one in found if only in one.name]
    if not chosen:
        raise ValueError(f"--only {shown(only)}: no run of {plan} has that in its name, such as {found[0].name}")
    return chosen


def _planned(plan: Path, number: int, entry: object, runs: Path) -> list[Planned]:
    where = f"{plan}, entry {number}"
    if not isinstance(entry, dict) or not {"recipe"} <= entry.keys() <= set(KEYS):
        raise ValueError(f"{where} has other keys than {', '.join(KEYS[:-1])} and {KEYS[-1]}: {shown(entry)}")
    paper, recipe, script, file = _recipe(where, plan, entry["recipe"])
    names = entry.get("over") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{where}: over is a list of recipes such as [mnist], not {shown(names)}")
    before = tuple(file.with_name(f"{name}.yaml") for name in names)
    if lost := [path.stem for path in before if not path.is_file()]:
        raise ValueError(f"{where}: there is no recipe {paper}/{lost[0]} to read before {entry['recipe']}")
    seeds, options, hours = entry.get("seeds", [0]), entry.get("options") or {}, entry.get("hours", 0)
    if not isinstance(seeds, list) or not seeds or not all(type(s) is int and 0 <= s <= Seed.high for s in seeds):
        raise ValueError(f"{where}: seeds is a list of whole numbers from 0 on, not {shown(seeds)}")
    if type(hours) not in (int, float) or not 0 <= hours < math.inf:
        raise ValueError(f"{where}: hours is a number of at least 0, not {shown(hours)}")
    config = compose(file.with_name("paper.yaml"), _configs(*before, file))[0]
    model, total = _model(where, paper, config.get("model") or {}, _checked(where, options))
    words = tuple(
        word
        for k, v in options.items()
        for word in (f"--{k}", v if isinstance(v, str) else json.dumps(v, default=str))
    )
    base = runs / paper / f"{plan.stem}-{recipe}-seed"
    data, scored = _images(config, options)
    return [
        Planned(
            paper,
            recipe,
            seed,
            script,
            file,
            Path(f"{base}{seed}"),
            words,
            model,
            total,
            hours,
            before,
            data,
            scored,
        )
        for seed in seeds
    ]


def _recipe(where: str, plan: Path, name: object) -> tuple[str, str, Path, Path]:
    """Paper, recipe, script and file: those beside the plan's folder; the zoo's for a plan that lies elsewhere."""
    paper, _, recipe = str(name).partition("/")
    if paper in ALGORITHMS:
        raise ValueError(f"{where}: {paper} plays and has no row of images: run reproductions/{paper}.py by itself")
    for folder in (*plan.resolve().parents[1:2], recipes_folder()):
        script, file = folder / f"{paper}.py", folder / paper / f"{recipe}.yaml"
        if script.is_file() and file.is_file():
            return paper, recipe, script, file
    raise ValueError(f"{where}: there is no recipe {shown(name)}; write PAPER/RECIPE as in `zoo list`")


def _checked(where: str, options: Any) -> dict:
    """The options of an entry, if they can be given to a command line, and are not the suite's to give."""
    if not isinstance(options, dict):
        raise ValueError(f"{where}: options are a mapping such as {{model.total_kimg: 100}}, not {shown(options)}")
    for name, value in options.items():
        if not isinstance(name, str) or not re.fullmatch(r"\w+(\.\w+)*", name) or (name == "model" and value):
            raise ValueError(f"{where}: options are named as model.total_kimg is, not {shown(name)}")
        if name in OWN:
            raise ValueError(f"{where}: {name} is no option of a plan: {OWN[name]}")
    return options


def _images(config: dict, options: dict) -> tuple[dict, dict]:
    """The images that a run is of, and how many it is scored on."""
    over = {k.removeprefix("data.").removeprefix("init_args."): v for k, v in options.items() if k[:5] == "data."}
    section = config.get("data") or {}
    if (
        name := options.get("data", over.pop("class_path", None))
    ) is not None:  # another set: nothing of the recipe's
        section = {"class_path": name}
    deep = {k.partition(".")[0] for k in over if "." in k}  # a part of a setting: not compared
    data = {k: v for k, v in (_settings(section) | over).items() if k not in READING | deep and "." not in k}
    evaluation = (config.get("evaluation") or {}) | {
        k.removeprefix("evaluation."): v for k, v in options.items() if k.startswith("evaluation.")
    }
    return data, {k: evaluation[k] for k in COUNTS if evaluation.get(k) is not None}


def _model(where: str, paper: str, recipe: dict, options: dict) -> tuple[dict, float]:
    """Model settings, and the length of a run of them in thousands of images."""
    over = {k.removeprefix("model."): _number(v) for k, v in options.items() if k.startswith("model.")}
    usual: dict[str, Any] = {}
    try:
        kind: type | None = model_class(paper)
    except ValueError:  # a script of the plan's own
        kind = None
    if kind is not None:
        usual, hints = defaults(kind), {k: v for some, _ in annotations(kind) for k, v in some.items()}
        for name, value in over.items():
            if name.partition(".")[0] not in usual:
                raise ValueError(
                    f"{where}: {paper} has no option model.{name}: `zoo train {paper} --help` has them"
                )
            _fits(where, name, value, hints.get(name, object))
    model = shortened(dict(recipe), over) | over
    total = model.get("total_kimg", usual.get("total_kimg"))
    _fits(where, "total_kimg", total, PositiveFloat)
    return model, float(total)


def _fits(where: str, name: str, value: object, hint: Any) -> None:
    try:
        refuse(name, value, hint)
    except ValueError as error:
        raise ValueError(f"{where}: model.{error}") from error
