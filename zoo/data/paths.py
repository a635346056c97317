"""Which files of a folder or zip are images, and which zips are dangerous."""

from __future__ import annotations

import os
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff"})
LARGEST = 2**30  # bytes of one unpacked member: no image file is larger
_DIGITS = str.maketrans("123456789", "0" * 9)


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


def name_of(path: str | Path) -> str:
    """What a set is called by its path: a folder may have a dot in its name."""
    return Path(path).name.removesuffix(".zip")


def natural(name: str) -> list[int | str]:
    """Sorting key by which 2.jpg comes before 10.jpg."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def in_order(names: Iterable[str]) -> list[str]:
    """Names by the value of their numbers, those alike as text."""
    names = sorted(names)
    if len({name.translate(_DIGITS) for name in names}) > 1:  # else the numbers are padded: that is their order
        names.sort(key=natural)
    return names


def walk(root: Path) -> Iterator[tuple[str, int]]:
    """(path below `root` with `/`, size) of every file that is not hidden; links are followed, loops of links once.

    Raises:
        ValueError: a folder cannot be listed, an image is a link to nothing, or a name is not UTF-8.
    """

    def refuse(error: OSError) -> None:
        raise ValueError(
            f"{error.filename} cannot be listed ({error.strerror}): make it readable, or move it away; images that "
            "go missing would number the classes anew."
        ) from error

    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        # in one order on every machine, since of two links to a folder the first counts
        folders[:] = sorted(name for name in folders if not is_hidden(name) and name != "lost+found")
        for name in files:
            file = Path(folder, name)
            if file.is_file():
                yield _utf8(file.relative_to(root).as_posix(), root), file.stat().st_size
            elif file.is_symlink() and is_image(name):
                raise ValueError(f"{file} is a link to nothing: fetch the file, or remove the link.")


def _utf8(name: str, root: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"the name {os.fsencode(name)!r} in {root} is not UTF-8: rename the file, such as with "
            "`convmv -f latin1 -t utf8 --notest -r`."
        ) from None
    return name


def one_snapshot(path: Path) -> None:
    """ValueError for a cache of the Hugging Face hub that holds a data set in several versions."""
    snapshots = sorted(p for p in path.glob("snapshots/*") if p.is_dir())
    if len(snapshots) > 1:
        raise ValueError(
            f"{path} holds {len(snapshots)} versions of the data set: give one of them, such as {snapshots[0]}."
        )
