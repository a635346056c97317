"""Pickles read without running anything: their opcodes are replayed over inert objects.

A pickle is a program: the ordinary reader imports and calls what it names. This one imports nothing. A name on the
list becomes a label, a call of one becomes an `Inert` object with its arguments, and only arrays are rebuilt, by
code of the zoo that checks every size against the bytes that are there. Any other name is an error.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from zoo.official.inert import TFLIB, Name, Refused, build, inert, printable, put

DEPTH = 100_000  # marks, opcodes of a stack: a real file needs some thousands at most


class Reader:
    """One pickle's stack machine.

    Args:
        names: "module.name" -> what a call of it makes of its arguments; the names that may stand in the file.
        persistent: what a persistent identifier stands for; None refuses any.
        families: beginnings of further names whose objects stay inert, such as "torch.nn.modules.".
    """

    def __init__(
        self,
        names: Mapping[str, Callable[[tuple], Any]],
        persistent: Callable[[Any], Any] | None = None,
        families: tuple[str, ...] = (),
    ) -> None:
        self.names, self.persistent, self.families = names, persistent, families
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, Any] = {}

    # ---- the stack

    def pop(self) -> Any:
        if not self.stack:
            raise Refused("it is damaged: its program takes what it never put down")
        return self.stack.pop()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def marked(self) -> list:
        """Everything since the last mark."""
        if not self.marks:
            raise Refused("it is damaged: its program takes what it never put down")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def top(self) -> Any:
        if not self.stack:
            raise Refused("it is damaged: its program takes what it never put down")
        return self.stack[-1]

    # ---- names and calls

    def name(self, module: Any, name: Any) -> Name:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise Refused("it names what is no text: nothing of it was run")
        path = f"{module}.{name}"
        if path not in self.names and not path.startswith(self.families or ("\0",)):
            raise Refused(f"it names {printable(path)}, which no such file needs: nothing of it was run")
        return Name(path)

    def call(self, called: Any, args: Any) -> Any:
        if not isinstance(called, Name) or not isinstance(args, tuple):
            raise Refused("it calls what is no listed name")
        make = self.names.get(called.path, inert(called.path))
        return make(args)

    # ---- the program

    def read(self, file: BinaryIO) -> Any:
        """The object of one pickle, from the file's position to behind its end.

        Raises:
            Refused: for a name that is not on the list, and for anything damaged.
        """
        try:
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name == "STOP":
                    return self.pop()
                self.step(opcode.name, argument)
                if len(self.stack) > 50 * DEPTH or len(self.marks) > DEPTH:
                    raise Refused("it is damaged: its program never ends")
        except Refused:
            raise
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError, UnicodeError) as error:
            raise Refused(f"it is damaged or cut short ({printable(str(error))})") from error
        raise Refused("it is cut short: its end is missing")

    def step(self, name: str, argument: Any) -> None:
        """One opcode."""
        if name in CONSTANTS:
            made = CONSTANTS[name]
            self.push(made() if callable(made) else made)
        elif name in VALUES:
            self.push(argument)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.top()
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.top()
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.push(self.memo[int(argument)])
        elif name in ("GLOBAL", "INST"):
            made = self.name(*argument.split(" ", 1))
            self.push(self.call(made, tuple(self.marked())) if name == "INST" else made)
        elif name not in ("PROTO", "FRAME"):
            action = ACTIONS.get(name)
            if action is None:
                raise Refused(f"it uses {name}, which no such file needs: nothing of it was run")
            action(self)


#: opcodes that put their argument down; Python 2's strings come as text by genops
VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
CONSTANTS |= {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}


def _mark(r: Reader) -> None:
    r.marks.append(r.stack)
    r.stack = []


def _tuple(n: int) -> Callable[[Reader], None]:
    def act(r: Reader) -> None:
        items = [r.pop() for _ in range(n)]
        r.push(tuple(reversed(items)))

    return act


def _appends(r: Reader, items: list) -> None:
    target = r.top()
    if type(target) is not list:
        raise Refused("it appends to what is no list")
    target += items


def _setitems(r: Reader, items: list) -> None:
    if len(items) % 2:
        raise Refused("it is damaged: a key without its value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        put(r.top(), key, value)


def _dict(r: Reader) -> None:
    items = r.marked()
    r.push({})
    _setitems(r, items)


def _append(r: Reader) -> None:
    _appends(r, [r.pop()])


def _setitem(r: Reader) -> None:
    value, key = r.pop(), r.pop()
    put(r.top(), key, value)


def _reduce(r: Reader) -> None:
    args, called = r.pop(), r.pop()
    r.push(r.call(called, args))


def _newobj_ex(r: Reader) -> None:
    options, args, called = r.pop(), r.pop(), r.pop()
    if options:
        raise Refused("it calls a listed name with unknown options")
    r.push(r.call(called, args))


def _build(r: Reader) -> None:
    state = r.pop()
    r.push(build(r.pop(), state))


def _stack_global(r: Reader) -> None:
    name, module = r.pop(), r.pop()
    r.push(r.name(module, name))


def _persistent(r: Reader) -> None:
    identifier = r.pop()
    if r.persistent is None:
        raise Refused("it refers to numbers that lie outside of it")
    r.push(r.persistent(identifier))


ACTIONS: dict[str, Callable[[Reader], None]] = {
    "MARK": _mark,
    "POP": lambda r: r.stack.pop() if r.stack else r.marked(),
    "POP_MARK": lambda r: r.marked(),
    "DUP": lambda r: r.push(r.top()),
    "TUPLE": lambda r: r.push(tuple(r.marked())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda r: r.push(r.marked()),
    "DICT": _dict,
    "APPEND": _append,
    "APPENDS": lambda r: _appends(r, r.marked()),
    "SETITEM": _setitem,
    "SETITEMS": lambda r: _setitems(r, r.marked()),
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": _build,
    "STACK_GLOBAL": _stack_global,
    "BINPERSID": _persistent,
}


def read(data: bytes | memoryview | BinaryIO, names: Mapping[str, Callable[[tuple], Any]] = TFLIB) -> Any:
    """The object of a pickle whose names are all in `names`.

    Raises:
        Refused: otherwise, and for anything damaged.
    """
    return Reader(names).read(io.BytesIO(data) if isinstance(data, bytes | memoryview) else data)
