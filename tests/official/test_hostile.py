"""Crafted and damaged files of weights: refused in one sentence, with nothing run and nothing written."""

import io
import json
import pickle
import re
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from released import Call, Global, Network, array, module, npz, pickled, torch_file

from zoo.official import containers, found, inert, torchfiles
from zoo.official.inert import Refused
from zoo.training import importing
from zoo.training.importing import import_weights

DATA = Path(__file__).parents[1] / "golden" / "data"
SHELL = "touch {}"


def single(name: str, prefix: str) -> dict:
    """The golden vectors' variables in float32."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as z:
        found = {k.removeprefix(prefix): z[k] for k in z.files if k.startswith(prefix)}
    return {k: a.astype("f4") if a.dtype.kind == "f" else a for k, a in found.items()}


def arguments(name: str) -> dict:
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as z:
        about = json.loads(str(z["meta"]))["constructor"]["G"]
    return {k: x for k, x in about.items() if k != "func"}


@pytest.fixture(scope="module")
def pggan() -> tuple[dict, dict]:
    """Variables and arguments of a small G."""
    return single("pggan-networks", "param/G/"), arguments("pggan-networks")


@pytest.fixture(scope="module")
def r1() -> dict:
    return single("r1gan-step", "param/generator.")


@pytest.fixture(scope="module")
def sngan() -> dict:
    return single("sngan-update-uncond", "param/gen/")


def refused(path, *words: str) -> str:
    """The one sentence with which a file is refused; nothing lies beside it afterwards."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(ValueError, match=r".") as caught:
        import_weights(path)
    text = str(caught.value)
    assert sorted(path.parent.iterdir()) == before
    assert "\n" not in text
    assert len(text) < 500
    for word in (path.name, *words):
        assert word in text, text
    return text


def system(sentinel) -> Call:
    return Call("os.system", (SHELL.format(sentinel),))


def in_tuple(network: Network, bad: Call) -> object:
    return (network, network, bad)


def in_static(network: Network, bad: Call) -> object:
    network.static = network.static | {"dtype": bad}
    return network


def in_variables(network: Network, bad: Call) -> object:
    call = network.call()
    call.state["variables"][0] = ("4x4/Conv/bias", bad)
    return call


def in_array(network: Network, bad: Call) -> object:
    call = network.call()
    call.state["variables"][0][1].args = (bad, (0,), b"b")
    return call


def in_state(network: Network, bad: Call) -> object:
    call = network.call()
    call.state["variables"][0][1].state = bad
    return call


def as_class(network: Network, bad: Call) -> object:
    network.path = "subprocess.Popen"
    return network


PLACES = [in_tuple, in_static, in_variables, in_array, in_state, as_class]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_no_such_file_needs(place, protocol, pggan, tmp_path):
    variables, static = pggan
    sentinel = tmp_path / "ran"
    stored = place(Network(variables, static), system(sentinel))
    (tmp_path / "bad.pkl").write_bytes(pickled(stored, protocol))
    refused(tmp_path / "bad.pkl", "subprocess.Popen" if place is as_class else "os.system")
    assert not sentinel.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "builtins.getattr", "numpy.load", "numpy.core.multiarray.fromfile"]
)
def test_names_near_the_listed_ones(name, tmp_path):
    (tmp_path / "bad.pkl").write_bytes(pickled(Call(name, ("x",))))
    refused(tmp_path / "bad.pkl", name)


