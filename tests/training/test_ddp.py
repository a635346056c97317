"""Two processes against one, through gloo: by `python script.py --trainer.devices 2`, and as forks.

`tests/engine/test_shares.py` has every paper, uneven batches and more processes.
"""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from forks import forked
from runs import own_cache, run  # noqa: F401

from zoo.engine.checkpoints import Checkpoints, WholeFiles

HERE = Path(__file__).parents[1] / "helpers"


#: models of 48 images. PGGAN grows from 4 to 16 px on the way and stops in a fade, its batch 8, then 16, then 8.
#: BigGAN's biases before batch norm have a gradient of rounding alone, which Adam's own eps of 1e-8 lets through.
SMALL = {
    "biggan": "--model.resolution 32 --model.n_classes 10 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 "
    "--model.shared_dim 4 --model.batch_size 8 --model.batch_size_g 8 --model.standing_passes 1 "
    "--model.watch_kimg 0.016 --model.adam_eps 1e-4",
    "sngan": "--model.resolution 32 --model.architecture cnn --model.n_classes 0 --model.width_g 4 "
    "--model.width_d 4 --model.n_dis 2 --model.batch_size 8 --model.batch_size_g 8 --model.decay_start_kimg 0",
    "pggan": "--model.resolution 16 --model.fmap_base 32 --model.fmap_max 4 --model.latent_dim 4 "
    "--model.batch_size 8 --model.batch_size_at.8 16 --model.stddev_group 4 "
    "--model.train_kimg 0.01 --model.transition_kimg 0.01",
}


@pytest.fixture(autouse=True)
def _no_run_dir(monkeypatch):
    monkeypatch.delenv("ZOO_RUN_DIR", raising=False)


def words(out: Path, devices: int, paper: str) -> list[str]:
    given = [
        *SMALL[paper].split(),
        *("--model.total_kimg", "0.048", "--data.n_images", "64", "--data.flip", "false"),
        *("--trainer.accelerator", "cpu", "--trainer.devices", str(devices), "--trainer.precision", "64-true"),
        *("--wandb", "false", "--evaluation.extractors", "[random]", "--evaluation.n_fake", "10"),
        *("--evaluation.kid_subsets", "1", "--evaluation.extras", "[]"),
        *("--run_dir", out / "run", "--evaluation.results_dir", out / "results"),
    ]
    return [str(word) for word in given]


def start(out: Path, devices: int, paper: str) -> list[dict]:
    """State of every process after 48 images in float64."""
    out.mkdir()

    def train(_: int) -> None:
        os.environ |= {"OUT": str(out), "PAPER": paper}
        sys.argv = ["ddp_run.py", *words(out, devices, paper)]
        runpy.run_path(str(HERE / "ddp_run.py"), run_name="__main__")

    assert forked(train, devices)
    return left(out, devices)


def command(out: Path, devices: int, paper: str) -> list[dict]:
    """The same by a command, whose first process starts the others."""
    out.mkdir()
    line = [sys.executable, str(HERE / "ddp_run.py"), *words(out, devices, paper)]
    env = os.environ | {"OUT": str(out), "PAPER": paper, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all((out / f"parted{r}").exists() for r in range(devices)), "a process ended holding the others"
    return left(out, devices)


def left(out: Path, devices: int) -> list[dict]:
    assert len(list((out / "results").rglob("*.json"))) == 1
    assert len(list(out.glob("run-*"))) == 1
    return [torch.load(out / f"rank{r}.pt", weights_only=True) for r in range(devices)]


def tensors(state: dict) -> dict[str, torch.Tensor]:
    return {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}


def same(one: dict, two: list[dict]) -> None:
    for state in two:
        assert state["_extra_state"]["nimg"] == one["_extra_state"]["nimg"] == 48
        for name, tensor in tensors(one).items():
            torch.testing.assert_close(
                state[name], tensor, rtol=1e-9, atol=1e-11, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_two_processes_end_with_the_weights_of_one(tmp_path):
    """Batch norm's statistics are of the whole batch, whichever process has its images."""
    (one,), two = start(tmp_path / "one", 1, "sngan"), command(tmp_path / "two", 2, "sngan")
    same(one, two)


def test_two_growing_processes_end_with_the_weights_of_one(tmp_path):
    """Over changes of resolution and batch size; the minibatch stddev's strided groups are those of one process."""
    (one,), two = start(tmp_path / "one", 1, "pggan"), start(tmp_path / "two", 2, "pggan")
    same(one, two)


def test_two_processes_with_cross_replica_batch_norm_end_with_the_weights_of_one(tmp_path):
    """BigGAN's whole step, statistics, averages and power iterations included; rank 0 watches for a collapse."""
    (one,), two = start(tmp_path / "one", 1, "biggan"), start(tmp_path / "two", 2, "biggan")
    same(one, two)
    assert len(list((tmp_path / "two").glob("run-*/csv/*/metrics.csv"))) == 1


def test_a_disk_that_refuses_the_last_checkpoint_leaves_no_process_waiting(tmp_path, monkeypatch):
    """It is refused at a step that is also the end, where all processes try once more; the second attempt works."""
    save, refused = WholeFiles.save_checkpoint, []

    def full_once(self, checkpoint, path, storage_options=None):
        if checkpoint["state_dict"]["_extra_state"]["nimg"] == 64 and not refused:
            refused.append(path)
            raise OSError(28, "No space left on device")
        save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(WholeFiles, "save_checkpoint", full_once)

    def train(world: int) -> None:
        signal.alarm(90)  # a process that waits for the other waits for ever
        cli = run("sngan", tmp_path, "--trainer.devices", str(world), kimg=0.064)
        (keeper,) = (c for c in cli.trainer.callbacks if isinstance(c, Checkpoints))
        assert keeper.saved_at == 64

    assert forked(train, 2)
    last = torch.load(tmp_path / "run-001" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["state_dict"]["_extra_state"]["nimg"] == 64
