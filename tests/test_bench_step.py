"""What `zoo bench step` measures, in this process at a tiny size."""

from pathlib import Path

import pytest

from zoo.bench.step import measure, model_options, step

ROOT = Path(__file__).parents[1]


def test_every_batch_of_a_recipe_is_cut():
    paper, options = model_options(ROOT / "reproductions/biggan/imagenet128-bs256x8.yaml", 2)
    assert paper == "biggan"
    assert (options["batch_size"], options["batch_size_g"]) == (2, 2)
    assert (options["accumulate_d"], options["accumulate_g"]) == (1, 1)
    assert options["width_g"] == 96
    _, whole = model_options(ROOT / "reproductions/biggan/imagenet128-bs256x8.yaml", None)
    assert (whole["batch_size"], whole["accumulate_d"]) == (2048, 8)


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_a_step_takes_time_and_memory(layout):
    options = {"resolution": 32, "n_classes": 3, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4}
    options |= {"batch_size": 2, "batch_size_g": 2}
    result = measure("biggan", options, "32-true", layout, 1, "cpu")
    assert result["images"] == 4  # two D steps
    assert result["seconds"] > 0
    assert result["peak_gib"] >= result["start_gib"] > 0


def test_what_is_no_recipe_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        step(Path("nowhere.yaml"))
