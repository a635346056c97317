"""How many processes are asked for, the authors' presets for them, and batches that do not divide."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from refusals import TRAINING, attempt
from runs import ROOT, SMALL

from zoo.engine import devices
from zoo.engine.checks import reached
from zoo.papers.introvae import IntroVAE
from zoo.papers.pggan import PGGAN
from zoo.papers.ttur import TTUR
from zoo.training.devices import about_spread, check_devices, preset, processes

PGGANS, STYLEGANS = (ROOT / "reproductions" / name / "paper.yaml" for name in ("pggan", "stylegan"))


@pytest.mark.parametrize(
    ("trainer", "n"),
    [
        ({}, 1),
        ({"devices": 3}, 3),
        ({"devices": "3"}, 3),
        ({"devices": "0,1"}, 2),
        ({"devices": [0, 2, 5]}, 3),
        ({"devices": "auto", "accelerator": "cpu"}, 1),
        ({"devices": -1, "accelerator": "cpu"}, 1),
        ({"devices": 4, "num_nodes": 2}, 8),
    ],
)
def test_processes(trainer, n):
    assert processes(trainer) == n


def test_devices_that_are_no_number_are_told():
    with pytest.raises(ValueError, match="takes a number, or a list of devices such as 0,1, not all"):
        processes({"devices": "all"})


@pytest.mark.parametrize(
    ("recipe", "args", "name"),
    [
        (PGGANS, "--trainer.devices 8", "release-8gpu"),
        (PGGANS, "--trainer.devices=4 --wandb false", "release-4gpu"),
        (PGGANS, "--trainer.devices 0,1", "release-2gpu"),
        (PGGANS, "--trainer.devices 4 --trainer.num_nodes 2", "release-8gpu"),
        (STYLEGANS, "--trainer.devices 4", "4gpu"),
        (STYLEGANS, "--trainer.devices 8", None),  # paper.yaml is theirs for eight
        (PGGANS, "--trainer.devices 1", None),  # the paper's own one-GPU batches
        (PGGANS, "--trainer.devices 3", None),
        (PGGANS, "--trainer.devices 8 --config tiny.yaml", None),
        (PGGANS, "--trainer.devices 8 --config=tiny.yaml", None),
        (PGGANS, "", None),
    ],
)
def test_the_authors_preset_for_so_many_devices(recipe, args, name):
    chosen = preset(recipe, args.split())
    assert (chosen and chosen.stem) == name


def test_devices_that_are_not_named_choose_no_preset_whatever_the_machine_has(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert preset(PGGANS, ["--model.total_kimg", "1"]) is None
    assert preset(PGGANS, ["--trainer.devices", "auto"]).stem == "release-8gpu"


def test_a_run_of_another_preset_is_not_begun_anew_in_silence(tmp_path, monkeypatch):
    """The recipe follows the number of devices, and a run may go on with any."""
    for folder in ("paper-001", "2gpu-001"):
        (tmp_path / "runs" / "stylegan" / folder / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "stylegan" / "paper-001" / "checkpoints" / "last.ckpt").touch()
    words = ["reproductions/stylegan.py", *SMALL["stylegan"].split(), "--data", "Drawn", *TRAINING]
    four = [*words, "--evaluation.n_real", "64", "--trainer.devices", "4"]
    said = attempt([*four, "--ckpt_path", "last"], tmp_path, monkeypatch).refused("runs/stylegan/paper-001")
    assert f"chooses the recipe 4gpu, which has no run to go on with, but there is {Path('runs')}" in said
    assert re.search(
        r"give --config \S+/paper.yaml to go on with that one, or --config \S+/4gpu.yaml to begin", said
    )
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # another job's runs are not this one's
    assert attempt(four, tmp_path, monkeypatch).code is None
    (tmp_path / "runs" / "stylegan" / "paper-001").rename(tmp_path / "runs" / "stylegan" / "paper-7-001")
    shutil.rmtree(tmp_path / "runs" / "stylegan" / "4gpu-7-001")
    attempt(four, tmp_path, monkeypatch).refused("runs/stylegan/paper-7-001")


def pggan(**more) -> PGGAN:
    sizes = {"resolution": 16, "fmap_base": 16, "fmap_max": 4, "latent_dim": 4}
    return PGGAN(
        **sizes | {"train_kimg": 1, "transition_kimg": 1, "batch_size": 16, "batch_size_at": {16: 14}} | more
    )


def test_only_stages_that_the_run_reaches_are_told_of():
    assert [stage.images_per_step for stage in reached(pggan(total_kimg=100))] == [16, 16, 14]
    assert [stage.images_per_step for stage in reached(pggan(total_kimg=2))] == [16, 16]
    assert [stage.images_per_step for stage in reached(IntroVAE(16, [2, 2], 3))] == [12]
    assert about_spread(pggan(total_kimg=2), 8) is None
    assert "of 14 images 6 processes take 2 and 2 processes take 1" in about_spread(pggan(total_kimg=100), 8)


def test_how_a_batch_is_spread_is_told_in_a_sentence():
    assert about_spread(IntroVAE(16, [2, 2], 3, batch_size=12), 6) is None
    assert about_spread(IntroVAE(16, [2, 2], 3, batch_size=3), 8) == (
        "each batch is spread over the 8 processes as evenly as it goes, and its update is that of one process: "
        "of 3 images 3 processes take 1 and 5 processes take none; more than 3 devices gain nothing there"
    )
    packed = TTUR(game="wgan-gp", resolution=16, width_g=1, width_d=1, pack=8, batch_size=64)
    assert "of 64 images 2 processes take 16 and 4 processes take 8" in about_spread(packed, 6)


@pytest.mark.parametrize(
    ("asked", "found", "words"),
    [
        ({"devices": 2}, 1, "--trainer.devices 2 asks for 2 GPUs, this machine shows 1"),
        ({"devices": 8}, 0, None),  # processes on the CPU
        ({"devices": 8, "accelerator": "gpu"}, 0, "--trainer.devices 8 asks for 8 GPUs, this machine shows none"),
        ({"devices": "0,3", "accelerator": "cuda"}, 2, "asks for GPU 3, this machine shows 0 and 1"),
        ({"devices": "0,1"}, 2, None),
        ({"devices": -1}, 2, None),
        ({"devices": "auto"}, 0, None),
        ({"devices": 4, "num_nodes": 2}, 4, None),
    ],
)
def test_more_gpus_than_the_machine_has(asked, found, words, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: found)
    if words is None:
        return check_devices(asked)
    with pytest.raises(ValueError, match=re.escape(words)):
        check_devices(asked)


def test_processes_of_torchrun_have_a_gpu_each(monkeypatch):
    asked = []
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(devices.torch, "empty", lambda n, device: asked.append(device) or torch.zeros(1))
    for rank in (None, 0, 1, 2):
        if rank is not None:
            monkeypatch.setenv("LOCAL_RANK", str(rank))
        for name in ("cuda", "cuda:1", "cpu"):
            devices.device_here(name)
    assert asked[::3] == ["cuda", "cuda:0", "cuda:1", "cuda:0"]
    assert asked[1::3] == ["cuda:1"] * 4
    assert asked[2::3] == ["cpu"] * 4


def test_lightnings_synchronised_batch_norm_is_refused():
    with pytest.raises(ValueError, match="over all devices already: leave out"):
        check_devices({"devices": 2, "sync_batchnorm": True})


def test_gpus_that_are_hidden_are_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(ValueError, match=r"this machine shows 1 .*CUDA_VISIBLE_DEVICES is 3"):
        check_devices({"devices": 2})
