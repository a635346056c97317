"""A user's mistake as one sentence.

jsonargparse tells every way in which a value failed to fit, over many lines; the operating system names a file
and no mend.
"""

import difflib
import json
import multiprocessing
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser

from zoo.engine.failures import Diverged
from zoo.options.checked import defaults
from zoo.options.folders import at_home
from zoo.options.ranges import RANGES, shown, words

#: what is told instead of a type's name
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "dict": "{name: value}",
    "list": "a list such as [a,b]",
    "Sequence": "a list such as [a,b]",
}
#: kinds of errors whose texts are sentences, or become one
KNOWN = (Diverged, ValueError, OSError, ImportError, zipfile.BadZipFile, yaml.YAMLError, json.JSONDecodeError)
TYPE = re.compile(
    r"Expected a (?:<class '([\w.]+)'>|typing\.Literal\[(.*)\](?=\. Got|$))|Not of type (\w+): (?:(.*), not (.*))?",
    re.M,
)


@contextmanager
def door() -> Iterator[None]:
    """The command line's door: what goes wrong behind it is one sentence and exit code 2, or 1 where it diverged.

    Ctrl-C is one sentence too, and exit code 130, as of any program that it ends. What is no mistake that is known
    here is told as such. With ZOO_DEBUG=1 every error shows its traceback.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        for child in multiprocessing.active_children():  # where the signal came to this process alone
            child.terminate()
        print(f"stopped{f': {stop}' if str(stop) else ''}", file=sys.stderr)
        raise SystemExit(130) from stop
    except Exception as error:
        refuse(error)


def refuse(error: Exception) -> NoReturn:
    """End with a sentence, and with code 2; 1 if training has diverged."""
    if os.environ.get("ZOO_DEBUG"):
        raise error
    print(f"error: {sentence(error)}", file=sys.stderr)
    raise SystemExit(1 if isinstance(error, Diverged) else 2) from error


def sentence(error: Exception | str) -> str:
    """What to tell the user of `error`."""
    if isinstance(error, RecursionError):
        return "what was given is nested too deeply: make it flat"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error):
        said = " ".join(str(error).split())[:200]
        return f"there is not enough memory for this: make batch, width or number smaller ({said})"
    if found := re.match(r"(-?\d+) is not in bounds, numpy accepts", str(error)):  # Lightning's
        return f"seed_everything takes {words(RANGES['Seed'])}, not {found[1]}"
    if found := re.search(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error)):
        return f"{found[1] or found[2]} has no option {found[3]}: leave it out, or look at its options with --help"
    if isinstance(error, Exception) and not isinstance(error, KNOWN):
        return (
            f"{type(error).__name__}: {' '.join(str(error).split())}; the zoo does not know this mistake: "
            "ZOO_DEBUG=1 shows where it was made"
        )
    if isinstance(error, UnicodeDecodeError):
        return f"a file is not text in UTF-8 ({error}): give another"
    if isinstance(error, OSError) and error.errno and error.filename:  # the zoo's own have a text alone
        return f"{error.filename}: {error.strerror}; give another path, or mend this one"
    text = str(error)
    key = ".".join(re.findall(r'Parser key "(.*?)"', text))
    if refused := re.search(r"Errors:\s*- (?!Expected|Problem|Not of type)(.*)", text):  # by a class of the zoo
        return refused[1]
    if missing := re.search(r"Expected a dot import path string: (\S+)", text):
        import zoo.data

        kinds = {k: v for k, v in vars(zoo.data).items() if isinstance(v, type)}
        known = sorted(k for k, v in kinds.items() if issubclass(v, zoo.data.ImageDataModule))
        return f"{key}: there is no {missing[1]}; there are {', '.join(known)}"
    if refused := re.search(r"Problem with given class_path '(?:\w+\.)*(\w+)':\s*(?!\s|Parser key)(.*)", text):
        if unknown := re.match(r"Option '(\w+)' is not accepted", refused[2]):
            import zoo.data

            known = defaults(kind) if isinstance(kind := getattr(zoo.data, refused[1], None), type) else ()
            return f"{key}: {refused[1]} has no option {unknown[1]}{near(unknown[1], known)}; --help tells all"
        return f"{key}: {refused[1]}: {refused[2]}"
    found = TYPE.findall(text)
    wanted = dict.fromkeys(
        said
        or (words(RANGES[kind]) if kind in RANGES else kind)
        or choices.replace("'", "")
        or TYPES.get(name.rpartition(".")[2], name)
        for name, choices, kind, said, _ in found
        if name != "NoneType"
    )
    value = re.findall(r"(?:Given|Got) value: (.*)", text) or [one[4] for one in found if one[4]]
    if wanted and value:
        given = re.sub(r"^NestedArg\(key='.*?', val='(.*)'\)$", r"\1", value[-1])
        return f"{key} takes {' or '.join(wanted)}, not {shown(given)}"
    return " ".join(text.split())


def near(name: str, known: Iterable[str]) -> str:
    """What to tell behind a name that is none: the known one that it is nearly."""
    found = difflib.get_close_matches(name, known, 1, 0.75)
    return f" (did you mean {found[0]}?)" if found else ""


def refuse_blank(args: Sequence[object]) -> None:
    """Refuse an option that is given nothing, as by a shell variable that is not set: it is not left out.

    Raises:
        ValueError: naming it.
    """
    for word, following in pairwise([*map(str, args), "none behind the last"]):
        name, equals, value = word.partition("=")
        if name.startswith("--") and not (value if equals else following).strip():
            raise ValueError(f"{name} is empty: give it a value, or leave it out")


class Sentences:
    """For a parser of jsonargparse: it ends with a sentence."""

    def parse_args(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        self.words = args = at_home(list(sys.argv[1:] if args is None else args))
        refuse_blank(args)
        return super().parse_args(args, *more, **options)  # type: ignore[misc]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if found := re.match(r"unrecognized arguments: (--[^\s=]+)", message):
            known = [option for parser in self.path() for option in parser._option_string_actions]
            message = f"there is no option {found[1]}{near(found[1], known)}; --help tells all"
        super().error(sentence(message) if self.exit_on_error else message, ex)

    def path(self) -> Iterator[ArgumentParser]:
        """This parser, and those of the subcommands that are asked for."""
        yield (parser := self)
        for word in self.words:
            names = next((a.choices for a in parser._actions if isinstance(a.choices, dict)), {})
            if word in names:
                yield (parser := names[word])


class Parser(Sentences, ArgumentParser):
    """The parser of `zoo`."""
