"""What one GPU's pace asks of reading: waiting and cores in closed form, a recipe's line from planted rates."""

import pytest
from runs import ROOT

from zoo.bench import pace
from zoo.bench.pace import Delivered, cores, decoded, kept, needed, waited


def test_a_gpu_s_pace_is_its_flops_over_an_image_s():
    assert needed(1e12) == pytest.approx(0.4 * 788)


@pytest.mark.parametrize(("delivered", "share"), [(50, 0.75), (100, 0.5), (196, 0.02), (200, 0), (1000, 0)])
def test_a_step_waits_for_what_reading_lags_behind(delivered, share):
    assert waited(200, delivered) == pytest.approx(share)


@pytest.mark.parametrize("per_core", [1.1, 7.3, 97.9, 98.1, 1000.0])
def test_the_least_number_of_cores_that_keeps_waiting_under_the_limit(per_core):
    n = cores(100, per_core)
    assert waited(100, n * per_core) <= pace.LIMIT
    assert n == 1 or waited(100, (n - 1) * per_core) > pace.LIMIT


@pytest.mark.parametrize(
    ("data", "side", "whether"),
    [
        ({"class_path": "CIFAR10"}, 32, True),
        ({"class_path": "CelebAHQ"}, 256, True),  # 5.5 GiB of 8
        ({"class_path": "CelebAHQ", "init_args": {"memory_gib": 5}}, 256, False),
        ({"class_path": "CelebAHQ"}, 1024, False),
        ({"class_path": "ImageNet"}, 128, False),
        ({"class_path": "Drawn"}, 32, True),
        ({"class_path": "ImageDataModule", "init_args": {"path": "a.zip"}}, 32, False),
    ],
)
def test_what_is_kept_in_memory(data, side, whether):
    assert kept(data, side) is whether


def test_a_recipe_s_line_and_the_machine_that_it_needs(monkeypatch, tmp_path):
    (tmp_path / "speed.csv").write_text("paper,recipe,side,gflop_per_image\nsngan,paper,128,788\n")
    monkeypatch.setattr(pace, "decoded", lambda folder, side, workers: Delivered(100.0, 60.0))
    said = pace.run([ROOT / "reproductions/sngan/paper.yaml"], 2, tmp_path / "speed.csv")
    assert "| sngan/paper | 128 | 788 | 400 | zip, 2 workers | 100 | 75% | 7 |" in said
    assert "with 7 cores" in said


def test_a_recipe_that_is_in_no_table_is_counted(monkeypatch, tmp_path):
    monkeypatch.setattr(pace, "of_step", lambda build: {"side": 32, "flops": 6e9, "images": 3})
    assert pace.cost(ROOT / "reproductions/sngan/tiny.yaml", tmp_path / "none.csv") == (32, 2e9)


def test_decoding_is_measured_on_what_was_prepared(monkeypatch, tmp_path):
    monkeypatch.setattr(pace, "ROUNDS", 1)
    found = decoded(tmp_path, 256, 0)
    assert found.by_all > 0
    assert found.per_core > 0
