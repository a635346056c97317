"""An npz of many pictures that never lie in memory at once, and that goes on after a stop."""

import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data.whole import replacing, write_whole


class Npz:
    """`arr_0` uint8 (N, R, R, 3), with classes `arr_1` (N,): the layout of openai/guided-diffusion's samples.

    Entered with `with`; pictures go into a file beside it, and the npz appears when all are there. What a stopped
    call left behind is gone on with if it was asked for the same.

    Args:
        path: the file to write.
        n: pictures that it will hold.
        side: R, in pixels.
        asked: what the pictures are made of; another call with the same goes on where this one stopped.
    """

    def __init__(self, path: Path, n: int, side: int, asked: dict) -> None:
        self.path, self.n, self.side = path, n, side
        self.raw, self.classes, self.about = (path.with_suffix(f".npz.part{end}") for end in ("", "-y", "-json"))
        self.asked = json.dumps(asked | {"n": n, "side": side}, sort_keys=True)
        self.done = 0

    def __enter__(self) -> "Npz":
        """`done` says how many pictures are there already."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not (self.about.is_file() and self.about.read_text() == self.asked and self.raw.is_file()):
            self.discard()
            write_whole(self.about, self.asked)
        else:
            self.done = min(self.n, self.raw.stat().st_size // self.bytes)
            if self.classes.is_file():
                self.done = min(self.done, self.classes.stat().st_size // 8)
        self.file, self.labels = self.raw.open("ab"), self.classes.open("ab")
        self.file.truncate(self.done * self.bytes)  # a kill may have left half a picture
        if self.classes.stat().st_size:
            self.labels.truncate(self.done * 8)
        return self

    @property
    def bytes(self) -> int:
        """Of one picture."""
        return 3 * self.side**2

    def add(self, pictures: np.ndarray, labels: Sequence[int] | None) -> None:
        """Pictures uint8 (n, R, R, 3) and their classes, or None for a model without."""
        if labels is not None:
            self.labels.write(np.array(labels, dtype="<i8").tobytes())
            self.labels.flush()
        self.file.write(pictures.tobytes())
        self.file.flush()
        self.done += len(pictures)

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.file.close()
        self.labels.close()
        if not self.classes.stat().st_size:
            self.classes.unlink()  # no classes; an empty file would say that none of the pictures is whole
        if kind is None:
            self.bind()
            self.discard()

    def bind(self) -> None:
        """Write the npz of what is there, whole or not at all."""
        with replacing(self.path) as part, zipfile.ZipFile(part, "w") as archive:
            with archive.open("arr_0.npy", "w", force_zip64=True) as member, self.raw.open("rb") as pictures:
                header = {"descr": "|u1", "fortran_order": False, "shape": (self.n, self.side, self.side, 3)}
                np.lib.format.write_array_header_2_0(member, header)
                shutil.copyfileobj(pictures, member, 1 << 20)
            if self.classes.is_file():
                buffer = io.BytesIO()
                np.save(buffer, np.fromfile(self.classes, dtype="<i8"))
                archive.writestr("arr_1.npy", buffer.getvalue())

    def discard(self) -> None:
        for file in (self.raw, self.classes, self.about):
            file.unlink(missing_ok=True)
