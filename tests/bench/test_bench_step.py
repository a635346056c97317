"""What `zoo bench step` measures, in this process at a tiny size."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from zoo.bench.counts import of_step
from zoo.bench.step import measure, model_options, step
from zoo.papers.stylegan import StyleGAN

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("recipe", ["paper", "imagenet128-bs256x8"])
def test_every_batch_of_a_recipe_is_cut_and_starts_are_cheap(recipe):
    paper, options = model_options(ROOT / f"reproductions/biggan/{recipe}.yaml", 2)
    assert paper == "biggan"
    assert (options["batch_size"], options["batch_size_g"], options["d_steps"]) == (2, 2, 1)
    assert (options["accumulate_d"], options["accumulate_g"], options["init"]) == (1, 1, "normal")
    assert options["width_g"] == 96
    _, whole = model_options(ROOT / f"reproductions/biggan/{recipe}.yaml", None)
    assert whole["batch_size"] == 2048


def test_batches_by_resolution_are_cut_too():
    _, options = model_options(ROOT / "reproductions/pggan/paper.yaml", 2)
    assert (options["batch_size"], options["batch_size_at"]) == (2, {})


def test_a_recipe_of_batch_2048_is_measured_at_two_images(tmp_path, capsys):
    """A narrow recipe in a folder named as the paper, with the paper's batch, D steps and start."""
    (tmp_path / "biggan").mkdir()
    recipe = tmp_path / "biggan" / "paper.yaml"
    recipe.write_text(
        "model: {resolution: 32, n_classes: 3, width_g: 2, width_d: 2, latent_dim: 8, shared_dim: 4, "
        "batch_size: 2048, batch_size_g: 2048, d_steps: 2, accumulate_d: 8, init: orthogonal}"
    )
    result = measure(*model_options(recipe, 2), ("32-true", "contiguous", "eager"), 1, "cpu")
    assert result["images"] == 2
    assert 0 < result["built_s"] < 60
    assert "32-true     contiguous     eager        first step begun after" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_a_step_takes_time_and_memory(layout, monkeypatch):
    options = {"resolution": 32, "n_classes": 3, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4}
    options |= {"batch_size": 2, "batch_size_g": 2}
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    result = measure("biggan", options, ("32-true", layout, "eager"), 1, "cpu")
    assert not torch.backends.cudnn.allow_tf32  # as a run of 32-true convolves
    assert result["images"] == 4  # two D steps
    assert result["seconds"] > 0
    assert result["peak_gib"] >= result["start_gib"] > 0


def test_a_growing_model_is_timed_where_it_is_counted():
    """At its full side, with the batch that the recipe has there, while its training begins at 8 px."""
    options = {"resolution": 16, "fmap_base": 64, "fmap_max": 8, "latent_dim": 8, "w_dim": 8, "mapping_width": 8}
    options |= {"batch_size_at": {8: 8, 16: 4}, "train_kimg": 1, "transition_kimg": 1, "total_kimg": 10}
    timed = measure("stylegan", options, ("32-true", "channels_last", "checkpointed"), 1, "cpu")
    counts = of_step(lambda: StyleGAN(**options), steps=1)
    assert (timed["side"], timed["images"]) == (counts["side"], counts["images"]) == (16, 4)


def test_what_is_no_recipe_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        step(Path("nowhere.yaml"))


KILLED = """
import multiprocessing, os, signal, sys, threading, time
from pathlib import Path
from zoo.bench.step import SETTINGS, answer, model_options

if __name__ == "__main__":
    args = (*model_options(Path(sys.argv[1]), None), SETTINGS[0], 2, "cpu")
    threading.Thread(target=answer, args=(args, 600), daemon=True).start()
    while not multiprocessing.active_children():
        time.sleep(0.01)
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_measurement_ends_with_who_asked_for_it(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    asked = [sys.executable, str(tmp_path / "killed.py"), str(ROOT / "reproductions/biggan/paper.yaml")]
    told = subprocess.run(asked, stdout=subprocess.PIPE, text=True)
    assert told.returncode == -signal.SIGKILL
    child, until = int(told.stdout), time.monotonic() + 60
    while runs(child) and time.monotonic() < until:
        time.sleep(0.1)
    assert not runs(child)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
