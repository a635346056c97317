"""Whether two folders or zips hold the same files of images, under whatever names."""

import zlib
from collections import defaultdict
from pathlib import PurePosixPath

from zoo.data.files import Files

LOOKED_AT = 16  # images of the one set that are looked for in the other
TRIED = 64  # images of a folder whose size fits that are read for each


def copies(some: Files, others: Files) -> bool:
    """Whether most of a few images of `some`, evenly spaced, are in `others` byte for byte.

    Folder or zip, packed or not, named otherwise: what counts is size and CRC-32. Images that were encoded anew are
    not recognised.
    """
    by_size = defaultdict(list)
    for i, one in enumerate(others.stamps):
        by_size[one.rpartition(":")[2]].append(i)
    numbers = sorted({i * len(some) // LOOKED_AT for i in range(LOOKED_AT)})
    found = 0
    for i in numbers:
        stamp, name = _stamp(some, i), PurePosixPath(some.names[i]).name
        fitting = by_size[stamp.rpartition(":")[2]]
        # in a folder each costs a look into the file, and a copy has mostly kept its name
        fitting = sorted(fitting, key=lambda k: PurePosixPath(others.names[k]).name != name)
        if any(_stamp(others, k) == stamp for k in (fitting if others.zipped else fitting[:TRIED])):
            found += 1
    return 2 * found > len(numbers)


def _stamp(files: Files, i: int) -> str:
    """CRC-32 and size of image i, which a zip knows by itself."""
    if files.zipped:
        return files.stamps[i]
    content = files.bytes(files.names[i])
    return f"{zlib.crc32(content):08x}:{len(content)}"
