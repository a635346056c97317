"""PGGAN against the authors' code: layers, networks, losses, steps, schedules, data and metrics."""

import pytest
from growth import check_table, check_trace
from vectors import files

from zoo.schedules import ProgressiveSchedule

#: config.py:99-103 of the authors' TensorFlow release
PRESETS = {
    "v1-1gpu": {
        "train_kimg": 800,
        "transition_kimg": 800,
        "batch_size": 16,
        "batch_size_at": {256: 14, 512: 6, 1024: 3},
    },
    "v2-1gpu": {
        "batch_size": 4,
        "batch_size_at": {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        "lr_at": {1024: 0.0015},
    },
    "v2-2gpus": {
        "batch_size": 8,
        "batch_size_at": {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
        "lr_at": {512: 0.0015, 1024: 0.002},
    },
    "v2-4gpus": {
        "batch_size": 16,
        "batch_size_at": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
        "lr_at": {256: 0.0015, 512: 0.002, 1024: 0.003},
    },
    "v2-8gpus": {
        "batch_size": 32,
        "batch_size_at": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
        "lr_at": {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    },
}
PRESETS["rule-check"] = PRESETS["v2-8gpus"]


def preset(row: dict) -> ProgressiveSchedule:
    return ProgressiveSchedule(
        int(float(row["dataset_resolution"])),
        **PRESETS[row["preset"]],
        num_gpus=int(float(row["num_gpus"])),
        max_per_gpu={256: 16, 512: 8, 1024: 4},
    )


@pytest.mark.parametrize("path", files("pggan-schedule.*"))
def test_schedule(path):
    check_table(path, preset)


@pytest.mark.parametrize("path", files("pggan-schedule-trace*.csv"))
def test_growing_loop(path):
    check_trace(path, preset)
