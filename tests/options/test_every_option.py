"""Every number that a user may give has a range, and what lies outside is told: also of options added tomorrow."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

import zoo.data
from zoo.__main__ import COMMANDS
from zoo.baselines import BASELINES, baseline_class
from zoo.data import ImageDataModule
from zoo.data.plane import Points
from zoo.engine.checkpoints import Checkpoints
from zoo.engine.collapse import CollapseWatch
from zoo.engine.introspection import Introspection
from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.imitation.counted import Counted
from zoo.options.checked import annotations, check, defaults, mismatch
from zoo.options.ranges import LARGEST, RANGES, Range, shown, words
from zoo.papers import PAPERS, paper_class
from zoo.training.evaluate import Evaluate
from zoo.training.samples import Samples

MODELS = [*map(paper_class, PAPERS), *map(baseline_class, BASELINES), *map(algorithm_class, ALGORITHMS)]
SETS = [one for one in vars(zoo.data).values() if isinstance(one, type) and issubclass(one, ImageDataModule)]
CLASSES = [*MODELS, *SETS, Points, Checkpoints, CollapseWatch, Introspection, Samples, Evaluate]


def parts(hint: Any) -> Iterator[Any]:
    """The types that an annotation is made of, but the keys of a mapping, which are JSON's."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        for one in inner:
            yield from parts(one)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from parts(inner[1])
    else:
        yield hint


def ranged(hint: Any) -> bool:
    return any(isinstance(one, type) and issubclass(one, Range) for one in parts(hint))


def of_class(cls: type) -> dict[str, Any]:
    """Annotations of a class's options, those that `**options` hands on included."""
    return {name: hint for hints, _ in reversed(annotations(cls)) for name, hint in hints.items()}


def verbs(commands: dict, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for word, what in commands.items():
        if isinstance(what, dict):
            yield from verbs(what, (*before, word))
        elif callable(what):
            yield (*before, word), what


VERBS = dict(verbs(COMMANDS))


@st.composite
def outside(draw: st.DrawFn, kind: type[Range]) -> Any:
    """A value that a range does not take."""
    found: list[st.SearchStrategy] = [st.sampled_from(["many", "nan", "inf", "-inf", "true", "[1]"])]
    number = st.integers if kind.base is int else st.floats
    bounds = {} if kind.base is int else {"allow_nan": False, "allow_infinity": False}
    low = kind.low if kind.low is not None else kind.above
    high = kind.high if kind.high is not None else kind.below
    if low is not None:
        found.append(number(max_value=low, **bounds).filter(lambda x: x < low or kind.above is not None))
    if high is not None:
        found.append(number(min_value=high, **bounds).filter(lambda x: x > high or kind.below is not None))
    if kind.base is int:
        found += [st.integers(min_value=max(LARGEST, kind.high or 0) + 1), st.just("1.5")]
    return draw(st.one_of(found))


def wrong(hint: Any, value: Any) -> Any:
    """The value where a number stands in an annotation."""
    for one in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        origin, inner = get_origin(one), get_args(one)
        if isinstance(one, type) and issubclass(one, Range):
            return value
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {8: value}
        if origin is tuple and Ellipsis not in inner:
            return [value] * len(inner)
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return [value]
    raise AssertionError(hint)


def kind_of(hint: Any) -> type[Range]:
    return next(one for one in parts(hint) if isinstance(one, type) and issubclass(one, Range))


# ---- no number without a range


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_constructors_have_no_bare_numbers_and_defaults_within(cls):
    for name, hint in of_class(cls).items():
        assert not {int, float} & set(parts(hint)), f"{cls.__name__}.{name} has no range: {hint}"
    for name, value in defaults(cls).items():
        if value is not inspect.Parameter.empty and name in of_class(cls):
            assert mismatch(value, of_class(cls)[name]) is None, name


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_verbs_have_no_bare_numbers_and_defaults_within(verb):
    hints = get_type_hints(VERBS[verb])
    for name, parameter in inspect.signature(VERBS[verb]).parameters.items():
        assert not {int, float} & set(parts(hints[name])), f"{' '.join(verb)} --{name} has no range: {hints[name]}"
        if parameter.default is not parameter.empty and ranged(hints[name]):
            assert mismatch(parameter.default, hints[name]) is None, name


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
def test_every_option_of_a_model_is_there_with_its_line_of_help(cls):
    parser = ArgumentParser()
    parser.add_class_arguments(cls, "model")
    told = {a.dest.removeprefix("model."): a.help for a in parser._actions if a.dest.startswith("model.")}
    settled = defaults(cls).keys() - told.keys()
    assert not settled or issubclass(cls, Counted)  # a thin subclass settles options of the class above
    assert [name for name, line in told.items() if not (line or "").strip()] == []


# ---- what lies outside is told


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_constructors_tell_option_value_and_range(cls, data):
    hints = {name: hint for name, hint in of_class(cls).items() if ranged(hint)}
    name = data.draw(st.sampled_from(sorted(hints)))
    value = data.draw(outside(kind_of(hints[name])))
    with pytest.raises(ValueError, match=f"^{name} takes ") as caught:
        cls(**{name: wrong(hints[name], value)})
    said = str(caught.value)
    assert said.removesuffix(", which is text").endswith(f", not {shown(value)}"), said
    assert words(kind_of(hints[name])).split(" from ")[0].split(" of ")[0] in said


@pytest.mark.parametrize("kind", RANGES.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=50, deadline=None)
@given(value=st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text()))
def test_a_range_gives_a_plain_number_or_refuses(kind, value):
    if type(value) in (int, float) and math.isfinite(value) and mismatch(value, kind) is None:
        assert type(kind(value)) is kind.base
        assert kind.holds(kind(value))
    elif not isinstance(value, str):
        with pytest.raises(ValueError, match=r"^a (whole |finite )?number"):
            kind(value)


def test_subclasses_of_users_are_free():
    class Mine(Checkpoints):
        def __init__(self, keep: str = "all") -> None:
            super().__init__()
            self.kept = keep

    assert Mine(keep="none").kept == "none"
    check(Mine, (), {"keep": 3})


def test_a_number_in_quotes_is_told_to_be_text():
    with pytest.raises(ValueError, match=r"8,192, not 16, which is text"):
        paper_class("r1gan")(resolution="16")
    with pytest.raises(ValueError, match=r"not sixteen$"):
        paper_class("r1gan")(resolution="sixteen")
