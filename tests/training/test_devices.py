"""How many processes are asked for, the authors' presets for them, and batches that do not divide."""

import re

import pytest
from runs import ROOT

from zoo.engine.checks import check_batches, reached
from zoo.papers.introvae import IntroVAE
from zoo.papers.pggan import PGGAN
from zoo.training.devices import preset, processes

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


def pggan(**more) -> PGGAN:
    sizes = {"resolution": 16, "fmap_base": 16, "fmap_max": 4, "latent_dim": 4}
    return PGGAN(
        **sizes | {"train_kimg": 1, "transition_kimg": 1, "batch_size": 16, "batch_size_at": {16: 14}} | more
    )


def test_only_stages_that_the_run_reaches_are_checked():
    assert reached(pggan(total_kimg=100)) == {4: 16, 8: 16, 16: 14}
    assert reached(pggan(total_kimg=2)) == {4: 16, 8: 16}
    assert reached(IntroVAE(16, [2, 2], 3)) == {}
    check_batches(pggan(total_kimg=2), 8)
    with pytest.raises(ValueError, match=re.escape("batch_size_at 14 at 16 px does not divide over 8 processes")):
        check_batches(pggan(total_kimg=100), 8)


def test_a_batch_that_does_not_divide_names_numbers_that_would():
    with pytest.raises(ValueError, match=re.escape("give --model.batch_size 8 or 16, or --trainer.devices 6")):
        check_batches(IntroVAE(16, [2, 2], 3, batch_size=12), 8)
    check_batches(IntroVAE(16, [2, 2], 3, batch_size=12), 6)
