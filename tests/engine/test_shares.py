"""A step over several processes is the step of one, for every paper: uneven shares, stand-ins, real processes.

7 images on 3 processes (3, 2 and 2), 3 images on 4 (one has a stand-in), and where a paper draws batches of
another size or in parts, those too. Each process sends the gradient of each trained parameter once an update.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from zoo.baselines import BASELINES

HELPER = Path(__file__).parents[1] / "helpers" / "many_papers.py"

SMALL = {
    "biggan": {
        "resolution": 32, "n_classes": 10, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4,
        "standing_passes": 1, "watch_kimg": 0,
    },
    "ctgan": {
        "resolution": 32, "n_classes": 10, "width_g": 4, "width_d": 4, "latent_dim": 4, "n_dis": 2, "bn_groups": 1,
    },
    "ctgan_ssl": {"resolution": 32, "n_classes": 10, "labels_per_class": 2, "width_g": 4, "width_d": 4,
                  "latent_dim": 4},
    "introvae": {"resolution": 16, "widths": [4, 6], "latent_dim": 4, "vae_kimg": 0.006, "margin": 20.0},
    "pggan": {
        "resolution": 16, "fmap_base": 32, "fmap_max": 4, "latent_dim": 4, "n_classes": 10,
    },
    "r1gan": {
        "resolution": 16, "n_classes": 10, "architecture": "resnet", "width_g": 4, "width_d": 4, "max_width": 8,
        "embed_dim": 4, "latent_dim": 4, "penalty": "wgan_gp",
    },
    "rothgan": {"resolution": 16, "width_g": 4, "width_d": 4, "latent_dim": 4, "n_dis": 2},
    "sngan": {
        "resolution": 32, "n_classes": 10, "architecture": "resnet", "width_g": 4, "width_d": 4, "latent_dim": 4,
        "n_dis": 2, "decay_start_kimg": None,
    },
    "stylegan": {
        "resolution": 16, "fmap_base": 32, "fmap_max": 4, "latent_dim": 4, "w_dim": 4, "mapping_layers": 2,
        "mapping_width": 4, "batch_size_at": {}, "repeats": 1,
    },
    "ttur": {"resolution": 16, "width_g": 4, "width_d": 4, "latent_dim": 4},
    "vgan": {
        "resolution": 16, "n_classes": 10, "width_g": 4, "width_d": 4, "max_width": 8, "embed_dim": 4,
        "latent_dim": 4, "code_channels": 4, "beta_step": 0.1,
    },
    "bigan": {"resolution": 32, "width": 8, "latent_dim": 4, "decay_start_kimg": 0},
    "bigan_qp": {"resolution": 16, "width": 4, "hidden": 4, "latent_dim": 4},
    "cgan": {"resolution": 32, "width_g": 8, "width_d": 16, "latent_dim": 4},
    "conopt": {"architecture": "dcgan4", "resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 4},
    "dcgan": {"resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 4},
    "fgan": {"resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 4},
    "gan_qp": {"resolution": 16, "width_g": 4, "width_d": 4, "latent_dim": 4},
    "nk17": {"architecture": "dcgan4", "resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 4},
    "wgan": {"resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 4, "n_critic": 1, "n_critic_long": None},
    "wgan_div": {"resolution": 32, "architecture": "cnn", "norm_d": "none", "width_g": 4, "width_d": 4,
                 "latent_dim": 4, "n_dis": 2, "points": "lines-mixture"},
    "wgan_gp": {"resolution": 32, "width_g": 4, "width_d": 4, "latent_dim": 4, "n_dis": 2, "bn_groups": 1},
}  # fmt: skip
#: world, images of a batch, and of G's batch where a paper has two
SPREADS = {"7 on 3": (3, 7, 5), "3 on 4": (4, 3, 2)}


def cases(world: int, batch: int, small: int) -> dict[str, dict]:
    """Every paper at a batch size; all baselines at the first, ways of a step at the other."""
    found = {}
    for paper, model in SMALL.items():
        if paper in BASELINES and batch < 7:
            continue
        shown = batch * model.get("n_dis", 2 if paper in ("biggan", "bigan_qp", "gan_qp") else 1)
        sizes = {"batch_size": batch, "total_kimg": (2 if paper in BASELINES else 3) * shown / 1000}
        if paper in ("biggan", "ctgan", "sngan", "wgan_gp"):
            sizes["batch_size_g"] = small
        if paper in ("pggan", "stylegan"):  # from 4 px to a fade of 16 px, or from 8 px to 16
            sizes |= dict.fromkeys(("train_kimg", "transition_kimg"), batch / 1000) | {"total_kimg": batch / 250}
            sizes |= {"batch_size_at": {8: batch + 1}} if paper == "pggan" else {"stddev_group": batch}
        found[paper] = {"paper": paper, "model": model | sizes, "data": {"flip": True, "noise": 0.01}}
    pack = {"game": "wgan-gp", "pack": 2, "n_dis": 2, "batch_size": 2 * batch, "total_kimg": 8 * batch / 1000}
    parts = {"accumulate_d": 2, "accumulate_g": 2, "batch_size": 2 * batch, "batch_size_g": 2 * small}
    rows = {"gulrajani": True, "kernels": 3, "stddev_group": 0, "n_critic": 2}
    groups = {"batch_size": 6, "batch_size_at": {}, "stddev_group": 3, "train_kimg": 0.012}
    more = {
        "ttur-pack": ("ttur", SMALL["ttur"] | {"resolution": 32} | pack),
        "biggan-parts": ("biggan", found["biggan"]["model"] | parts | {"total_kimg": 8 * batch / 1000}),
        "ctgan-groups": ("ctgan", found["ctgan"]["model"] | {"bn_groups": 2, "batch_size": 6, "batch_size_g": 6}),
        "pggan-rows": ("pggan", found["pggan"]["model"] | rows | {"total_kimg": 6 * batch / 1000}),
        "pggan-groups": ("pggan", found["pggan"]["model"] | groups | {"total_kimg": 0.012}),
    }
    if batch < 7:
        found |= {name: {"paper": paper, "model": model} for name, (paper, model) in more.items()}
        found["vgan-ddp"] = found["vgan"] | {"strategy": "ddp"}  # a strategy that wraps the model
        found["biggan-parts-again"] = found["biggan-parts"] | {"again": True}
    return {f"{name}, {batch} on {world}": case | {"worlds": [1, world]} for name, case in found.items()}


GIVEN = {name: case for spread in SPREADS.values() for name, case in cases(*spread).items()}
LOADER = {"loader": 8, "strategy": "ddp", "worlds": [1, 4]}  # a user's own loader and trainer
LOADER["model"] = SMALL["sngan"] | {"batch_size": 4, "batch_size_g": 6, "total_kimg": 0.024}
GIVEN["sngan-loader, 8 on 4"] = {"paper": "sngan"} | LOADER
#: half of a training on 4 processes, the rest on 3: through a change of batch size, and in a fade
HALF = GIVEN["pggan, 7 on 3"] | {"worlds": [4], "save": "half.ckpt"}
GOES_ON = {
    "half": HALF | {"model": HALF["model"] | {"total_kimg": 0.015}},
    "rest": HALF | {"worlds": [3], "save": None, "go_on": "half.ckpt"},
}


def start(out: Path, given: dict) -> None:
    """Let processes train all cases; each leaves a file for each case and world."""
    (out / "cases.json").write_text(json.dumps(given))
    worlds = ["1", "4", "3"]
    command = [sys.executable, str(HELPER), str(out), str(out / "cases.json"), *worlds]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[max(done.stderr.find("Traceback"), 0) :][:6000]  # the first to fail
    (out / "done").touch()


@pytest.fixture(scope="module")
def left(tmp_path_factory) -> dict[str, dict[int, list[dict]]]:
    """What every process left, by case and world; pytest's own processes share one training."""
    out = tmp_path_factory.getbasetemp()
    out = (out.parent if "PYTEST_XDIST_WORKER" in os.environ else out) / "shares"
    out.mkdir(exist_ok=True)
    given = GIVEN | GOES_ON
    with FileLock(out / "lock"):
        if not (out / "done").exists():
            start(out, given)
    return {
        name: {
            world: [torch.load(out / f"{name}-{world}-{r}.pt", weights_only=True) for r in range(world)]
            for world in case["worlds"]
        }
        for name, case in given.items()
    }


