"""Recipes: YAML files that compose, and options over them."""

from pathlib import Path

import yaml

from zoo.options.checked import defaults
from zoo.options.folders import at_home, recipes_folder
from zoo.options.ranges import shown
from zoo.options.yamls import read_yaml
from zoo.training.mistakes import near

SECTIONS = ("model", "data", "trainer", "samples", "checkpoints", "evaluation")


def compose(recipe: str | Path | None, args: list[str], model: type | None = None) -> tuple[dict, list[str], str]:
    """The default recipe and every --config over it, in the order written, as one configuration.

    Sections merge key by key, but another data set's `class_path` replaces the data section as a whole, and so does
    `--data NAME`: nothing of one data set's settings may reach another. Options beside --config always win.

    Args:
        model: whose options the files' section `model` must hold; None looks at no name in it.

    Returns:
        the configuration, the arguments that are left, and the name of the last recipe.

    Raises:
        FileNotFoundError, ValueError: for a file that is missing or no mapping, or for options that are none.
    """
    files, rest = files_of(recipe, at_home(args))
    merged: dict = {}
    part: dict = {}
    for file in files:
        if not file.is_file():
            known = ", ".join(sorted(p.stem for p in Path(recipe).parent.glob("*.yaml"))) if recipe else ""
            raise FileNotFoundError(
                f"no recipe at {file}" + (f"; beside {recipe} there are {known}" if known else "")
            )
        part = in_sections(file)
        if model is not None:
            check_model(file, part.get("model") or {}, model)
        merged = merged | {k: merge(merged.get(k), v) for k, v in part.items()}
    if names_data(rest):
        merged.pop("data", None)
    options = {word.partition("=")[0].removeprefix("--data.").removeprefix("init_args.") for word in rest}
    options |= set((merged.get("data") or {}).get("init_args") or {})
    for name in sorted(options & {"resolution", "batch_size"}):
        raise ValueError(f"data.{name} is the model's to say: give --model.{name} instead")
    if isinstance(merged.get("model"), dict):
        merged["model"] = shortened(merged["model"], given(rest, "model"))
    return merged, rest, name_of(files[-1], part) if files else "defaults"


def files_of(recipe: str | Path | None, args: list[str]) -> tuple[list[Path], list[str]]:
    """The default recipe and those that --config names, in the order written, and the arguments that are left."""
    files, rest, words = [Path(recipe)] if recipe else [], [], iter(args)
    for word in words:
        if word in ("--config", "-c"):
            if not (file := next(words, "")) or file.startswith("--"):
                raise ValueError(f"--config takes a recipe's file, and got {file or 'nothing'}")
            files.append(Path(file))
        elif word.startswith("--config="):
            files.append(Path(word.removeprefix("--config=")))
        else:
            rest.append(word)
    return files, rest


def in_sections(file: Path) -> dict:
    """What a recipe says; its data section with `class_path` and `init_args`, however it is written.

    A section with nothing in it says nothing, and changes nothing.
    """
    part = {k: v for k, v in read_yaml(file).items() if not (v is None and k in SECTIONS)}
    part.pop("ancestor", None)  # a run's own configuration notes it; --init_from makes it anew
    for section in SECTIONS:
        value = part.get(section)
        if section in part and not (isinstance(value, dict) or (section == "data" and isinstance(value, str))):
            raise ValueError(f"{file}: the section {section} holds options and their values, not {shown(value)}")
    if isinstance(part.get("data"), str):
        part["data"] = {"class_path": part["data"]}
    data = part.get("data") or {}
    if not isinstance(options := data.get("init_args") or {}, dict):
        raise ValueError(f"{file}: data.init_args holds options and their values, not {shown(options)}")
    if plain := {k: v for k, v in data.items() if k not in ("class_path", "init_args", "dict_kwargs")}:
        if twice := sorted(map(str, plain.keys() & options.keys())):
            raise ValueError(f"{file} says data.{twice[0]} twice, with and without init_args: leave one out")
        # as the command line takes --data.n_images
        part["data"] = {k: v for k, v in data.items() if k not in plain} | {"init_args": options | plain}
    return part


def check_model(file: Path, section: dict, model: type) -> None:
    """Refuse what a model has no option for.

    Raises:
        ValueError: naming the first such option, and the paper that the recipe is of, if that is another.
    """
    own, folders = model.__name__.lower(), [folder.name for folder in file.resolve().parents[:2]]
    if unknown := [name for name in section if name not in defaults(model)]:
        papers = [name for name in folders if (recipes_folder() / f"{name}.py").is_file()]
        other = f"it is a recipe of {papers[0]}: give one of {own}" if {*papers} - {own} else "leave it out"
        meant = near(unknown[0], defaults(model))
        raise ValueError(f"{file}: {model.__name__} has no option model.{unknown[0]}{meant}; {other}")


def name_of(file: Path, part: dict) -> str:
    """What a recipe is called: as its file is, but a run's own configuration as the run was."""
    folder = file.resolve().parent
    if file.name != "config.yaml":
        return file.stem
    if said := (part.get("evaluation") or {}).get("recipe"):
        return str(said)
    return ((folder / "run_id").is_file() and folder.name.rpartition("-")[0]) or file.stem


def shortened(model: dict, options: dict) -> dict:
    """`model` where `options` end the run early: what would start behind its end starts there.

    Only what a recipe says is moved; what the options say themselves stays, and may be refused.

    Args:
        model: the recipe's model section.
        options: model settings over it.
    """
    total = options.get("total_kimg")
    if not isinstance(total, int | float):
        return model
    starts = {k: v for k, v in model.items() if k.endswith("_start_kimg") or k == "vae_kimg"}
    late = {k for k, v in starts.items() if isinstance(v, int | float) and v > total}
    return model | dict.fromkeys(late - options.keys(), total)


def given(words: list[str], section: str) -> dict:
    """The settings of a section among command line words: `--model.lr 1e-4` and `--model.lr=1e-4`."""
    found = {}
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name.startswith(f"--{section}."):
            found[name.removeprefix(f"--{section}.")] = yaml.safe_load(value if equals else following)
    return found


def script_and_recipe(paper: str, recipe: str = "paper") -> tuple[Path, Path]:
    """A paper's script, and one of its recipes by name or by path.

    Raises:
        ValueError: for a name that is not there, with those that are.
    """
    script = recipes_folder() / f"{paper}.py"
    if not script.is_file():
        papers = ", ".join(sorted(path.stem for path in recipes_folder().glob("*.py") if path.stem != "__init__"))
        raise ValueError(f"no paper {paper} in the zoo; there are {papers}")
    file = Path(recipe) if recipe.endswith((".yaml", ".yml")) else recipes_folder() / paper / f"{recipe}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in (recipes_folder() / paper).glob("*.yaml")))
        raise ValueError(f"no recipe {recipe} of {paper}; there are {known}, or give the path of a YAML file")
    return script, file


def names_data(args: list[str]) -> bool:
    """Whether the arguments choose a data set, and do not only set options of one."""
    return any(word == "--data" or word.startswith("--data=") for word in args)


def merge(old: object, new: object) -> object:
    """`new` over `old`, key by key where both are mappings of the same class; an empty one among them empties."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    if new.get("class_path", old.get("class_path")) != old.get("class_path"):
        return new
    return {**old, **{k: merge(old.get(k), v) if v != {} else {} for k, v in new.items()}}
