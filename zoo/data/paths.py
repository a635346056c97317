"""Which files of a folder or zip are images, and which zips are dangerous."""

from __future__ import annotations

import os
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff"})
LARGEST = 2**30  # bytes of one unpacked member: no image file is larger


def is_image(name: str) -> bool:
    """Whether a path has the suffix of an image and is not hidden."""
    return posixpath.splitext(name)[1].lower() in EXTENSIONS and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a path is none of the user's making."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def refuse_dangers(path: Path, member: zipfile.ZipInfo) -> None:
    """ValueError for a member whose name leads out of the archive, or that unpacks to more than an image."""
    name = member.filename
    if ".." in re.split(r"[/\\]", name) or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise ValueError(f"{path} holds a name that leads out of it ({name!r}): it is refused, pack it anew.")
    if member.flag_bits & 1:
        raise ValueError(
            f"{path} is encrypted ({name!r}): unpack it with its password, and pack it anew without one."
        )
    bomb = member.file_size > 2**26 and member.file_size > 100 * member.compress_size
    if bomb or member.file_size > LARGEST:
        raise ValueError(
            f"{path} holds {name!r}, which unpacks from {member.compress_size:,} to {member.file_size:,} bytes: "
            "no image does, so it is refused."
        )


def walk(root: Path) -> Iterator[tuple[str, int]]:
    """(path below `root` with `/`, size) of every file; links are followed, loops of links once."""
    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in files:
            file = Path(folder, name)
            if file.is_file():  # not a dangling link
                yield file.relative_to(root).as_posix(), file.stat().st_size
