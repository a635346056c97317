"""What a file of weights turned out to be, and how its settings are read with care."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from zoo.official.inert import Refused, printable

Arrays = dict[str, np.ndarray]


@dataclass
class Found:
    """A paper's networks in a file.

    Args:
        paper: name in the zoo.
        settings: arguments of the paper's class.
        arrays: "G", "D" and "G_ema" -> official name -> array, of those that the file has.
        convert: "G" and "D" -> what makes our state of these arrays.
        networks: "G" and "D" -> all arguments of the network's class, where `settings` cannot say it.
        fill: our names, or beginnings of them, that a file may lack: they are zeros then.
        left_out: what the file holds and the zoo has no use for.
        source, licence: of the authors' release, of which this file is a copy or a relative.
        lod: levels that a growing network still lacks.
        notes: what else a user should know.
    """

    paper: str
    settings: dict
    arrays: dict[str, Arrays]
    convert: dict[str, Callable[[Arrays], dict[str, Tensor]]]
    source: str
    licence: str
    networks: dict[str, dict] = field(default_factory=dict)
    fill: tuple[str, ...] = ("num_batches_tracked", ".sv")
    left_out: list[str] = field(default_factory=list)
    lod: float = 0.0
    notes: list[str] = field(default_factory=list)


def of(arrays: Mapping[str, np.ndarray], name: str, ndim: int) -> np.ndarray:
    """One array that the settings are read from.

    Raises:
        Refused: if it is missing, or has another number of dimensions.
    """
    if name not in arrays:
        raise Refused(f"it lacks {name}")
    if arrays[name].ndim != ndim:
        raise Refused(f"{name} has the shape {arrays[name].shape}, and {ndim} dimensions were expected")
    return arrays[name]


def whole(table: Mapping[str, Any], name: str, default: int, most: int = 2**20, least: int = 0) -> int:
    """A whole number of the constructor's arguments, or the authors' default."""
    value = table.get(name, default)
    if isinstance(value, np.integer | np.ndarray) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise Refused(f"it states {name} = {printable(value)}, which cannot be")
    return value


def number(table: Mapping[str, Any], name: str, default: float) -> float:
    """A number of the constructor's arguments, or the authors' default."""
    value = table.get(name, default)
    if not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise Refused(f"it states {name} = {printable(value)}, which cannot be")
    return float(value)


def flag(table: Mapping[str, Any], name: str, default: bool) -> bool:
    value = table.get(name, default)
    if not isinstance(value, bool | np.bool_ | int):
        raise Refused(f"it states {name} = {printable(value)}, which cannot be")
    return bool(value)


def only(table: Mapping[str, Any], **values: Any) -> None:
    """Refuse a setting that the zoo does not build; `values`: name -> the one value that it does."""
    for name, value in values.items():
        given = table.get(name, value)
        if isinstance(given, tuple):
            given = list(given)
        if not isinstance(given, type(value)) or given != value:
            raise Refused(f"it states {name} = {printable(given)}, which the zoo builds as {value} only")


def agree(table: Mapping[str, Any], name: str, value: int) -> None:
    """Refuse a statement that the arrays contradict."""
    if table.get(name) is not None and whole(table, name, value) != value:
        raise Refused(f"it states {name} = {table[name]}, but its arrays are those of {value}")


def multiple(channels: int, factor: int, what: str) -> int:
    """The width of which `channels` are `factor` times as many."""
    if channels < 1 or channels % factor:
        raise Refused(f"{what} has {channels} channels, and a multiple of {factor} was expected")
    return channels // factor
