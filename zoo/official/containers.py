"""Which of the known files of weights a path is, told by its content, and the networks in it.

The containers are listed in README.md of this room. Nothing that a file says is run; see `zoo.official.pickles`.
"""

import hashlib
import json
import mmap
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from zoo.official import bigganfiles, chainer, pickles, statedicts, tflib, torchfiles
from zoo.official.found import Arrays, Found
from zoo.official.inert import Inert, Refused, printable

#: first bytes -> what a file of another kind seems to be
SIGNS = {
    b"\x89HDF": "an HDF5 file, as Keras and h5py write",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a rar archive: unpack it first",
    b"\x93NUMPY": "a single numpy array",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself with git lfs pull",
    b"<": "a web page, as a refused download leaves: download the file again",
    b"%PDF": "a PDF document",
    b"GGUF": "a GGUF file of a language model",
}
#: a folder of BigGAN-PyTorch: our role -> the beginning of the file's name
BIGGAN_FOLDER = {"G": "G", "D": "D", "G_ema": "G_ema", "config": "state_dict"}
MOST_JSON = 2**20


def recognise(path: Path, paper: str | None = None) -> Found:
    """The networks in a file, or in a folder of BigGAN-PyTorch or Hugging Face.

    Args:
        paper: where the content alone does not tell, "r1gan" or "vgan"; otherwise it must agree.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: one sentence, naming the file, for anything that is not read.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        found = of_folder(path) if path.is_dir() else of_file(path, paper)
    except Refused as error:
        raise Refused(f"{path} was not imported: {error}") from error
    except PermissionError:
        raise
    except Exception as error:  # zipfile's, zlib's and struct's own, of damaged bytes
        text = printable(str(error) or type(error).__name__)
        raise Refused(f"{path} was not imported: it is damaged or cut short ({text})") from error
    if paper is not None and not found.paper.startswith(paper):
        raise Refused(f"{path} was not imported: its networks are those of {found.paper}, not of {paper}")
    return found


def sha256(path: Path) -> str:
    """Of a file, or of a folder's files that are weights, one after the other in the order of their names."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.suffix in (".pth", ".bin", ".json"))
    digest = hashlib.sha256()
    for one in files:
        with one.open("rb") as file:
            while part := file.read(2**22):
                digest.update(part)
    return digest.hexdigest()


def of_file(path: Path, paper: str | None) -> Found:
    if path.stat().st_size == 0:
        raise Refused("it is empty")
    with path.open("rb") as file:
        head = file.read(64)
        if head.startswith(b"PK"):
            return of_zip(path, paper)
        if known := next((what for sign, what in SIGNS.items() if head.startswith(sign)), None):
            raise Refused(f"it seems to be {known}")
        if len(head) > 9 and head[8:9] == b"{":
            raise Refused("it seems to be a safetensors file: zoo.load reads those that `zoo export` wrote")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if not head.startswith(b"\x80"):
                return of_pickle(data, "neither a pickle nor any other known file of weights")
            if torchfiles.MAGIC.to_bytes(10, "little") in head:
                return of_torch(torchfiles.read_old(data), path, paper)
            return of_pickle(data, None)


def of_pickle(data: BinaryIO, otherwise: str | None) -> Found:
    """PGGAN's or StyleGAN's pickle; `otherwise` says what damaged content seems to be."""
    try:
        return tflib.recognise(pickles.read(data))
    except Refused as error:
        if otherwise is None or "it names" in str(error):
            raise
        raise Refused(f"it is {otherwise}") from error


def of_zip(path: Path, paper: str | None) -> Found:
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist()]
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        if any(name.rpartition("/")[2] == "constants.pkl" for name in names):
            raise Refused("it is a TorchScript program, not weights")
        with path.open("rb") as file:
            return of_torch(torchfiles.read_zip(file), path, paper)
    if names and all(name.endswith(".npy") for name in names):
        return chainer.recognise(chainer.read(path))
    if any(name.endswith((".pth", ".pt", ".pkl", ".npz", ".bin")) for name in names):
        raise Refused("it is a zip with files of weights in it: unpack it first")
    raise Refused("it is a zip, but neither of numpy nor of torch")