class Runs:
    """What Python's own pickle runs."""

    def __reduce__(self):
        return print, ("it ran",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_python_itself(protocol, tmp_path, capsys):
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps((Runs(), 1), protocol))
    refused(tmp_path / "bad.pkl", "print")
    assert "it ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "program", [b"(S'touch ran'\nios\nsystem\n.", b"(cos\nsystem\nS'touch ran'\no.", b"\x82\x01."]
)
def test_other_ways_to_call(program, tmp_path):
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x02" + program)
    refused(tmp_path / "bad.pkl")
    (tmp_path / "bad.pkl").write_bytes(program)
    refused(tmp_path / "bad.pkl")


@pytest.mark.parametrize("old", [False, True])
def test_names_in_a_file_of_torch(old, r1, tmp_path):
    sentinel = tmp_path / "ran"
    refused(torch_file({"generator": r1, "it": system(sentinel)}, tmp_path / "bad.pt", old), "os.system")
    whole = Call("networks.IntroVAE", (), {"_modules": {"encoder": system(sentinel)}}, new=True)
    refused(torch_file({"model": whole}, tmp_path / "bad.pt", old), "os.system")
    hook = Call("torch._utils._rebuild_parameter", (np.zeros(2, "f4"), Call("torch.hub.load", ("a/b", "c"))))
    refused(torch_file({"generator": {"fc.weight": hook}}, tmp_path / "bad.pt", old), "torch.hub.load")
    assert not sentinel.exists()


def test_a_real_module_is_not_looked_up(tmp_path):
    """A file may name the layers of torch.nn; a class of someone else's is refused, and its module not imported."""
    stored = {"model": Call("networks_of_nobody.IntroVAE", (), {}, new=True)}
    refused(torch_file(stored, tmp_path / "bad.pth"), "networks_of_nobody")
    assert "networks_of_nobody" not in sys.modules


# ---- sizes


def announced(shape: tuple) -> Call:
    made = array(np.zeros(1, "f4"))
    made.state = (1, shape, made.state[2], False, b"\0" * 4)
    return made


@pytest.mark.parametrize("shape", [(2**31,), (10, 2**28), (-1,), (1,) * 40, ("a",), (2**70,)])
def test_arrays_that_announce_too_much(shape, pggan, tmp_path):
    variables, static = pggan
    call = Network(variables, static).call()
    call.state["variables"][0] = ("4x4/Conv/bias", announced(shape))
    (tmp_path / "bad.pkl").write_bytes(pickled(call))
    refused(tmp_path / "bad.pkl")


@pytest.mark.parametrize(
    "head",
    [b"\x8e" + struct.pack("<Q", 10 * 2**30), b"B" + struct.pack("<I", 2**31), b"\x95" + struct.pack("<Q", 2**40)],
)
def test_a_pickle_that_announces_bytes(head, tmp_path):
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04" + head + b"abc" + b"r\xff\xff\xff\x7f.")
    refused(tmp_path / "bad.pkl")


def test_tensors_that_announce_too_much(r1, tmp_path):
    path = torch_file({"generator": r1}, tmp_path / "good.pt")
    program = zipfile.ZipFile(path).read("archive/data.pkl")
    found = re.search(rb"J(....)J(....)t", program, re.S)
    huge = program[: found.start(1)] + struct.pack("<i", 2**30) + program[found.end(1) :]
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, huge if name.endswith("data.pkl") else good.read(name))
    refused(tmp_path / "bad.pt", "announces")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", b"\0" * 2**22)
    refused(tmp_path / "bomb.pt", "compressed")


