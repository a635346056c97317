"""Files of weights as the official codes wrote them, by a little assembler of pickles: no TensorFlow, no class."""

import io
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Call:
    """A call of a global at unpickling, such as numpy's _reconstruct; then a state, if there is one."""

    path: str
    args: tuple = ()
    state: Any = None
    new: bool = False  # NEWOBJ, as instances of classes have it


@dataclass
class Global:
    path: str


@dataclass
class Persistent:
    """A reference to what lies outside of the pickle."""

    identifier: tuple


@dataclass
class Network:
    """A pickled tfutil/tflib network."""

    variables: dict[str, np.ndarray]
    static: dict
    name: str = "Gs"
    path: str = "dnnlib.tflib.network.Network"
    version: int = 3
    components: dict = field(default_factory=dict)
    easy: bool = True  # static_kwargs as dnnlib's EasyDict

    def call(self, core: str = "numpy.core.multiarray") -> Call:
        static: Any = dict(self.static)
        state = {"version": self.version, "name": self.name}
        state["static_kwargs"] = Items("dnnlib.util.EasyDict", static) if self.easy else static
        state["build_module_src"] = "import os\nos.system('touch ran')\n"
        state["build_func_name"] = "G_paper"
        state["variables"] = [(k, array(v, core)) for k, v in self.variables.items()]
        if self.version >= 3:
            state["components"] = {k: n.call(core) for k, n in self.components.items()}
        return Call(self.path, (), state, new=True)


@dataclass
class Items:
    """An instance of a dict's subclass."""

    path: str
    items: dict


def array(value: Any, core: str = "numpy.core.multiarray") -> Any:
    """numpy's own reduce, written out."""
    if isinstance(value, np.generic):
        return Call(f"{core}.scalar", (dtype(value.dtype), value.tobytes()))
    if not isinstance(value, np.ndarray):
        return value
    made = Call(f"{core}._reconstruct", (Global("numpy.ndarray"), (0,), b"b"))
    made.state = (1, value.shape, dtype(value.dtype), False, np.ascontiguousarray(value).tobytes())
    return made


def dtype(kind: np.dtype) -> Call:
    return Call("numpy.dtype", (kind.str[1:], False, True), (3, "<", None, None, None, -1, -1, 0))


def pickled(value: Any, protocol: int = 3) -> bytes:
    """A pickle of plain values, arrays and the objects above."""
    out = bytearray(b"\x80" + bytes([protocol]))
    put(out, value, protocol)
    return bytes(out + b".")


def put(out: bytearray, value: Any, protocol: int) -> None:
    def inner(one: Any) -> None:
        put(out, one, protocol)

    def name(path: str) -> None:
        module, _, leaf = path.rpartition(".")
        if protocol >= 4:
            inner(module)
            inner(leaf)
            out.extend(b"\x93")
        else:
            out.extend(b"c" + module.encode() + b"\n" + leaf.encode() + b"\n")

    if value is None:
        out += b"N"
    elif isinstance(value, bool):
        out += b"\x88" if value else b"\x89"
    elif isinstance(value, int):
        if -(2**31) <= value < 2**31:
            out += b"J" + struct.pack("<i", value)
        else:
            raw = value.to_bytes(16, "little", signed=True)
            out += b"\x8a" + bytes([len(raw)]) + raw
    elif isinstance(value, float):
        out += b"G" + struct.pack(">d", value)
    elif isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        out += b"X" + struct.pack("<I", len(raw)) + raw
    elif isinstance(value, bytes):
        if protocol < 3:  # as Python 3 writes bytes for Python 2
            inner(Call("_codecs.encode", (value.decode("latin1"), "latin1")))
        else:
            out += b"B" + struct.pack("<I", len(value)) + value
    elif isinstance(value, tuple):
        out += b"("
        for one in value:
            inner(one)
        out += b"t"
    elif isinstance(value, list):
        out += b"]("
        for one in value:
            inner(one)
        out += b"e"
    elif isinstance(value, dict | Items):
        if isinstance(value, Items):
            name(value.path)
            out += b")\x81"
        else:
            out += b"}"
        out += b"("
        for key, one in (value.items if isinstance(value, Items) else value).items():
            inner(key)
            inner(one)
        out += b"u"
    elif isinstance(value, np.ndarray | np.generic):
        inner(array(value))
    elif isinstance(value, Network):
        inner(value.call())
    elif isinstance(value, Global):
        name(value.path)
    elif isinstance(value, Persistent):
        inner(value.identifier)
        out += b"Q"
    elif isinstance(value, Call):
        name(value.path)
        inner(value.args)
        out += b"\x81" if value.new else b"R"
        if value.state is not None:
            inner(value.state)
            out += b"b"
    else:
        raise TypeError(f"no opcode for {type(value)}")


# ---- torch


TORCH = {"float64": "Double", "float32": "Float", "int64": "Long", "uint8": "Byte"}


def torch_file(value: Any, path: Path, old: bool = False) -> Path:
    """`value` as torch.save wrote it: a zip, or the five pickles of before 1.6. Arrays become tensors."""
    storages: list[np.ndarray] = []

    def tensors(one: Any) -> Any:
        if isinstance(one, np.ndarray):
            storages.append(np.ascontiguousarray(one).copy())
            kind = f"torch.{TORCH[str(one.dtype)]}Storage"
            identifier = ("storage", Global(kind), str(len(storages) - 1), "cuda:0", one.size)
            stride = tuple(int(np.prod(one.shape[k + 1 :])) for k in range(one.ndim))
            args = (Persistent((*identifier, None) if old else identifier), 0, one.shape, stride, False)
            return Call("torch._utils._rebuild_tensor_v2", (*args, Call("collections.OrderedDict")))
        if isinstance(one, dict):
            return {k: tensors(v) for k, v in one.items()}
        if isinstance(one, Call):
            return Call(one.path, one.args, tensors(one.state), one.new)
        return one

    program = pickled(tensors(value), 2)
    if old:
        head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
        parts = [pickled(one, 2) for one in head] + [program, pickled([str(k) for k in range(len(storages))], 2)]
        parts += [struct.pack("<q", s.size) + s.tobytes() for s in storages]
        path.write_bytes(b"".join(parts))
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for k, s in enumerate(storages):
            archive.writestr(f"archive/data/{k}", s.tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def module(path: str, arrays: dict[str, np.ndarray]) -> Call:
    """A pickled nn.Module of nested layers, its parameters and buffers where torch keeps them."""
    state: dict = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
    groups: dict[str, dict] = {}
    for name, value in arrays.items():
        head, _, rest = name.partition(".")
        if rest:
            groups.setdefault(head, {})[rest] = value
        else:
            state["_buffers" if head.startswith(("running", "num_")) else "_parameters"][head] = value
    for head, inner in groups.items():
        leaf = all("." not in name for name in inner)
        state["_modules"][head] = module(
            "torch.nn.modules.conv.Conv2d" if leaf else "networks._Residual_Block", inner
        )
    return Call(path, (), state, new=True)


def npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """As Chainer's save_npz: compressed."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    return path
