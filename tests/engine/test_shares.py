"""A step over several processes is the step of one, for every paper: uneven and empty shares, with real processes.

7 images on 3 processes (3, 2 and 2), 3 images on 4 (one process has none), and where a paper draws batches of
another size or in parts, those too.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parents[1] / "helpers"

#: Adam's eps lets a gradient of rounding alone through (biases before batch norm), so where it is an option it is
#: large; elsewhere such biases are left out, see `free`.
SMALL = {
    "biggan": {
        "resolution": 32, "n_classes": 10, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4,
        "standing_passes": 1, "watch_kimg": 0, "adam_eps": 1e-4,
    },
    "ctgan": {"resolution": 32, "n_classes": 10, "width_g": 4, "width_d": 4, "latent_dim": 4, "n_dis": 2},
    "ctgan_ssl": {"resolution": 32, "n_classes": 10, "labels_per_class": 2, "width_g": 4, "width_d": 4,
                  "latent_dim": 4},
    "introvae": {"resolution": 16, "widths": [4, 6], "latent_dim": 4, "vae_kimg": 0.006, "margin": 20.0},
    "pggan": {
        "resolution": 16, "fmap_base": 32, "fmap_max": 4, "latent_dim": 4, "train_kimg": 0.01,
        "transition_kimg": 0.01, "n_classes": 10,
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
        "mapping_width": 4, "train_kimg": 0.01, "transition_kimg": 0.01, "batch_size_at": {}, "repeats": 1,
    },
    "ttur": {"resolution": 16, "width_g": 4, "width_d": 4, "latent_dim": 4},
    "vgan": {
        "resolution": 16, "n_classes": 10, "width_g": 4, "width_d": 4, "max_width": 8, "embed_dim": 4,
        "latent_dim": 4, "code_channels": 4, "beta_step": 0.1, "penalty": "wgan_gp",
    },
}  # fmt: skip


def cases(batch: int, small: int) -> dict[str, dict]:
    """Every paper at a batch size; `small` is another one that G's batch has where a paper has two."""
    steps = 4
    found = {}
    for paper, model in SMALL.items():
        sizes = {"batch_size": batch, "total_kimg": steps * batch * model.get("n_dis", 1) / 1000}
        if paper in ("biggan", "ctgan", "sngan"):
            sizes["batch_size_g"] = small
        if paper == "biggan":
            sizes["total_kimg"] = 2 * steps * batch / 1000
        if paper == "pggan":
            sizes |= {"total_kimg": 0.045, "batch_size_at": {8: batch + 1}}
        if paper == "stylegan":
            sizes |= {"total_kimg": 0.045, "stddev_group": batch}
        found[paper] = {"paper": paper, "model": model | sizes, "data": {"flip": True, "noise": 0.01}}
    pack = {"game": "wgan-gp", "pack": 2, "n_dis": 2, "batch_size": 2 * batch, "total_kimg": 16 * batch / 1000}
    parts = {"accumulate_d": 2, "accumulate_g": 2, "batch_size": 2 * batch, "batch_size_g": 2 * small}
    return found | {
        "ttur-pack": {"paper": "ttur", "model": SMALL["ttur"] | {"resolution": 32} | pack},
        "biggan-parts": {"paper": "biggan", "model": found["biggan"]["model"] | parts},
        "pggan-groups": {
            "paper": "pggan",
            "model": found["pggan"]["model"] | {"batch_size": 6, "batch_size_at": {}, "stddev_group": 3},
        },
    }


def start(out: Path, world: int, given: dict) -> dict[str, list[dict]]:
    """States of every process, by case."""
    out.mkdir()
    (out / "cases.json").write_text(json.dumps(given))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, HERE / "many_papers.py", str(world), out, out / "cases.json"]
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
        "MASTER_PORT": str(port),
    }
    env["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"  # no name resolution
    running = [
        subprocess.Popen(
            [str(c) for c in command],
            env=env | {"LOCAL_RANK": str(r), "NODE_RANK": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for r in range(world)
    ]
    said = [p.communicate(timeout=600)[0] for p in running]
    assert all(p.returncode == 0 for p in running), "\n".join(said)[-6000:]
    return {name: [torch.load(out / f"{name}-{r}.pt", weights_only=True) for r in range(world)] for name in given}


@pytest.fixture(scope="module", params=[(3, 7, 5), (4, 3, 2)], ids=["7 images on 3", "3 images on 4"])
def both(request, tmp_path_factory):
    world, batch, small = request.param
    base, given = tmp_path_factory.mktemp("shares"), cases(batch, small)
    return start(base / "one", 1, given), start(base / "many", world, given)


@pytest.mark.parametrize("case", cases(7, 5))
def test_many_processes_end_with_the_weights_of_one(both, case):
    one, many = both
    (expected,) = one[case]
    for state in many[case]:
        assert state["_extra_state"]["nimg"] == expected["_extra_state"]["nimg"] > 0
        assert torch.equal(state["_extra_state"]["latent_rng"], expected["_extra_state"]["latent_rng"])
        for name, tensor in expected.items():
            if isinstance(tensor, torch.Tensor):
                torch.testing.assert_close(
                    state[name], tensor, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
                )
