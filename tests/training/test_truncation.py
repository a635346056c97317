"""Bounds of the truncation curve, its best points, files and rows."""

import csv
import json

import pytest

from zoo.data import Drawn
from zoo.papers.biggan import BigGAN
from zoo.training.truncation import best, bounds, curve, draw


def test_bounds_are_spaced_evenly_with_both_ends():
    assert bounds("0.05:1.0:20") == pytest.approx([0.05 * k for k in range(1, 21)])
    assert bounds("2:2:1") == [2.0]


@pytest.mark.parametrize("text", ["0.5:1", "a:b:3", "0:1:5", "1:2:0", "-1:1:3"])
def test_bad_bounds_are_named(text):
    with pytest.raises(ValueError, match=r"truncation"):
        bounds(text)


def test_best_points_are_the_least_distance_and_the_greatest_score():
    rows = [
        {"truncation": 0.1, "fid": 9.0, "is_mean": 30.0, "fd_random": 1.0},
        {"truncation": 0.5, "fid": 5.0, "is_mean": 20.0, "fd_random": 2.0},
        {"truncation": 1.0, "fid": 7.0, "is_mean": 10.0, "fd_random": 3.0},
    ]
    assert {k: r["truncation"] for k, r in best(rows).items()} == {"fid": 0.5, "is_mean": 0.1}
    without = [{k: v for k, v in r.items() if k in ("truncation", "fd_random")} for r in rows]
    assert {k: r["truncation"] for k, r in best(without).items()} == {"fd_random": 0.1}
    assert best([{"truncation": 1.0}]) == {}


def test_the_plot_says_what_it_shows(tmp_path):
    pytest.importorskip("matplotlib")
    rows = [{"truncation": t, "fd_random": 1 / t} for t in (0.5, 1.0)]
    assert "no Inception weights" in draw(rows, tmp_path / "a.png", "a")
    rows = [r | {"fid": 1.0, "is_mean": 2.0} for r in rows]
    assert draw(rows, tmp_path / "b.png", "b") == "FID against Inception Score"
    assert (tmp_path / "a.png").is_file()


def test_a_curve_leaves_csv_plot_and_a_row_of_the_best_point(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    gan = BigGAN(
        resolution=32,
        n_classes=10,
        width_g=2,
        width_d=2,
        latent_dim=8,
        shared_dim=4,
        batch_size=8,
        batch_size_g=8,
        standing_passes=2,
    ).eval()
    data = Drawn(resolution=32, n_images=20)
    data.setup("fit")
    options = {
        "extractors": ["random"],
        "n_fake": 16,
        "kid_subsets": 2,
        "grid": 4,
        "recipe": "tiny",
        "results_dir": str(tmp_path / "results"),
    }
    rows = curve(gan, data, options, [0.2, 1.5], {"model": {}, "data": {}}, "run", tmp_path / "curve")
    written = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [float(r["truncation"]) for r in written] == [0.2, 1.5]
    assert float(written[0]["fd_random"]) == pytest.approx(rows[0]["fd_random"])
    assert rows[0]["fd_random"] != rows[1]["fd_random"]
    (row,) = (tmp_path / "results").rglob("*.json")
    conditions = json.loads(row.read_text())["conditions"]
    assert conditions["truncation"] == min(rows, key=lambda r: r["fd_random"])["truncation"]
    assert conditions["standing_passes"] == 2
    assert "best fd_random" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"curve\.csv holds an earlier truncation curve"):
        curve(gan, data, options | {"n_fake": 20}, [0.2], {"model": {}, "data": {}}, "run", tmp_path / "curve")
