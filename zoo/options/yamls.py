"""YAML files that users write, read with care: what is wrong in one is told with its name."""

from pathlib import Path

import yaml

from zoo.options.folders import at_home
from zoo.options.ranges import shown

LARGEST = 100_000  # values of a recipe


def read_yaml(file: Path, what: str = "a recipe: its sections are model, data and so on") -> dict:
    """The mapping of a YAML file, `~/` in it as the user's folder.

    Raises:
        ValueError: naming the file, if it is no YAML, no mapping, names a key twice, or grows beyond all bounds by
            its anchors.
        OSError: if it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
        twice = named_twice(yaml.compose(text, yaml.SafeLoader), set())
        found = yaml.safe_load(text)
        grown = size_of(found)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not YAML: it is no text in UTF-8") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if twice:
        raise ValueError(f"{file} names {twice}, and YAML would keep the last alone: make them one")
    if grown > LARGEST:
        raise ValueError(f"{file} is not a recipe: its anchors grow to more than {LARGEST:,} values")
    if not isinstance(found, dict | None) or any(not isinstance(key, str) for key in found or {}):
        raise ValueError(f"{file} is not {what}")
    return at_home(found or {})


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


def named_twice(node: yaml.Node | None, seen: set[int]) -> str:
    """The first key that stands twice in one mapping, and its lines; nothing if none does.

    Args:
        node: the tree as it is written, in which `<<` brings nothing in yet.
        seen: nodes that were looked at: anchors share them.
    """
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return ""
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return next((twice for part in node.value if (twice := named_twice(part, seen))), "")
    lines: dict[object, int] = {}
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":  # several may stand in one mapping
            continue
        name, line = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else key, key.start_mark.line + 1
        if name in lines:
            return f"{key.value} twice, in lines {lines[name]} and {line}"
        lines[name] = line
        if twice := named_twice(value, seen):
            return twice
    return ""


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
