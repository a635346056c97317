"""`python reproductions/X.py --trainer.devices N` for all ten papers, from start to row, by real processes."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from zoo.papers import PAPERS

HELPER = Path(__file__).parents[1] / "helpers" / "many_runs.py"
WORLD = 4
TEN = sorted(PAPERS.keys() - {"ctgan_ssl"})  # the other of CT-GAN's two experiments


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """What the runs left; pytest's own processes share them."""
    out = tmp_path_factory.getbasetemp()
    out = (out.parent if "PYTEST_XDIST_WORKER" in os.environ else out) / "many"
    out.mkdir(exist_ok=True)
    with FileLock(out / "lock"):
        if not (out / "done").exists():
            env = os.environ | {"OMP_NUM_THREADS": "1", "ZOO_CACHE": str(out / "cache")}
            env.pop("ZOO_RUN_DIR", None)
            command = [sys.executable, str(HELPER), str(out), str(WORLD)]
            done = subprocess.run(command, env=env, capture_output=True, text=True)
            # the first to fail
            assert done.returncode == 0, done.stderr[max(done.stderr.find("Traceback"), 0) :][:6000]
            (out / "done").touch()
    return out


def lods(folder: Path) -> set[int]:
    """Levels that the steps of a run lacked to the full resolution, a fade counted as the stage it begins."""
    (file,) = (folder / "csv").rglob("metrics.csv")
    return {math.ceil(float(row["lod"])) for row in csv.DictReader(file.open()) if row.get("lod")}


@pytest.mark.parametrize("paper", TEN)
def test_the_command_trains_from_start_to_row(out, paper):
    (file,) = (out / "results" / paper).glob("*.json")
    row = json.loads(file.read_text())
    assert row["training"]["world_size"] == WORLD
    assert "fd_random" in row["metrics"]
    assert file.with_suffix(".png").is_file() or paper in ("pggan", "stylegan")  # whose pictures would be large
    assert (out / f"{paper}-001" / "checkpoints" / "last.ckpt").is_file()
    assert len(list(out.glob(f"{paper}-0*"))) == 1


def test_growing_papers_pass_every_stage_to_1024_px_and_say_how_their_batches_are_spread(out):
    said = (out / "pggan.txt").read_text()
    assert "of 3 images 3 processes take 1 and 1 process takes none" in said
    assert "of 14 images 2 processes take 4 and 2 processes take 3" in said
    assert lods(out / "pggan-001") == set(range(9))
    assert lods(out / "stylegan-001") == set(range(8))
