"""The Dynamics callback: the same training with and without it, its numbers, and its mistakes."""

import csv

import pytest
import torch
from runs import assert_same_training, final_state, own_cache, run  # noqa: F401

from zoo.lab.dynamics import Dynamics
from zoo.lab.eigen import game_of, spectrum
from zoo.lab.plane import build
from zoo.lab.settings import SETTINGS
from zoo.networks.conopt import MLP
from zoo.objectives.penalties import r1

ON = ("--trainer.callbacks+=zoo.lab.dynamics.Dynamics", "--trainer.callbacks.every_kimg", "0.032")
LOGGED = {f"{name}_{which}" for name in ("grad", "cosine", "sigma") for which in "gd"} | {"share"}


def logged(folder) -> list[dict]:
    rows = csv.DictReader((folder / "csv" / "version_0" / "metrics.csv").open())
    return [row for row in rows if row.get("dynamics/share")]


@pytest.mark.parametrize(("paper", "jacobian"), [("r1gan", 2), ("sngan", 0), ("stylegan", 0), ("introvae", 0)])
def test_a_run_with_it_has_the_same_bits(paper, jacobian, tmp_path):
    run(paper, tmp_path / "without", kimg=0.16)
    look = ("--trainer.callbacks.n", "4", "--trainer.callbacks.jacobian", str(jacobian))
    run(paper, tmp_path / "with", *ON, *look, kimg=0.16)
    folders = [tmp_path / part / "run-001" for part in ("without", "with")]
    assert_same_training(*map(final_state, folders))
    (row, *_) = logged(folders[1])
    slopes = set() if paper == "introvae" else {"r1", "r2"}
    found = {k.removeprefix("dynamics/"): float(v) for k, v in row.items() if k.startswith("dynamics/") and v}
    assert set(found) == LOGGED | slopes | ({"real_part"} if jacobian else set())
    assert found["grad_g"] > 0
    assert found["grad_d"] > 0
    assert all(abs(found[f"cosine_{which}"]) <= 1 for which in "gd")


def test_its_slope_is_r1(tmp_path, monkeypatch):
    seen = []
    measure = Dynamics.measure

    def spy(self, gan, real, label):
        found = measure(self, gan, real, label)
        x = real[:4].detach().clone().requires_grad_()
        seen.append((found, r1(gan.D(x, None), x).item()))
        return found

    monkeypatch.setattr(Dynamics, "measure", spy)
    run("r1gan", tmp_path, *ON, "--trainer.callbacks.n", "4", kimg=0.128)
    found, slope = seen[0]
    assert found["r1"] == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("penalty", ["none", "r1"])
def test_its_real_part_is_the_largest_of_the_exact_spectrum(penalty):
    torch.manual_seed(0)
    gan = build("r1gan", SETTINGS["r1gan"].options | {"penalty": penalty})
    gan.use_networks(MLP(2, 2, 5, 2), MLP(2, None, 5, 2), 2)
    with torch.no_grad():
        for p in (*gan.G.parameters(), *gan.D.parameters()):
            p.add_(0.3 * torch.randn_like(p))
    real = torch.randn(9, 2)
    exact = spectrum(game_of(gan, real), exact=True)[0].real
    assert Dynamics.real_part(gan, real) == {"real_part": pytest.approx(exact, rel=1e-2)}  # asked for to 1 %


def test_a_model_without_a_game_has_no_real_part():
    gan = build("gan_qp", SETTINGS["gan_qp"].options)
    gan.use_networks(MLP(2, 2, 5, 2), MLP(2, None, 5, 2), 2)
    assert Dynamics.real_part(gan, torch.randn(9, 2)) == {}


def test_numbers_that_make_no_look_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, *ON[:1], "--trainer.callbacks.every_kimg", "0")
    assert "positive every_kimg" in capsys.readouterr().err
