"""What `torch.save` wrote, read without torch's own look-up: both layouts, state dicts and pickled modules.

The layouts are PyTorch's (torch/serialization.py): since 1.6 a zip of uncompressed records `NAME/data.pkl` and
`NAME/data/KEY`; before, five pickles one after the other, then each storage behind its length. Tensors come as
numpy arrays, bfloat16 as float32. Modules and whatever else torch pickles stay inert.
"""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from zoo.official.inert import PLAIN, Inert, Name, Refused, inert, ordered, printable
from zoo.official.pickles import Reader

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py
TYPES = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bf16"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1"},
    **{"ByteStorage": "u1", "BoolStorage": "?"},
}
#: objects of these stay inert: the layers of a pickled module, and IntroVAE's own classes
FAMILIES = ("torch.nn.modules.", "torch.nn.parallel.", "torch.nn.backends.", "networks.")


class Storage:
    """The numbers that tensors are views of, one after the other; filled later in the old layout."""

    def __init__(self, kind: str, numel: int) -> None:
        self.kind, self.numel, self.raw = kind, numel, memoryview(b"")

    @property
    def itemsize(self) -> int:
        return 2 if self.kind == "bf16" else np.dtype(self.kind).itemsize

    def values(self) -> np.ndarray:
        if self.kind != "bf16":
            return np.frombuffer(self.raw, self.kind)
        return (np.frombuffer(self.raw, "<u2").astype("<u4") << 16).view("<f4")


