"""`python reproductions/X.py --trainer.devices N` for all ten papers, from start to row, by real processes.

The recipes' own batches where they are small enough for a test, narrow networks, stages cut short: PGGAN passes
every stage up to 1024 px with the batches of the paper, of which 14, 6 and 3 do not divide.
"""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from runs import ROOT

HELPER = Path(__file__).parents[1] / "helpers" / "many_runs.py"
WORLD = 4
GROWING = "--model.fmap_base 64 --model.fmap_max 2 --model.latent_dim 4 --data.n_images 8"
CLASSES = "--model.n_classes 10 --data.n_images 64"
#: the recipe's own batches, but for BigGAN's 2048 and StyleGAN's 512 to 32
NARROW = {
    "biggan": f"{CLASSES} --model.resolution 32 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 "
    "--model.shared_dim 4 --model.batch_size 14 --model.batch_size_g 14 --model.standing_passes 1 "
    "--model.total_kimg 0.028 --trainer.precision 32-true",
    "ctgan": f"{CLASSES} --model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.64",
    "introvae": "--model.widths [1,1,1,1,1,1,1,1] --model.latent_dim 4 --model.vae_kimg 0.012 "
    "--model.total_kimg 0.024 --data.n_images 8",
    "pggan": f"{GROWING} --config {ROOT}/reproductions/pggan/paper.yaml --model.train_kimg 0.008 "
    "--model.transition_kimg 0.008 --model.total_kimg 0.134 --samples.every_kimg 0.05",
    "r1gan": f"{CLASSES} --model.architecture resnet --model.width_g 1 --model.width_d 1 --model.max_width 2 "
    "--model.latent_dim 4 --model.embed_dim 4 --model.total_kimg 0.128",
    "rothgan": "--model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.128",
    "sngan": f"{CLASSES} --model.resolution 32 --model.architecture resnet --model.width_g 2 --model.width_d 2 "
    "--model.latent_dim 4 --model.decay_start_kimg 0 --model.total_kimg 0.32",
    "stylegan": f"{GROWING} --model.w_dim 4 --model.mapping_width 4 --model.batch_size 2 --model.stddev_group 2 "
    "--model.batch_size_at {} --model.repeats 1 --model.train_kimg 0.002 --model.transition_kimg 0.002 "
    "--model.total_kimg 0.034 --samples.every_kimg 0.05",
    "ttur": "--model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.128",
    "vgan": "--model.width_g 2 --model.width_d 2 --model.max_width 4 --model.code_channels 2 --model.latent_dim 4 "
    "--model.total_kimg 0.128",
}
LITTLE = (
    "--data Drawn --trainer.accelerator cpu --trainer.log_every_n_steps 1 --wandb false --samples.n 4 "
    "--evaluation.extractors [random] --evaluation.n_fake 4 --evaluation.n_real 4 --evaluation.kid_subsets 1 "
    "--evaluation.is_splits 1"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("devices")
    cases = {
        paper: [
            *(f"{ROOT}/reproductions/{paper}.py", "--trainer.devices", str(WORLD), *LITTLE.split(), *more.split()),
            *("--evaluation.results_dir", f"{out}/results"),
        ]
        for paper, more in NARROW.items()
    }
    (out / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, str(HELPER), str(out), str(WORLD), str(out / "cases.json")]
    env = os.environ | {"OMP_NUM_THREADS": "1", "ZOO_CACHE": str(out / "cache")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[max(done.stderr.find("Traceback"), 0) :][:6000]  # the first to fail
    return out


@pytest.mark.parametrize("paper", NARROW)
def test_the_command_trains_from_start_to_row(out, paper):
    (file,) = (out / "results" / paper).glob("*.json")
    row = json.loads(file.read_text())
    assert row["training"]["world_size"] == WORLD
    assert (out / f"{paper}-001" / "checkpoints" / "last.ckpt").is_file()


def test_pggan_passes_every_stage_and_says_how_its_batches_are_spread(out):
    said = (out / "pggan.txt").read_text()
    assert "of 3 images 3 processes take 1 and 1 process takes none" in said
    assert "of 14 images 2 processes take 4 and 2 processes take 3" in said
    (file,) = (out / "pggan-001" / "csv").rglob("metrics.csv")
    lods = {float(row["lod"]) for row in csv.DictReader(file.open()) if row.get("lod")}
    assert {math.ceil(lod) for lod in lods} == set(range(9))
