"""Curves from logs: resumed runs, groups of seeds, bands, and what may not be laid over each other."""

import numpy as np
import pytest
import yaml
from PIL import Image
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.leaderboard.curves import band, best_of, check_comparable, group, log, read


def write(folder, *parts: list[tuple], seed: int = 0, lr_d: float = 1e-4, n_fake: int = 100, kimg: int = 9, **data):
    """A run's folder with one CSV log for each part, of rows (step, kimg, hours, loss or None, fd or None)."""
    folder.mkdir(parents=True)
    config = {
        "seed_everything": seed,
        "model": {"resolution": 32, "lr_d": lr_d, "pack": None, "total_kimg": kimg},
        "data": {"class_path": "zoo.data.CIFAR10", "init_args": data},
        "evaluation": {"n_fake": n_fake},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for i, rows in enumerate(parts):
        part = folder / "csv" / f"version_{i}"
        part.mkdir(parents=True)
        lines = [",".join("" if v is None else str(v) for v in row) for row in rows]
        (part / "metrics.csv").write_text("\n".join(["step,kimg,hours,loss/d,metrics/fd_random", *lines]) + "\n")
    return folder


def straight(*points: float, slope: float = 1.0) -> list[tuple]:
    return [(round(1000 * k), k, k / 10, None, slope * k) for k in points]


def test_a_run_that_went_back_to_a_checkpoint_is_read_once(tmp_path):
    first = [(1, 1, 0.1, 0.5, None), (2, 2, 0.2, None, 9.0), (3, 3, 0.3, None, 99.0)]
    folder = write(tmp_path / "p" / "r-001", first, [(3, 3, 0.35, None, 7.0), (4, 4, 0.45, 0.4, None)])
    assert [row["step"] for row in log(folder)] == [1, 2, 3, 4]
    curve = read(folder, "fd_random", "kimg")
    assert (curve.paper, curve.recipe) == ("p", "r")
    assert curve.x.tolist() == [2, 3]
    assert curve.y.tolist() == [9, 7]
    assert read(folder, "loss/d", "hours").x.tolist() == [0.1, 0.45]


def test_more_than_nine_parts_keep_their_order(tmp_path):
    folder = write(tmp_path / "p" / "r-001", *[[(i, i, i, None, float(i))] for i in range(12)])
    assert read(folder, "metrics/fd_random", "step").y.tolist() == list(range(12))


def test_seeds_of_a_recipe_make_one_curve_and_rates_make_two(tmp_path):
    runs = [
        read(write(tmp_path / "ttur" / f"r-{i:03d}", straight(1, 2), seed=i, lr_d=lr), "fd_random", "kimg")
        for i, lr in enumerate([1e-4, 1e-4, 5e-4])
    ]
    groups = group(runs)
    assert {label: len(members) for label, members in groups.items()} == {
        "r: lr_d 0.0001 (2 runs)": 2,
        "r: lr_d 0.0005": 1,
    }
    other = read(write(tmp_path / "sngan" / "r-001", straight(1, 2)), "fd_random", "kimg")
    assert list(group([runs[0], other])) == ["ttur / r", "sngan / r"]


def test_runs_whose_labels_would_be_alike_keep_a_curve_each(tmp_path):
    """Lengths stand in no label."""
    runs = [
        read(write(tmp_path / "ttur" / f"r-{i:03d}", straight(1, 2), kimg=kimg), "fd_random", "kimg")
        for i, kimg in enumerate([26, 52])
    ]
    assert {label: [run.path.name for run in members] for label, members in group(runs).items()} == {
        "r: r-000": ["r-000"],
        "r: r-001": ["r-001"],
    }


@pytest.mark.parametrize(("axis", "scale"), [("kimg", 1), ("hours", 0.1), ("step", 1000)])
def test_a_band_covers_what_all_runs_cover(tmp_path, axis, scale):
    runs = [
        read(write(tmp_path / f"a-{i}", straight(*at, slope=i)), "fd_random", axis)
        for i, at in ((1, (1, 2, 4)), (3, (2, 3, 5)))
    ]
    x, mean, low, high = band(runs)
    kimg = np.array([2.0, 3.0, 4.0])
    np.testing.assert_allclose(x, kimg * scale)
    np.testing.assert_allclose(mean, 2 * kimg)
    np.testing.assert_allclose(low, kimg)
    np.testing.assert_allclose(high, 3 * kimg)
    with pytest.raises(ValueError, match="no stretch of training in common"):
        band([runs[0], read(write(tmp_path / "late-1", straight(8, 9)), "fd_random", axis)])


@pytest.mark.parametrize(("more", "words"), [({"n_fake": 50}, "n_fake is 100 and 50"), ({"name": "X"}, "name is")])
def test_what_does_not_compare_is_refused(tmp_path, more, words):
    runs = [read(write(tmp_path / "a-1", straight(1)), "fd_random", "kimg")]
    runs.append(read(write(tmp_path / "a-2", straight(1), **more), "fd_random", "kimg"))
    with pytest.raises(ValueError, match=words):
        check_comparable(runs)
    check_comparable(runs[:1])


def test_the_command_draws_real_runs(tmp_path, capsys):
    folders = []
    for seed, rate in (("0", "1e-3"), ("1", "1e-3"), ("0", "1e-4")):
        more = ("--seed_everything", seed, "--model.lr_d", rate, "--evaluation.every_kimg", "0.032")
        folders.append(str(run("ttur", tmp_path, *more).run.folder))
    out = tmp_path / "curves.png"
    capsys.readouterr()
    main(["curves", *folders, "--x", "hours", "--out", str(out)])
    told = capsys.readouterr().out
    assert "defaults: lr_d 0.001 (2 runs): " in told
    assert "defaults: lr_d 0.0001: " in told
    assert Image.open(out).size[0] > 800
    rows = sorted(map(str, (tmp_path / "results" / "ttur").glob("*.json")))
    main(["curves", *rows, "--x", "step", "--out", str(out)])
    assert "defaults: lr_d 0.001 (2 runs): " in capsys.readouterr().out
    main(["curves", rows[0], folders[0], "--out", str(out)])  # the same run, twice
    main(["curves", folders[0], "--metric", "loss/d", "--log_y", "true", "--out", str(out)])


def test_mistakes_are_one_sentence(tmp_path, capsys):
    folder = str(write(tmp_path / "a-1", straight(1)))
    (tmp_path / "row.json").write_text("{}")
    for args, words in (
        ([str(tmp_path)], "is no run's folder"),
        ([str(tmp_path / "row.json")], "is not a results row"),
        ([folder, "--metric", "fid"], "has not logged fid against kimg; it has logged fd_random"),
    ):
        with pytest.raises(SystemExit) as refused:
            main(["curves", *args])
        assert refused.value.code == 2
        assert words in capsys.readouterr().err


def test_the_best_point_is_the_highest_where_more_is_better():
    assert best_of(np.array([1.0, 3.0, 2.0]), "metrics/is_mean") == 1
    assert best_of(np.array([1.0, 3.0, 2.0]), "fd_random") == 0


def test_a_run_that_is_named_twice_counts_once(tmp_path, monkeypatch, capsys):
    for i in range(2):
        folder = write(tmp_path / "p" / f"r-{i:03d}", straight(1, 2), seed=i)
        (folder / "run_id").write_text(f"id{i}")
    monkeypatch.chdir(tmp_path)
    main(["curves", "p/r-000", str(tmp_path / "p" / "r-000"), "p/../p/r-001", "p/r-001", "--out", "c.png"])
    assert "r (2 runs):" in capsys.readouterr().out
    (tmp_path / "p" / "r-001" / "run_id").write_text("id0")  # a copy of the other
    main(["curves", "p/r-000", "p/r-001", "--out", "c.png"])
    assert "runs" not in capsys.readouterr().out