def header(shape: tuple, dtype: str = "<f4") -> bytes:
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "content", [header((2560, 2**20)), header((2560, 2**20)) + b"\0" * 64, b"\x93NUMPY\x09\x00"]
)
def test_an_npz_that_announces_ten_gigabytes(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("l1/W.npy", content)
    refused(tmp_path / "bad.npz", "l1/W")


def test_an_npz_with_objects(sngan, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("it ran",)

    stored = sngan | {"l1/b": np.array([Evil()], dtype=object)}
    refused(npz(tmp_path / "bad.npz", stored), "l1/b", "objects")


@pytest.mark.parametrize("words", [b"\x8c\x01x\x93.", b"\x8c\x01x\x8c\x01x\x932\x86\x8c\x01x\x93."])
def test_a_name_of_lists_that_hold_each_other(words, tmp_path):
    """Sixty levels, each twice in the next: written out they would be 2**60 brackets."""
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04]" + b"2\x86" * 60 + words)
    refused(tmp_path / "bad.pkl")


@pytest.mark.parametrize("read", [
    lambda value: found.whole({"a": value}, "a", 1),
    lambda value: found.number({"a": value}, "a", 1),
    lambda value: found.flag({"a": value}, "a", True),
    lambda value: found.only({"a": value}, a=3),
    lambda value: inert.DType(value),
    lambda value: inert.shaped(b"", value, np.dtype("f4")),
    lambda value: torchfiles.Tensor(None, 0, value, value),
])  # fmt: skip
def test_what_a_sentence_shows_of_such_lists_is_short(read):
    value: list | tuple = []
    for _ in range(60):
        value = (value, value)
    with pytest.raises(Refused) as caught:
        read(value)
    assert len(str(caught.value)) < 300


# ---- halves, wrong shapes, numbers that are none


def test_halves_of_files(pggan, r1, sngan, tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickled((Network(*pggan), Network(*pggan)), 4))
    paths = [tmp_path / "a.pkl", torch_file({"generator": r1}, tmp_path / "a.pt")]
    paths += [torch_file({"generator": r1}, tmp_path / "b.pt", old=True), npz(tmp_path / "a.npz", sngan)]
    for path in paths:
        whole = path.read_bytes()
        for part in (0.02, 0.5, 0.95, 0.999):
            path.write_bytes(whole[: int(len(whole) * part)])
            refused(path)


def test_arrays_that_do_not_fit(pggan, tmp_path):
    variables, static = pggan
    path = tmp_path / "bad.pkl"

    def said(changed: dict, *words: str) -> None:
        path.write_bytes(pickled(Network(changed, static)))
        refused(path, *words)

    said({k: a for k, a in variables.items() if k != "8x8/Conv1/bias"}, "lacks", "8x8/Conv1/bias")
    said({k: a for k, a in variables.items() if k != "4x4/Dense/weight"}, "lacks", "4x4/Dense/weight")
    said(variables | {"8x8/Conv9/weight": np.zeros((3, 3, 2, 2), "f4")}, "8x8/Conv9/weight")
    said(variables | {"8x8/Conv1/bias": np.zeros(3, "f4")}, "8x8/Conv1/bias", "(3,)")
    said(variables | {"8x8/Conv1/weight": np.zeros((3, 3), "f4")}, "8x8/Conv1/weight")
    bad = variables["8x8/Conv1/weight"].copy()
    bad[0, 0, 0, 0] = np.nan
    said(variables | {"8x8/Conv1/weight": bad}, "8x8/Conv1/weight", "not finite")
    said(variables | {"8x8/Conv1/weight": bad * np.inf}, "8x8/Conv1/weight", "not finite")


@pytest.mark.parametrize(
    "stated",
    [
        {"resolution": 64},
        {"num_channels": 1},
        {"fmap_base": 2**40},
        {"fmap_base": "many"},
        {"fmap_max": 0},
        {"label_size": 5},
        {"fmap_decay": float("nan")},
        {"fmap_decay": -1e9},
        {"use_leakyrelu": False},
        {"latent_size": [1]},
    ],
)
def test_statements_that_cannot_be(stated, pggan, tmp_path):
    variables, static = pggan
    (tmp_path / "bad.pkl").write_bytes(pickled(Network(variables, static | stated)))
    refused(tmp_path / "bad.pkl")


def test_arrays_of_torch_and_chainer_that_do_not_fit(r1, sngan, tmp_path):
    pt, path = tmp_path / "bad.pt", tmp_path / "bad.npz"
    refused(torch_file({"generator": {k: a for k, a in r1.items() if k != "conv_img.bias"}}, pt), "conv_img.bias")
    refused(torch_file({"generator": r1 | {"resnet.0.conv_9.weight": r1["fc.bias"]}}, pt), "resnet.0.conv_9.weight")
    refused(torch_file({"generator": r1 | {"fc.bias": r1["fc.bias"][:-1]}}, pt), "fc.bias")
    refused(torch_file({"generator": r1 | {"fc.bias": r1["fc.bias"] * np.float32("inf")}}, pt), "fc.bias", "finite")
    refused(npz(path, {k: a for k, a in sngan.items() if k != "block3/c1/b"}), "block3/c1/b")
    refused(npz(path, sngan | {"block3/c1/b": np.zeros(77, "f4")}), "block3/c1/b")
    refused(npz(path, sngan | {"block3/c1/b": sngan["block3/c1/b"] * np.float32("nan")}), "block3/c1/b", "finite")
    refused(npz(path, sngan | {"extra/W": np.zeros(3, "f4")}), "extra/W")


# ---- files of another kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 80, "HDF5"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 80, "PNG"),
        (b"\x1f\x8b\x08" + b"\0" * 80, "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"hello, this is text\n" * 5, "neither a pickle"),
        (struct.pack("<Q", 20) + b'{"a": 1}            ' + b"\0" * 60, "safetensors"),
        (b"\0" * 300, "neither a pickle"),
    ],
)
def test_what_a_file_seems_to_be(content, said, tmp_path):
    (tmp_path / "file").write_bytes(content)
    refused(tmp_path / "file", said)


