"""Plans of `zoo suite`: YAML with the list `runs`, each entry a recipe with its seeds."""

import inspect
import json
import math
import re
from pathlib import Path
from typing import Any

import zoo.data
from zoo.evaluation.protocols import OPTIONS, asked, resolve
from zoo.imitation import ALGORITHMS
from zoo.options.checked import annotations, defaults, refuse
from zoo.options.folders import here_or_ours, recipes_folder
from zoo.options.ranges import PositiveFloat, Seed, shown
from zoo.options.yamls import read_yaml
from zoo.training.evaluate import Evaluate
from zoo.training.loading import model_class
from zoo.training.planned import PLACES, READING, Planned, configs, number, settings
from zoo.training.recipes import compose, shortened

KEYS = ("recipe", "over", "seeds", "options", "hours")
#: options that a suite gives each run itself -> what says it instead
OWN = {
    "config": "`over` names recipes to read before",
    "seed_everything": "`seeds` says it",
    "run_dir": "--runs says it",
    "ckpt_path": "a run goes on with its own last checkpoint",
    "evaluation.results_dir": "--results says it",
    "evaluation.recipe": "a row is of the entry's recipe",
    "evaluation.paper": "a row is of the entry's paper",
}
#: a paper's or a recipe's
NAME = re.compile(r"\w[\w.-]*")
#: sections of a recipe, of which an option names one setting
SECTIONS = ("model", "data", "trainer", "samples", "checkpoints", "evaluation")


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
    where, entry = f"{plan}, entry {number}", _numbers(entry)
    if not isinstance(entry, dict) or not {"recipe"} <= entry.keys() <= set(KEYS):
        raise ValueError(f"{where} has other keys than {', '.join(KEYS[:-1])} and {KEYS[-1]}: {shown(entry)}")
    paper, recipe, script, file = _recipe(where, plan, entry["recipe"])
    names = entry.get("over") or []
    if not isinstance(names, list) or not all(isinstance(one, str) and NAME.fullmatch(one) for one in names):
        raise ValueError(f"{where}: over is a list of recipes such as [mnist], not {shown(names)}")
    before = tuple(file.with_name(f"{name}.yaml") for name in names)
    if lost := [path.stem for path in before if not path.is_file()]:
        raise ValueError(f"{where}: there is no recipe {paper}/{lost[0]} to read before {entry['recipe']}")
    seeds, options, hours = entry.get("seeds", [0]), entry.get("options") or {}, entry.get("hours", 0)
    if not isinstance(seeds, list) or not seeds or not all(type(s) is int and 0 <= s <= Seed.high for s in seeds):
        raise ValueError(f"{where}: seeds is a list of whole numbers from 0 on, not {shown(seeds)}")
    if type(hours) not in (int, float) or not 0 <= hours < math.inf:
        raise ValueError(f"{where}: hours is a number of at least 0, not {shown(hours)}")
    config = _numbers(compose(file.with_name("paper.yaml"), configs(*before, file))[0])
    model, usual, total = _model(where, paper, config.get("model") or {}, _checked(where, options))
    data, usual_data = _data(where, config.get("data") or {}, options)
    scored = _scored(where, config.get("evaluation") or {}, options)
    words = tuple(
        word
        for k, v in options.items()
        for word in (f"--{k}", v if isinstance(v, str) else json.dumps(v, default=str))
    )
    base = runs / paper / f"{plan.stem}-{recipe}-seed"
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
            {"model": usual, "data": usual_data},
            scored,
            _trained(config, options),
        )
        for seed in seeds
    ]


def _recipe(where: str, plan: Path, name: object) -> tuple[str, str, Path, Path]:
    """Paper, recipe, script and file: those beside the plan's folder; the zoo's for a plan that lies elsewhere."""
    paper, _, recipe = str(name).partition("/")
    if paper in ALGORITHMS:
        raise ValueError(f"{where}: {paper} plays and has no row of images: run reproductions/{paper}.py by itself")
    if not all(map(NAME.fullmatch, (paper, recipe))):
        raise ValueError(f"{where}: there is no recipe {shown(name)}; write PAPER/RECIPE as in `zoo list`")
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
        named = isinstance(name, str) and re.fullmatch(r"\w+(\.\w+)*", name)
        whole = name in (*SECTIONS, "data.init_args") and not (name == "data" and isinstance(value, str))
        if not named or whole:
            raise ValueError(f"{where}: options are named as model.total_kimg is, not {shown(name)}")
        if name in OWN:
            raise ValueError(f"{where}: {name} is no option of a plan: {OWN[name]}")
    return options


