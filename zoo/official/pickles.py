"""Pickles read without running anything: their opcodes are replayed over inert objects.

A pickle is a program: the ordinary reader imports and calls what it names. This one imports nothing. A name on the
list becomes a label, a call of one becomes an `Inert` object with its arguments, and only arrays are rebuilt, by
code of the zoo that checks every size against the bytes that are there. Any other name is an error.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

#: the classes of the two official networks, older file first (tfutil.py, dnnlib/tflib/network.py)
NETWORKS = ("tfutil.Network", "dnnlib.tflib.network.Network")
DEPTH = 100_000  # marks, opcodes of a stack: a real file needs some thousands at most
TEXT = "latin1"  # of Python 2's strings


class Refused(ValueError):
    """A file that is not read, in one sentence."""


@dataclass(frozen=True)
class Name:
    """A name of the list: a class or function that is never looked up."""

    path: str


class Inert:
    """What a call of a listed name would have made: its arguments and state, nothing else."""

    def __init__(self, path: str, args: tuple = ()) -> None:
        self.path, self.args, self.state = path, args, None
        self.items: dict = {}  # of a dict's subclass


class Array:
    """A numpy array on its way: empty until its state has come."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None


class DType:
    """A numpy dtype of plain numbers."""

    def __init__(self, code: Any) -> None:
        if isinstance(code, bytes):
            code = code.decode(TEXT)
        if not isinstance(code, str) or code.lstrip("<>|=")[:1] not in tuple("fiub") or len(code) > 4:
            raise Refused(f"it holds an array of type {code!r}, and only plain numbers are read")
        try:
            self.value = np.dtype(code)
        except TypeError as error:
            raise Refused(f"it holds an array of type {code!r}, which does not exist") from error

    def set(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "=", b"<", b">", b"|"):
            raise Refused("it holds a type of numbers in an unknown form")
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.value = self.value.newbyteorder(order)


def array(state: Any) -> np.ndarray:
    """The array of `ndarray.__setstate__`'s argument: (version, shape, dtype, fortran order, bytes)."""
    if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], DType)):
        raise Refused("it holds an array in an unknown form")
    _, shape, dtype, fortran, raw = state
    if isinstance(raw, str):
        raw = latin1(raw)
    return shaped(raw, shape, dtype.value, bool(fortran))


def shaped(raw: Any, shape: Any, dtype: np.dtype, fortran: bool = False) -> np.ndarray:
    """`raw` as an array in the machine's byte order, if there are exactly as many bytes as its shape needs."""
    if not isinstance(raw, bytes | memoryview):
        raise Refused("it holds an array whose numbers are not bytes")
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or len(shape) > 16:
        raise Refused(f"it holds an array of the shape {str(shape)[:80]}, which does not exist")
    need = dtype.itemsize
    for n in shape:
        need *= n
    if need != len(raw):
        raise Refused(f"it announces an array of shape {shape}, {need:,} bytes, and holds {len(raw):,} of them")
    values = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
    return values.astype(dtype.newbyteorder("="), copy=False)


def latin1(text: str) -> bytes:
    try:
        return text.encode(TEXT)
    except UnicodeEncodeError as error:
        raise Refused("it holds bytes in an unknown form") from error


def encode(args: tuple) -> bytes:
    """`_codecs.encode`, as Python 3 writes bytes in old protocols."""
    if not args or not isinstance(args[0], str) or args[1:] not in (("latin1",), ("latin-1",)):
        raise Refused("it calls _codecs.encode otherwise than bytes need it")
    return latin1(args[0])


def scalar(args: tuple) -> np.generic:
    if len(args) != 2 or not isinstance(args[0], DType):
        raise Refused("it holds a number of numpy's in an unknown form")
    raw = latin1(args[1]) if isinstance(args[1], str) else args[1]
    return shaped(raw, (), args[0].value)[()]


def ordered(args: tuple) -> dict:
    pairs = args[0] if args else []
    if (
        len(args) > 1
        or not isinstance(pairs, list)
        or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs)
    ):
        raise Refused("it holds a dictionary in an unknown form")
    made: dict = {}
    for key, value in pairs:
        put(made, key, value)
    return made


def inert(path: str) -> Callable[[tuple], Inert]:
    return lambda args: Inert(path, args)


NUMPY = {
    f"{module}.{name}": make
    for module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
    for name, make in {
        "_reconstruct": lambda args: Array(),
        "ndarray": lambda args: Array(),
        "dtype": lambda args: DType(args[0] if args else None),
        "scalar": scalar,
    }.items()
}
PLAIN: dict[str, Callable[[tuple], Any]] = NUMPY | {"_codecs.encode": encode, "collections.OrderedDict": ordered}
#: what the pickled networks of PGGAN and StyleGAN may name, and what a call of it makes here
TFLIB = PLAIN | {"dnnlib.util.EasyDict": lambda args: ordered(args)} | {name: inert(name) for name in NETWORKS}


def put(target: Any, key: Any, value: Any) -> None:
    """target[key] = value, for plain keys."""
    if isinstance(target, Inert):
        target = target.items
    if type(target) is not dict or not isinstance(key, str | int | bytes | float | bool | None):
        raise Refused("it sets an entry of what is no dictionary, or under no plain key")
    target[key] = value


def build(target: Any, state: Any) -> Any:
    """What BUILD does to what was made: a state is kept, never acted on."""
    if isinstance(target, Array):
        target.value = array(state)
    elif isinstance(target, DType):
        target.set(state)
    elif isinstance(target, Inert):
        target.state = state
    elif type(target) is dict:  # an OrderedDict's attributes, such as a state dict's _metadata
        pass
    else:
        raise Refused("it gives a state to what takes none")
    return target


def numbers(value: Any, what: str) -> np.ndarray:
    """The array that stands where `what` is expected.

    Raises:
        Refused: if something else does.
    """
    found = value.value if isinstance(value, Array) else value
    if isinstance(found, np.generic | int | float) and not isinstance(found, bool):
        found = np.asarray(found)
    if not isinstance(found, np.ndarray):
        raise Refused(f"{printable(what)} is no array")
    return found


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
        path = f"{module}.{name}"
        module = str(module)
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


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:120]


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