def same(many: list[dict], one: dict) -> None:
    for state in (process["state"] for process in many):
        assert state["_extra_state"]["nimg"] == one["_extra_state"]["nimg"] > 0
        assert torch.equal(state["_extra_state"]["latent_rng"], one["_extra_state"]["latent_rng"])
        for name, tensor in one.items():
            if isinstance(tensor, torch.Tensor):
                torch.testing.assert_close(
                    state[name], tensor, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
                )


@pytest.mark.parametrize("case", GIVEN)
def test_many_processes_end_with_the_weights_of_one(left, case):
    (one,), many = left[case].values()
    same(many, one["state"])


def test_a_run_of_four_processes_goes_on_with_three(left):
    (one,) = left["pggan, 7 on 3"][1]
    assert left["half"][4][0]["state"]["_extra_state"]["nimg"] < one["state"]["_extra_state"]["nimg"]
    same(left["rest"][3], one["state"])


@pytest.mark.parametrize("case", [name for name, case in GIVEN.items() if "strategy" not in case])
def test_each_trained_parameter_s_gradient_is_sent_once_an_update(left, case):
    """Numbers sent over the least that is needed: 1, also in parts and where one pass gives both networks'."""
    for process in left[case][int(case[-1])]:
        sent = process["sent"]
        assert not sent["wrapped"]  # no reducer beside ours
        assert sent["gradient sums"] == sent["updates"] > 0
        assert sent["gradients"] == sent["all_reduce of gradients"] == sent["moved"]
