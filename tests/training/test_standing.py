"""`zoo runs`, `zoo show`, `zoo doctor`: where runs stand, read from their folders."""

import platform

import pytest
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.training import standing
from zoo.training.lock import locked


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    run("sngan", tmp_path, "--run_dir", str(tmp_path / "runs" / "sngan" / "small"))
    return tmp_path / "runs" / "sngan" / "small-001"


def test_runs_and_show(trained, capsys):
    one = standing.standing(trained)
    assert (one.state, one.kimg, one.total_kimg) == ("finished", 0.096, 0.096)
    assert "fd_random" in one.score
    capsys.readouterr()
    main(["runs"])
    shown = capsys.readouterr().out
    assert "small-001" in shown
    assert "finished" in shown
    assert "0.096 of 0.096" in shown
    main(["show", str(trained)])
    shown = capsys.readouterr().out
    assert "model.batch_size: 64 -> 8" in shown
    assert "loss/d" in shown
    assert str(trained / "samples" / "kimg-0000000.1.png") in shown


def test_a_run_runs_while_its_process_lives(trained):
    config = trained / "config.yaml"
    config.write_text(config.read_text().replace("total_kimg: 0.096", "total_kimg: 1.0"))
    with locked(trained):
        now = standing.standing(trained)
    assert now.state == "running"  # by this very process
    assert now.hours_left > 0
    (trained / "process").write_text(f"{platform.node()} 99999999")
    assert standing.standing(trained).state == "stopped"
    assert standing.standing(trained).hours_left is None


def test_sparklines_rise_and_average():
    assert standing.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == standing.BLOCKS
    assert standing.sparkline([0, 0, 7, 7], width=2) == "▁█"
    assert standing.sparkline([2, 2, 2]) == "▁▁▁"
    assert standing.sparkline([]) == ""


def test_mistakes_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, told in (
        (["runs"], "no runs under runs"),
        (["show", "nowhere"], "nowhere is no run's folder"),
        (["train", "sgan"], "no paper sgan in the zoo; there are bigan"),
        (["train", "sngan", "small"], "no recipe small of sngan; there are cifar10"),
        (["train"], "takes a paper and perhaps a recipe"),
    ):
        with pytest.raises(SystemExit) as refused:
            main(words)
        assert refused.value.code == 2
        assert told in capsys.readouterr().err


def test_doctor_names_versions_weights_and_disk(capsys):
    main(["doctor"])
    shown = capsys.readouterr().out
    for word in ("torch", "cores", "inception", "missing, so no FID", "references", "GiB free"):
        assert word in shown
