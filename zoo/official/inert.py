"""What the opcodes of a pickle make, without anything being run: labels, inert objects, and checked arrays."""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

#: the classes of the two official networks, older file first (tfutil.py, dnnlib/tflib/network.py)
NETWORKS = ("tfutil.Network", "dnnlib.tflib.network.Network")
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
            raise Refused(f"it holds an array of type {printable(code)}, and only plain numbers are read")
        try:
            self.value = np.dtype(code)
        except TypeError as error:
            raise Refused(f"it holds an array of type {printable(code)}, which does not exist") from error

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
        raise Refused(f"it holds an array of the shape {printable(shape)}, which does not exist")
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


def printable(value: Any) -> str:
    """What a file holds, for a sentence: text as it is, all else cut, as nested lists may have no end."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    return "".join(c if c.isprintable() else "?" for c in text[:120])
