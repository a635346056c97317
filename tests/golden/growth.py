"""Rows of the golden schedules of both growing papers against `ProgressiveSchedule`."""

import csv
import math
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np

from zoo.engine.schedules import ProgressiveSchedule

COLUMNS = {"lod": "lod", "resolution": "resolution", "minibatch": "images_per_step", "G_lrate": "lr"}


def rows(path: Path) -> list[dict[str, str]]:
    """A table as text rows, from its .csv or from the arrays of its .npz."""
    if path.suffix == ".csv":
        return list(csv.DictReader(path.open()))
    with np.load(path, allow_pickle=False) as z:
        columns = {k.removeprefix("output/"): z[k] for k in z.files if k != "meta"}
    return [dict(zip(columns, map(str, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def check_table(path: Path, build: Callable[[dict], ProgressiveSchedule]) -> None:
    """Every row at its very image: what the official function returns, before the loop's rare look-ups."""
    table = rows(path)
    assert table
    for row in table:
        schedule, nimg = build(row), round(1000 * float(row["kimg"]))
        lod = schedule.lod(nimg)
        resolution = schedule.resolution_of(lod)
        assert math.isclose(lod, float(row["lod"]), rel_tol=0, abs_tol=1e-9), row
        assert resolution == float(row["resolution"]), row
        assert schedule.batch(resolution) == float(row["minibatch"]), row
        assert schedule.rate(nimg, resolution) == float(row["G_lrate"]) == float(row["D_lrate"]), row


def check_trace(path: Path, build: Callable[[dict], ProgressiveSchedule]) -> None:
    """The simulated loop: each listed change happens at that image and iteration, and no reset besides."""
    table = rows(path)
    assert table
    names = ("preset", "precision", "loss", "num_gpus", "dataset_resolution")
    for _, group in groupby(table, key=lambda row: [row[n] for n in names if n in row]):
        changes = list(group)
        schedule = build(changes[0])
        resets = [int(row["nimg"]) for row in changes if int(row["optimizer_reset"])]
        iteration, before = 0, 0
        for row in changes:
            nimg = int(row["nimg"])
            iteration += sum(
                (min(nimg, stage.end or nimg) - max(before, start)) // stage.images_per_step
                for start, stage in schedule.stages
                if start < nimg and (stage.end or nimg) > before
            )
            before = nimg
            stage = schedule.at(nimg)
            assert iteration == int(row["iteration"]), row
            if row["lod"] == "end":
                continue
            assert math.isclose(stage.lod, float(row["lod"]), rel_tol=0, abs_tol=1e-9), row
            assert (stage.resolution, stage.images_per_step) == (int(row["resolution"]), int(row["minibatch"])), row
            assert stage.lr == float(row["lrate"]), row
            assert schedule.resets(nimg) == bool(int(row["optimizer_reset"])), row
        # between two listed resets there is no other: the look-ups next to each corner say so
        for nimg in resets[1:]:
            step = schedule.at(nimg - 1).images_per_step
            assert not any(
                schedule.resets(nimg + k * step) for k in (-2 * schedule.repeats, -schedule.repeats, -1, 1)
            )
