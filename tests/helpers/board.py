"""Rows of a made-up leaderboard."""

import copy
from pathlib import Path

from zoo.leaderboard import imitation
from zoo.leaderboard.rows import write_row

COLUMNS = "paper,dataset,resolution,model,metric,value,std,protocol,table,source_note,verified\n"


ROW = {
    "schema": 1,
    "paper": "sngan",
    "recipe": "cifar10",
    "date": "2024-05-01T12:00:00+00:00",
    "data": {
        "name": "CIFAR-10",
        "fingerprint": "ab" * 32,
        "n_images": 50000,
        "resolution": 32,
        "n_classes": 10,
        "note": "",
    },
    "metrics": {"fid": 20.0, "is_mean": 8.0, "is_std": 0.1, "kid": 0.01, "fd_random": 1.0, "kid_random": 0.1},
    "absent": {},
    "conditions": {
        "protocol": "zoo",
        "n_real": 50000,
        "n_fake": 50000,
        "extractors": {"inception": {"id": "inception-2015-12-05:6726825d", "resize": "299x299"}},
        "rounding": "round",
        "truncation": None,
        "ema": False,
        "is_splits": 10,
        "seed": 0,
    },
    "training": {
        "nimg": 16000000,
        "kimg": 16000,
        "seed": 0,
        "precision": "32-true",
        "batch_size": 64,
        "steps": 50000,
        "hours": 3.25,
        "hardware": "a GPU",
        "world_size": 1,
    },
    "software": {
        "zoo": "0.1.0",
        "commit": "0123456789abcdef",
        "dirty": True,
        "python": "3.11",
        "torch": "2.7",
        "lightning": "2.5",
        "torchmetrics": "1.9",
        "torch_fidelity": "0.4.0",
    },
    "samples": None,
    "config": {"lr": 2e-4},
}


def add(folder: Path, recipe: str, **changes) -> None:
    """Write ROW with `section__field=value` changed."""
    row = copy.deepcopy(ROW) | {"recipe": recipe}
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            row[section][field] = value
        else:
            row[section] = value
    write_row(row, folder)


def imitation_row(
    seed: int = 0, method: str = "VAIL", value: float = -200.0, transfer: str | None = None, **changes
) -> dict:
    metrics = {"imitation": value, "demonstrations": -130.0} | ({"transfer": value - 1} if transfer else {})
    return (
        imitation.make_row(
            algorithm=method.lower(),
            method=method,
            recipe="pendulum",
            metrics=metrics,
            conditions={
                "env": "Pendulum-v1",
                "transfer_env": transfer,
                "horizon": 200,
                "episodes": 5,
                "demonstrations": 10,
                "demonstrated_by": {},
                "improvement": "ppo",
            },
            training={"ksteps": 384, "iterations": 60, "hours": 0.1, "seed": seed, "hardware": "a CPU"},
            history={"ksteps": [6.4, 12.8], "return/imitation": [-1200.0, value]},
            config={"bottleneck": "none"},
            run="abc",
        )
        | changes
    )