def of_torch(stored: Any, path: Path, paper: str | None) -> Found:
    """What torch.save wrote: by its keys."""
    if isinstance(stored, Inert):
        return of_module(stored, [])
    if not isinstance(stored, dict):
        raise Refused("it is a file of torch, but holds no networks")
    if "zoo" in stored:
        raise Refused("it is a checkpoint of the zoo already: use it as it is")
    if isinstance(stored.get("model"), Inert | dict) and not torchfiles.arrays(stored):
        return of_module(stored["model"], sorted(str(k) for k in stored if k != "model"))
    if isinstance(stored.get("generator"), dict) or isinstance(stored.get("discriminator"), dict):
        names = statedicts.GAN_STABILITY
        arrays = {role: torchfiles.arrays(stored[name]) for name, role in names.items() if name in stored}
        if "G" not in arrays and "G_ema" in arrays:
            arrays["G"] = arrays["G_ema"]
        if "G" not in arrays:
            raise Refused("it holds a discriminator only, which cannot draw: import the file of its generator")
        out = ["the optimizers' states"] if any("optimizer" in str(k) for k in stored) else []
        rest = sorted(str(k) for k in stored if k not in names and "optimizer" not in str(k))
        return statedicts.r1_or_vgan(arrays, out + [printable(k) for k in rest], paper)
    return of_state_dict({n.removeprefix("module."): a for n, a in torchfiles.arrays(stored).items()}, path, paper)


def of_module(stored: Any, left_out: list[str]) -> Found:
    arrays = torchfiles.arrays(stored)
    if not any("main." in name for name in arrays):
        name = stored.path if isinstance(stored, Inert) else "a state dict"
        raise Refused(f"it holds {printable(name)}, which is no network of IntroVAE")
    return statedicts.of_introvae(arrays, [printable(name) for name in left_out])


def of_state_dict(arrays: Arrays, path: Path, paper: str | None) -> Found:
    """One network's parameters: by their names."""
    if any(name.startswith("encoder.main.") or name.startswith("decoder.main.") for name in arrays):
        return statedicts.of_introvae(arrays, [])
    if any(name.startswith(("embeddings.", "generator.gen_z.")) for name in arrays):
        return bigganfiles.of_release(arrays, config_of(path.parent / "config.json"))
    if any(name.startswith("output_layer.") for name in arrays):
        return bigganfiles.of_training({"G": arrays}, [], {})
    if "conv_img.weight" in arrays and "embedding.weight" in arrays:
        return statedicts.r1_or_vgan({"G": arrays}, [], paper)
    if any(name.startswith(("embed.", "conv_img.")) for name in arrays):
        raise Refused("it holds a discriminator only, which cannot draw: import the file of its generator")
    some = ", ".join(printable(name) for name in list(arrays)[:3])
    raise Refused(f"it is a state dict of another network ({some or 'without a tensor'})")


def config_of(path: Path) -> dict:
    """A config.json."""
    if not path.is_file():
        raise Refused("it is BigGAN-deep's generator, and its config.json must lie beside it")
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < MOST_JSON else None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise Refused(f"{path} is no JSON of settings")
    return config


def of_folder(path: Path) -> Found:
    """BigGAN-PyTorch's folder of one model, or Hugging Face's."""
    if (path / "pytorch_model.bin").is_file():
        return of_file(path / "pytorch_model.bin", None)
    files = {role: one_of(path, start) for role, start in BIGGAN_FOLDER.items()}
    if files["G"] is None and files["G_ema"] is None:
        raise Refused("it is a folder with neither G.pth nor G_ema.pth nor pytorch_model.bin in it")
    config_file = files.pop("config")
    arrays = {}
    for role, file in files.items():
        if file is not None:
            arrays[role] = torchfiles.arrays(opened(file))
            if not arrays[role]:
                raise Refused(f"{file.name} holds no tensors")
    out = ["the optimizers' states"] if any(path.glob("*_optim*.pth")) else []
    config: Any = {}
    if config_file is not None:
        state = opened(config_file)
        config = state.get("config", {}) if isinstance(state, dict) else {}
    arrays.setdefault("G", arrays.get("G_ema"))
    return bigganfiles.of_training(arrays, out, config if isinstance(config, dict) else {})


def one_of(folder: Path, start: str) -> Path | None:
    """START.pth, or the one file START_SUFFIX.pth that is none of the other roles'."""
    exact = folder / f"{start}.pth"
    if exact.is_file():
        return exact
    others = ("G_ema", "G_optim", "D_optim")
    found = [
        p
        for p in sorted(folder.glob(f"{start}_*.pth"))
        if not any(p.name.startswith(o) for o in others if o != start)
    ]
    if len(found) > 1:
        raise Refused(f"it holds several {start}: {', '.join(p.name for p in found)}; leave one")
    return found[0] if found else None


def opened(path: Path) -> Any:
    """The object in a file of torch."""
    with path.open("rb") as file:
        head = file.read(64)
        try:
            if head.startswith(b"PK"):
                return torchfiles.read_zip(file)
            if torchfiles.MAGIC.to_bytes(10, "little") not in head:
                raise Refused("it is no file of torch")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return torchfiles.read_old(data)
        except (Refused, zipfile.BadZipFile) as error:
            raise Refused(f"{path.name}: {error}") from error