def test_other_files_of_torch_and_numpy(tmp_path):
    torch.save({"a.weight": torch.zeros(2)}, tmp_path / "other.pth")
    refused(tmp_path / "other.pth", "a.weight")
    torch.save({"zoo": {}, "state_dict": {}}, tmp_path / "own.ckpt")
    with pytest.raises(ValueError, match="already"):
        import_weights(tmp_path / "own.ckpt", tmp_path / "new.ckpt")
    refused(npz(tmp_path / "other.npz", {"x": np.zeros(3)}), "SNGAN")
    (tmp_path / "x.pkl").write_bytes(pickled({"a": 1}))
    refused(tmp_path / "x.pkl", "not of PGGAN's")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"G_ema\.pth"):
        import_weights(folder)
    with pytest.raises(FileNotFoundError):
        import_weights(tmp_path / "nothing")


# ---- 2,000 mutations


def bases(folder) -> list[bytes]:
    """Small valid files of every layout."""
    network = Network(single("pggan-networks", "param/G/"), arguments("pggan-networks"), version=2)
    (folder / "p").write_bytes(pickled(network, 4))
    nets = {name: single("r1gan-step", f"param/{name}.") for name in ("generator", "discriminator")}
    torch_file(nets, folder / "r")
    torch_file(nets, folder / "o", old=True)
    torch_file({"model": module("networks.IntroVAE", single("introvae-step", "param/"))}, folder / "i")
    npz(folder / "n", single("sngan-update-uncond", "param/gen/"))
    return [(folder / name).read_bytes() for name in "proin"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pickletools', of bad escapes
def test_two_thousand_mutations(tmp_path_factory, monkeypatch):
    """A file with changed bytes is read or refused in a sentence; no name is ever looked up."""
    folder = tmp_path_factory.mktemp("mutated")
    files = bases(folder)
    path = folder / "mutated"
    kept: dict[str, object] = {}
    real = importing.build

    def build(about: dict):  # unchanged settings need no new network
        key = json.dumps([about["paper"], about["hparams"], about.get("networks")], default=str)
        if key not in kept:
            kept[key] = real(about)
        return kept[key]

    monkeypatch.setattr(importing, "build", build)

    @settings(max_examples=2000, deadline=None, database=None, phases=[Phase.generate])
    @given(st.integers(0, len(files) - 1), st.randoms(use_true_random=False))
    def mutate(which: int, random) -> None:
        content = bytearray(files[which])
        # programs lie at the ends of these files, numbers in between
        for _ in range(random.randint(1, 6)):
            place = random.choice(
                [random.randrange(1500), -1 - random.randrange(1500), random.randrange(len(content))]
            )
            content[place % len(content)] = random.randrange(256)
        path.write_bytes(content)
        try:
            found = containers.recognise(path)
            for role, arrays in found.arrays.items():
                net = getattr(
                    build({"paper": found.paper, "hparams": found.settings, "networks": found.networks}), role
                )
                if net is not None:
                    importing.fitted(arrays, net, found, role)
        except Refused as error:
            assert "\n" not in str(error)  # noqa: PT017
        except ValueError as error:  # the network's own, which `assemble` makes a sentence of
            assert str(error)  # noqa: PT017

    mutate()


def test_the_command_ends_with_the_sentence(tmp_path, capsys):
    from zoo.__main__ import main

    (tmp_path / "bad.pkl").write_bytes(pickled((Global("os.system"), io.DEFAULT_BUFFER_SIZE)))
    with pytest.raises(SystemExit) as caught:
        main(["import", str(tmp_path / "bad.pkl")])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error:")
    assert "os.system" in said
    assert said.count("\n") == 1
