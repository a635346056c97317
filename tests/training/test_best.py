"""`--checkpoints.best_by`: the best of a run beside its newest, and a row that says which."""

import json

import pytest
import torch
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.engine.checkpoints import Checkpoints, WholeFiles
from zoo.training.loading import load


def test_the_best_is_kept_beside_the_newest_and_its_row_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli = run(
        "r1gan", tmp_path, "--checkpoints.best_by", "fd_random", "--evaluation.every_kimg", "0.032", kimg=0.16
    )
    folder = tmp_path / "run-001"
    scores = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    best = min(scores, key=lambda one: one["metrics"]["fd_random"])
    assert len(scores) == 5
    gan = load(folder / "checkpoints" / "best.ckpt")
    assert gan.nimg == best["nimg"]
    assert gan.chosen == "best of its run by fd_random"
    assert load(folder / "checkpoints" / "last.ckpt").chosen is None
    metrics = cli.trainer.callback_metrics
    assert metrics["fd_random"] == metrics["metrics/fd_random"] == pytest.approx(scores[-1]["metrics"]["fd_random"])
    assert isinstance(metrics["fd_random"], torch.Tensor)

    main(["evaluate", str(folder / "checkpoints" / "best.ckpt"), "--results_dir", "again"])
    (row,) = (json.loads(path.read_text()) for path in (tmp_path / "again" / "r1gan").glob("*.json"))
    assert row["conditions"]["chosen"] == "best of its run by fd_random"
    assert row["metrics"]["fd_random"] == pytest.approx(best["metrics"]["fd_random"], rel=1e-4)
    (last,) = (json.loads(path.read_text()) for path in (tmp_path / "results" / "r1gan").glob("*.json"))
    assert "chosen" not in last["conditions"]


def test_another_score_of_a_finished_run_leaves_the_run_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--checkpoints.best_by", "fd_random", "--evaluation.every_kimg", "0.032", "--ckpt_path", "last"]
    run("r1gan", tmp_path, *words, kimg=0.096)
    folder = tmp_path / "run-001"
    before = {
        path: path.read_bytes() for path in (folder / "evaluations.jsonl", folder / "checkpoints" / "best.ckpt")
    }
    main(["evaluate", str(folder / "checkpoints" / "last.ckpt"), "--n_fake", "12", "--results_dir", "results"])
    run("r1gan", tmp_path, *words, "--evaluation.n_fake", "12", kimg=0.096)
    assert {path: path.read_bytes() for path in before} == before
    rows = [json.loads(path.read_text()) for path in (tmp_path / "results" / "r1gan").glob("*.json")]
    assert sorted(row["conditions"]["n_fake"] for row in rows)[:2] == [12, 12]  # by hand, and the run's own
    assert len(rows) == 3
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, *words, "--evaluation.n_fake", "12", kimg=0.096)
    assert len(list((tmp_path / "results" / "r1gan").glob("*.json"))) == 3


def best_of(cli) -> dict:
    (keeper,) = (c for c in cli.trainer.callbacks if isinstance(c, Checkpoints))
    return keeper.best


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--checkpoints.best_by", "coverage_random"], "checkpoints.best_by is coverage_random now"),
        (["--checkpoints.best_by", "fd_random", "--evaluation.n_fake", "12"], "evaluations are made otherwise now"),
        (["--checkpoints.best_by", "fd_random", "--run_dir", "other"], "there is no best.ckpt of it in this run's"),
    ],
    ids=["score", "conditions", "folder"],
)
def test_a_best_of_before_counts_only_for_what_compares_with_it(more, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--evaluation.every_kimg", "0.032", "--checkpoints.best_by", "fd_random"]
    # no later score could be better
    monkeypatch.setattr("zoo.training.evaluate.higher", lambda name: name == "coverage_random")
    run("r1gan", tmp_path, *words, kimg=0.064)
    folder = tmp_path / "run-001"
    last = folder / "checkpoints" / "last.ckpt"
    state = torch.load(last, weights_only=True)
    best = state["callbacks"]["Checkpoints"]["best"]
    assert best["by"] == "fd_random"
    best["value"] = -1.0
    torch.save(state, last)
    again = run("r1gan", tmp_path, *words, "--ckpt_path", "last", kimg=0.096)  # as before: the old one stays
    assert best_of(again) == best
    assert "counts no more" not in capsys.readouterr().out
    ckpt = str(last) if "--run_dir" in more else "last"
    cli = run("r1gan", tmp_path, *words[:2], "--ckpt_path", ckpt, *more, kimg=0.128)
    assert why in capsys.readouterr().out
    assert best_of(cli)["nimg"] > 64
    assert best_of(cli)["by"] == more[1]
    assert load(cli.run.folder / "checkpoints" / "best.ckpt").nimg == best_of(cli)["nimg"]


def test_a_best_that_the_disk_refuses_is_none(tmp_path, monkeypatch, capsys):
    save = WholeFiles.save_checkpoint

    def full(self, checkpoint, path, storage_options=None):
        if path.name == "best.ckpt":
            raise OSError(28, "No space left on device")
        save(self, checkpoint, path, storage_options)

    monkeypatch.setattr(WholeFiles, "save_checkpoint", full)
    words = ["--checkpoints.best_by", "fd_random", "--evaluation.every_kimg", "0.032"]
    cli = run("r1gan", tmp_path, *words, kimg=0.064)
    assert cli.model.nimg == 64
    assert best_of(cli) == {}
    assert "No space left" in capsys.readouterr().err


def test_a_best_without_scores_on_the_way_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, "--checkpoints.best_by", "fd_random")
    assert "set --evaluation.every_kimg" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fid", "fd_randm", "fwd-1", "intra_fd_random", "reconstruction_mse"])
def test_a_score_that_is_not_measured_is_told_before_training(name, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, "--checkpoints.best_by", name, "--evaluation.every_kimg", "0.064", kimg=0.064)
    said = capsys.readouterr().err
    assert f"best_by {name} is no score that is measured on the way: there are fd_random, " in said
    assert not list(tmp_path.iterdir())


def test_the_best_by_a_papers_own_measure_is_kept(tmp_path):
    words = ("--checkpoints.best_by", "reconstruction_mse", "--evaluation.every_kimg", "0.032")
    run("introvae", tmp_path, *words, kimg=0.064)
    gan = load(tmp_path / "run-001" / "checkpoints" / "best.ckpt")
    assert gan.chosen == "best of its run by reconstruction_mse"
