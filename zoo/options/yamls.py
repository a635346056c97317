"""YAML files that users write, read with care: what is wrong in one is told with its name."""

from pathlib import Path

import yaml

from zoo.options.ranges import shown

LARGEST = 100_000  # values of a recipe


def read_yaml(file: Path, what: str = "a recipe: its sections are model, data and so on") -> dict:
    """The mapping of a YAML file.

    Raises:
        ValueError: naming the file, if it is no YAML, no mapping, or grows beyond all bounds by its anchors.
        OSError: if it cannot be read.
    """
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        grown = size_of(found)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not YAML: it is no text in UTF-8") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if grown > LARGEST:
        raise ValueError(f"{file} is not a recipe: its anchors grow to more than {LARGEST:,} values")
    if not isinstance(found, dict | None) or any(not isinstance(key, str) for key in found or {}):
        raise ValueError(f"{file} is not {what}")
    return found or {}


def config_in(file: Path) -> dict:
    """A run's config.yaml, which has at least the sections model and data of a training, or model of imitation.

    Raises:
        ValueError, OSError: naming the file and what it lacks.
    """
    config = read_yaml(file, "a run's configuration")
    for section in ("model", "data", "evaluation"):
        if not isinstance(config.get(section, {}), dict) or (section == "model" and section not in config):
            raise ValueError(
                f"{file} is damaged: its section {section} is {shown(config.get(section))}, not a mapping"
            )
    return config


def size_of(value: object, known: dict[int, int] | None = None) -> int:
    """Values in a tree whose branches may be shared; a circle is a RecursionError."""
    known = {} if known is None else known
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 1 + sum(
            size_of(one, known) for one in (value.values() if isinstance(value, dict) else value)
        )
    return known[id(value)]
