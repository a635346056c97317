"""The Dynamics callback: the same training with and without it, its numbers, and its mistakes."""

import csv

import pytest
import torch
from runs import assert_same_training, final_state, own_cache, run  # noqa: F401

from zoo.lab.dynamics import Dynamics
from zoo.objectives.penalties import r1

ON = ("--trainer.callbacks+=zoo.lab.dynamics.Dynamics", "--trainer.callbacks.every_kimg", "0.032")
LOGGED = {f"{name}_{which}" for name in ("grad", "cosine", "sigma") for which in "gd"} | {"share"}


def logged(folder) -> list[dict]:
    rows = csv.DictReader((folder / "csv" / "version_0" / "metrics.csv").open())
    return [row for row in rows if row.get("dynamics/share")]


@pytest.mark.parametrize("paper", ["r1gan", "sngan", "stylegan", "introvae"])
def test_a_run_with_it_has_the_same_bits(paper, tmp_path):
    run(paper, tmp_path / "without", kimg=0.16)
    run(paper, tmp_path / "with", *ON, "--trainer.callbacks.n", "4", kimg=0.16)
    folders = [tmp_path / part / "run-001" for part in ("without", "with")]
    assert_same_training(*map(final_state, folders))
    (row, *_) = logged(folders[1])
    slopes = set() if paper == "introvae" else {"r1", "r2"}
    found = {k.removeprefix("dynamics/"): float(v) for k, v in row.items() if k.startswith("dynamics/") and v}
    assert set(found) == LOGGED | slopes
    assert found["grad_g"] > 0
    assert found["grad_d"] > 0
    assert all(abs(found[f"cosine_{which}"]) <= 1 for which in "gd")


def test_its_slope_is_r1_and_its_real_part_a_number(tmp_path, monkeypatch):
    seen = []
    measure = Dynamics.measure

    def spy(self, gan, real, label):
        found = measure(self, gan, real, label)
        x = real[:4].detach().clone().requires_grad_()
        seen.append((found, r1(gan.D(x, None), x).item()))
        return found

    monkeypatch.setattr(Dynamics, "measure", spy)
    run("r1gan", tmp_path, *ON, "--trainer.callbacks.n", "4", "--trainer.callbacks.jacobian", "2", kimg=0.128)
    found, slope = seen[0]
    assert found["r1"] == pytest.approx(slope, rel=1e-5)
    assert torch.tensor(found.get("real_part", 0.0)).isfinite()  # absent where it does not settle


def test_numbers_that_make_no_look_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, *ON[:1], "--trainer.callbacks.every_kimg", "0")
    assert "positive every_kimg" in capsys.readouterr().err
