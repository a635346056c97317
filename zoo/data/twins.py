"""Whether two folders or zips hold the same images, under whatever names, by a sample of them."""

from contextlib import suppress

import numpy as np

from zoo.data.files import BadImage, Files

SAMPLE = 32
MOST_READ = 4096  # files whose content is read: of bare pixels each has the size of all others


def twins(one: Files, other: Files) -> bool:
    """Whether more than half of a sample of the smaller set are in the larger; a few images may well be in both.

    They are the same where their files are, in any order and by any name, or where the pixels are, at the same
    places of as many images.
    """
    if one.path.resolve() == other.path.resolve():
        return True
    few, many = sorted((one, other), key=len)
    sample = sorted({k * (len(few) - 1) // max(1, SAMPLE - 1) for k in range(SAMPLE)})
    return 2 * _in(few, many, sample) > len(sample) or (len(few) == len(many) and _alike(few, many, sample))


def _in(few: Files, many: Files, sample: list[int]) -> int:
    """How many of a sample's files are among those of another set."""
    places: dict[int, list[int]] = {few.size(i): [] for i in sample}
    for i in range(len(many)):
        if (size := many.size(i)) in places:
            places[size].append(i)
    known: dict[int, int | None] = {}
    found = 0
    for i in sample:
        name = few.names[i].rpartition("/")[2]
        mine = few.checksum(i)
        # those of the same name or place first
        among = sorted(places[few.size(i)], key=lambda k: (many.names[k].rpartition("/")[2] != name, k != i))
        for k in among:
            if k not in known and (many.zipped or len(known) < MOST_READ):
                known[k] = many.checksum(k)
            if mine is not None and known.get(k) == mine:
                found += 1
                break
    return found


def _alike(few: Files, many: Files, sample: list[int]) -> bool:
    """Whether more than half of the images at the same places have the same pixels."""
    same = 0
    for i in sample:
        with suppress(BadImage):  # told when it is its turn
            same += np.array_equal(few.image(i), many.image(i))
    return 2 * same > len(sample)
