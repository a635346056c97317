"""Constructors that refuse what their annotations do not take, before anything is built."""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from zoo.options.ranges import Range, shown, words


class Checked:
    """Mixin: arguments of `__init__` are held against its annotations.

    Only what can be told for certain is refused: numbers, choices, true and false, and lists and mappings of these.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        check(cls, args, kwargs)
        above = super().__new__
        return above(cls) if above is object.__new__ else above(cls, *args, **kwargs)


def check(cls: type, args: tuple, kwargs: dict) -> None:
    """Refuse arguments of a class that its annotations do not take.

    Raises:
        ValueError: naming the option, the value, and what it takes.
    """
    try:
        given = inspect.signature(cls.__init__).bind_partial(None, *args, **kwargs).arguments
    except TypeError:
        return  # Python's own message names the argument
    for hints, more in annotations(cls):
        given = given | given.get(more, {})
        for name in hints.keys() & given.keys():
            refuse(name, given[name], hints[name])


def refuse(name: str, value: object, hint: Any) -> None:
    """Raise ValueError unless the value of the option `name` fits its annotation."""
    if (wrong := mismatch(value, hint)) is not None:
        looks = isinstance(wrong[0], str) and not isinstance(read_as(wrong[0]), str)  # like what it takes
        kind = ", which is text" if looks else ""
        raise ValueError(f"{name} takes {described(hint)}, not {shown(wrong[0])}{kind}")


def read_as(text: str) -> object:
    """What a text would be if it stood in a recipe: a number, true, false, null, or a text."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


@cache
def annotations(cls: type) -> list[tuple[dict[str, Any], str]]:
    """Annotations of `__init__` and the name of its `**options`, then those of what takes these."""
    return [
        ({k: v for k, v in get_type_hints(function).items() if k in names}, more)
        for function, names, more in constructors(cls)
    ]


def defaults(cls: type) -> dict[str, Any]:
    """Every option of a class, those that `**options` hand on included, and its default, `empty` if it has none."""
    found: dict[str, Any] = {}
    for function, names, _ in constructors(cls):
        parameters = inspect.signature(function).parameters
        found = {name: parameters[name].default for name in names} | found
    return found


def constructors(cls: type) -> list[tuple[Any, list[str], str]]:
    """`__init__`, the names of its options and that of its `**options`, then what takes these, and so on.

    That is the class's attribute of the same name, a function whose keyword-only arguments they are, or else the
    next class.
    """
    found = []
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters
        more = next((p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD), "")
        names = [p.name for p in parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        found.append((base.__init__, [name for name in names if name != "self"], more))
        if taker := vars(base).get(more):
            keywords = inspect.signature(taker).parameters.values()
            found.append((taker, [p.name for p in keywords if p.kind is p.KEYWORD_ONLY], ""))
        if not more or taker:
            break
    return found


def mismatch(value: object, hint: Any) -> tuple[object] | None:
    """The value, or the part of it, that does not fit an annotation, in a tuple of its own; None if it fits."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Range):
        try:
            hint(value) if not isinstance(value, str) else hint(None)
        except ValueError:
            return (value,)
        return None
    if hint is bool or hint is type(None):
        return None if isinstance(value, hint) else (value,)
    if origin is Literal:
        return None if any(value == one and type(value) is type(one) for one in inner) else (value,)
    if origin in (Union, UnionType):
        wrong = [mismatch(value, one) for one in inner]
        return None if None in wrong else wrong[0]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return (value,)
        pairs = [(k, inner[0]) for k in value] + [(v, inner[1]) for v in value.values()]
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        if isinstance(value, str) or not isinstance(value, Sequence):
            return (value,)
        fixed = origin is tuple and Ellipsis not in inner
        if fixed and len(value) != len(inner):
            return (value,)
        pairs = list(zip(value, inner if fixed else [inner[0]] * len(value), strict=True))
    else:
        return None
    return next((wrong for one, kind in pairs if (wrong := mismatch(one, kind)) is not None), None)


def described(hint: Any) -> str:
    """What an annotation takes, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Range):
        return words(hint)
    if hint in (bool, type(None)):
        return "true or false" if hint is bool else "null"
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(described(one) for one in inner))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping to {described(inner[1])}"
    if origin is tuple and Ellipsis not in inner:
        return f"{len(inner)} of {described(inner[0])}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {described(inner[0])}"
    return {"int": "a whole number", "float": "a number", "str": "text"}.get(
        getattr(hint, "__name__", ""), str(hint)
    )