def _numbers(value: Any) -> Any:
    """YAML takes 1e-4 for text, a command line takes it for the number that it is."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    exponent = isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value)
    return float(value) if exponent else value


def _trained(config: dict, options: dict) -> dict:
    """How a run is trained, where that is said: precision, half_penalties, init_from."""
    said = {"precision": (config.get("trainer") or {}).get("precision")}
    said |= {k: config.get(k) for k in ("half_penalties", "init_from")}
    said |= {k: options[name] for name in options if (k := name.removeprefix("trainer.")) in said}
    return {k: v for k, v in said.items() if v}


def _data(where: str, section: dict, options: dict) -> tuple[dict, dict]:
    """What is said of the images that a run is of, and what its data set's class leaves them to be.

    Raises:
        ValueError: naming what the set has not or does not take.
    """
    over = {k.removeprefix("data.").removeprefix("init_args."): v for k, v in options.items() if k[:5] == "data."}
    name = options.get("data", over.pop("class_path", None))
    if name is not None:  # another set: nothing of the recipe's
        section = {"class_path": name}
    said, parts = _whole(settings(section) | over)
    kind = getattr(zoo.data, said["class"], None)
    hints = {k: v for some, _ in annotations(kind) for k, v in some.items()} if kind else {}
    for name in [k for k in over if kind]:
        if name.partition(".")[0] not in hints:
            raise ValueError(f"{where}: {said['class']} has no option data.{name}; there are {', '.join(hints)}")
        if "." not in name:
            _fits(f"{where}: data.", name, over[name], hints[name])
    usual = _left_alone(kind, {*said, *parts, *READING, *PLACES})
    return {k: v for k, v in said.items() if k not in READING}, usual


def _scored(where: str, section: dict, options: dict) -> dict:
    """The conditions that a row must have.

    Raises:
        ValueError: naming what no evaluation has or takes.
    """
    name = "evaluation."
    if "paper" in section:
        raise ValueError(f"{where}: evaluation.paper is no setting of a plan's recipe: {OWN['evaluation.paper']}")
    said = section | {k.removeprefix(name): v for k, v in options.items() if k.startswith(name)}
    hints = annotations(Evaluate)[0][0]
    for k, v in said.items():
        if k not in hints:
            raise ValueError(f"{where}: there is no option {name}{k}; there are {', '.join(hints)}")
        _fits(f"{where}: {name}", k, v, hints[k])
    said = {k: v for k, v in said.items() if v is not None}
    protocol = said.get("protocol", "zoo")
    try:
        changed = resolve(protocol, {k: v for k, v in said.items() if k in OPTIONS})[1]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return asked(protocol, changed, said.get("seed", 0), said.get("n_seeds", 1))


def _model(where: str, paper: str, recipe: dict, options: dict) -> tuple[dict, dict, float]:
    """Model settings that are said, those that are left alone, and the length of a run in thousands of images."""
    over = {k.removeprefix("model."): number(v) for k, v in options.items() if k.startswith("model.")}
    try:
        kind: type | None = model_class(paper)
    except ValueError:  # a script of the plan's own
        kind = None
    usual = _left_alone(kind, set())
    if kind is not None:
        hints = {k: v for some, _ in annotations(kind) for k, v in some.items()}
        for name, value in over.items():
            if name.partition(".")[0] not in usual:
                raise ValueError(
                    f"{where}: {paper} has no option model.{name}: `zoo train {paper} --help` has them"
                )
            _fits(f"{where}: model.", name, value, hints.get(name, object))
    said, parts = _whole(shortened(dict(recipe), over) | over)
    total = said.get("total_kimg", usual.get("total_kimg"))
    _fits(f"{where}: model.", "total_kimg", total, PositiveFloat)
    return said, {k: v for k, v in usual.items() if k not in {*said, *parts}}, float(total)


def _whole(said: dict) -> tuple[dict, set[str]]:
    """The settings that are said as a whole, and the names of those that a part of is: these are not compared."""
    parts = {name.partition(".")[0] for name in said if "." in name}
    return {k: v for k, v in said.items() if k not in parts and "." not in k}, parts


def _left_alone(kind: type | None, said: set[str]) -> dict[str, Any]:
    """The defaults of a class for what is not said; none of one that the zoo does not have."""
    if kind is None:
        return {}
    return {k: v for k, v in defaults(kind).items() if k not in said and v is not inspect.Parameter.empty}


def _fits(where: str, name: str, value: object, hint: Any) -> None:
    try:
        refuse(name, value, hint)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error