class Tensor:
    """A view of a storage: `array` once that is filled."""

    def __init__(self, storage: Any, offset: Any, shape: Any, stride: Any) -> None:
        for numbers in (shape, stride):
            if not isinstance(numbers, tuple) or not all(type(n) is int and n >= 0 for n in numbers):
                raise Refused(f"it holds a tensor of the shape {printable(shape)}, which does not exist")
        if not isinstance(storage, Storage) or type(offset) is not int or offset < 0 or len(shape) != len(stride):
            raise Refused("it holds a tensor in an unknown form")
        last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
        if math.prod(shape) > storage.numel or (math.prod(shape) and last >= storage.numel):
            raise Refused(f"it announces a tensor of shape {shape} in a storage of {storage.numel:,} numbers")
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self) -> np.ndarray:
        values = self.storage.values()
        if not math.prod(self.shape):
            return np.zeros(self.shape, values.dtype)
        strides = [n * values.itemsize for n in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


def tensor(args: tuple) -> Tensor:
    if len(args) < 4:
        raise Refused("it holds a tensor in an unknown form")
    return Tensor(*args[:4])


def parameter(args: tuple) -> Any:
    if not args or not isinstance(args[0], Tensor):
        raise Refused("it holds a parameter in an unknown form")
    return args[0]


NAMES: dict[str, Callable[[tuple], Any]] = {
    **PLAIN,
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": parameter,
    "torch.nn.parameter.Parameter": parameter,
    "torch.Size": lambda args: tuple(args[0]) if args and isinstance(args[0], list | tuple) else (),
    "torch.device": inert("torch.device"),
    "collections.defaultdict": lambda args: ordered(args[1:]),
    "__builtin__.set": inert("set"),  # a module's _non_persistent_buffers_set
    "builtins.set": inert("set"),
    **{f"torch.{name}": inert(f"torch.{name}") for name in TYPES},
}


def reader(persistent: Callable[[Any], Any]) -> Reader:
    return Reader(NAMES, persistent, FAMILIES)


def announced(identifier: Any) -> tuple[str, str, int]:
    """(kind of numbers, key, how many) of ("storage", type, key, device, numel, ...)."""
    if not (isinstance(identifier, tuple) and len(identifier) >= 5 and identifier[0] == "storage"):
        raise Refused("it refers to something else than numbers")
    kind, key, numel = identifier[1], identifier[2], identifier[4]
    name = kind.path.removeprefix("torch.") if isinstance(kind, Name) else ""
    if name not in TYPES:
        raise Refused(f"it holds numbers of the type {printable(name)}, which is not read")
    if not isinstance(key, str | int) or type(numel) is not int or numel < 0:
        raise Refused("it refers to numbers in an unknown form")
    return TYPES[name], str(key), numel


def read_zip(file: BinaryIO) -> Any:
    """The object of a file in the present layout.

    Raises:
        Refused: for a record that is compressed, lacks numbers, or names what is not on the list.
    """
    with zipfile.ZipFile(file) as archive:
        size = file.seek(0, io.SEEK_END)
        infos = {info.filename: info for info in archive.infolist()}
        if any(i.compress_type != zipfile.ZIP_STORED or i.file_size > size for i in infos.values()):
            raise Refused("its records are compressed or larger than the file, which torch.save never does")
        program = next((name for name in infos if name.rpartition("/")[2] == "data.pkl"), None)
        folder = program.removesuffix("data.pkl")
        if f"{folder}byteorder" in infos and archive.read(f"{folder}byteorder") != b"little":
            raise Refused("its numbers are big-endian")
        storages: dict[str, Storage] = {}

        def persistent(identifier: Any) -> Storage:
            kind, key, numel = announced(identifier)
            if key not in storages:
                storages[key] = made = Storage(kind, numel)
                info = infos.get(f"{folder}data/{key}")
                if info is None or info.file_size != numel * made.itemsize:
                    have = "none" if info is None else f"{info.file_size:,} bytes"
                    raise Refused(f"it announces {numel:,} numbers as record {printable(key)} and holds {have}")
                made.raw = memoryview(archive.read(info))
            if storages[key].kind != kind or storages[key].numel != numel:
                raise Refused(f"it announces record {printable(key)} twice, differently")
            return storages[key]

        return reader(persistent).read(io.BytesIO(archive.read(program)))


def read_old(file: BinaryIO) -> Any:
    """The object of a file in the layout before torch 1.6; `file` ends where its bytes end (a mmap does).

    Raises:
        Refused: as `read_zip`.
    """
    storages: dict[str, Storage] = {}

    def refuse(identifier: Any) -> Any:
        raise Refused("it refers to numbers before they can be")

    def persistent(identifier: Any) -> Storage | Name:
        named = isinstance(identifier, tuple) and len(identifier) > 1 and isinstance(identifier[1], Name)
        if named and identifier[0] == "module":  # a module's class, with its source, which is not looked at
            return identifier[1]
        kind, key, numel = announced(identifier)
        view = identifier[5] if len(identifier) > 5 else None
        if view is not None:
            raise Refused("it holds views of storages, as only the oldest torch wrote them")
        made = storages.setdefault(key, Storage(kind, numel))
        if made.kind != kind or made.numel != numel:
            raise Refused(f"it announces storage {printable(key)} twice, differently")
        return made

    magic, _, system = (reader(refuse).read(file) for _ in range(3))
    if magic != MAGIC:
        raise Refused("it is a pickle of something else")
    if isinstance(system, Mapping) and system.get("little_endian") is False:
        raise Refused("its numbers are big-endian")
    whole = reader(persistent).read(file)
    keys = reader(refuse).read(file)
    plain = isinstance(keys, list) and all(isinstance(key, str | int) for key in keys)
    if not plain or sorted(map(str, keys)) != sorted(storages):
        raise Refused("it is damaged: its list of numbers does not fit its tensors")
    for key in map(str, keys):
        storage = storages[key]
        head = file.read(8)
        numel = struct.unpack("<q", head)[0] if len(head) == 8 else -1
        if numel != storage.numel:
            raise Refused(f"it is cut short or damaged at storage {printable(key)}")
        raw = file.read(numel * storage.itemsize)
        if len(raw) != numel * storage.itemsize:
            raise Refused(
                f"it announces {numel:,} numbers as storage {printable(key)} and is cut short after "
                f"{len(raw) // storage.itemsize:,} of them"
            )
        storage.raw = memoryview(raw)
    return whole


def arrays(value: Any) -> dict[str, np.ndarray]:
    """The tensors of a state dict or of a pickled module by name; what is no tensor is left out."""
    if isinstance(value, Inert):
        return dict(of_module(value))
    if not isinstance(value, dict):
        return {}
    return {str(name): one.array() for name, one in value.items() if isinstance(one, Tensor)}


def of_module(module: Inert) -> list[tuple[str, np.ndarray]]:
    """Parameters and buffers of a pickled nn.Module by their names in its state dict, walked without recursion."""
    found, todo, seen = [], [("", module)], set()
    while todo:
        prefix, one = todo.pop(0)
        state = one.state if isinstance(one, Inert) else None
        if not isinstance(state, dict) or id(one) in seen:
            continue
        seen.add(id(one))
        for table in ("_parameters", "_buffers"):
            rows = state.get(table)
            for name, value in rows.items() if isinstance(rows, dict) else ():
                if isinstance(value, Tensor):
                    found.append((f"{prefix}{name}", value.array()))
        inner = state.get("_modules")
        for name, value in inner.items() if isinstance(inner, dict) else ():
            todo.append((f"{prefix}{name}.", value))
    return found
