"""`zoo runs`, `zoo show`, `zoo doctor`: where runs stand, read from their folders."""

import platform

import pytest
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.options.folders import recipes_folder
from zoo.training import standing
from zoo.training.lock import locked
from zoo.training.recipes import compose


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


def test_what_differs_from_the_paper_s_recipe():
    paper = compose(recipes_folder() / "sngan" / "paper.yaml", [])[0]
    assert standing.differences(paper, "sngan") == {}
    own = paper | {"model": paper["model"] | {"norm_d": "none", "clip": 0.1, "lr": "2e-4", "n_dis": 5.0}}
    own["data"] = {"class_path": "zoo.data.ImageNet", "init_args": paper["data"]["init_args"] | {"flip": True}}
    assert standing.differences(own, "sngan") == {
        "model.norm_d": ("spectral", "none"),  # of these the recipe says nothing
        "model.clip": (None, 0.1),
        "data.flip": (False, True),
    }
    other = {"model": {"batch_size_at": {"256": 14, "512": 6, "1024": 3}}, "data": {"class_path": "Drawn"}}
    assert standing.differences(other, "pggan") == {"data.class": ("CelebAHQ", "Drawn")}
    assert "model.horizon" in standing.differences({"model": {"horizon": 7}}, "vail")  # has no paper.yaml


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("evaluations.jsonl", "[]\n{}\n", "evaluations.jsonl is damaged: its line 1 is no evaluation but []"),
        ("evaluations.jsonl", '{"nimg": 1, "kimg": 0.1, "hours": 0, "metrics": {"fid": "x"}}', "its line 1 is no"),
        ("evaluations.jsonl", '{"nimg": 1\n{"nimg": 2', "its line 1 is no evaluation but {"),
        ("config.yaml", "model: {total_kimg: x}", "config.yaml is damaged: its model.total_kimg is x, not"),
        ("config.yaml", "model: 3", "config.yaml is damaged: its section model is 3"),
        ("csv/version_0/metrics.csv", "kimg,step\nx,1\n", "metrics.csv is no log of a run"),
    ],
)
def test_one_damaged_run_hides_no_other(file, text, told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("whole-001", "bad-001"):
        folder = tmp_path / "sngan" / name
        (folder / "csv" / "version_0").mkdir(parents=True)
        (folder / "config.yaml").write_text("model: {total_kimg: 1}")
    (folder / file).write_text(text)
    main(["runs", "--runs", str(tmp_path)])
    said = capsys.readouterr()
    assert "whole-001" in said.out
    assert said.out.count("damaged") == 1
    assert told in said.err
    assert said.err.startswith(str(folder / file))


def test_a_torn_evaluation_is_none(tmp_path):
    (tmp_path / "config.yaml").write_text("model: {total_kimg: 1}")
    line = '{"nimg": 500, "kimg": 0.5, "hours": 0.1, "metrics": {"fid": 3.5}}\n'
    (tmp_path / "evaluations.jsonl").write_text(line + line[:30])
    one = standing.standing(tmp_path)
    assert (one.state, one.kimg, one.score) == ("stopped", 0.5, {"fid": 3.5})


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
