"""What a run owes is made up: kills between and inside its writers, signals, a finished run without its row."""

import json
import os
import platform
import signal
import sys
from pathlib import Path

import pytest
import torch
from owed import compare
from runs import own_cache, run  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1]))

from campaign import attempt, campaign, command, done

from zoo.__main__ import main
from zoo.engine.checkpoints import Checkpoints
from zoo.papers.r1gan import R1GAN
from zoo.training.evaluate import Evaluate
from zoo.training.run import begin_in, unbegun


def test_kills_lose_nothing(tmp_path):
    """The short form of `tests/campaign.py`: real kills of a growing model, a watched one, and a policy."""
    counts = campaign(["pggan", "introvae", "vairl"], 6, 3, tmp_path)
    assert counts["kills"] >= 6
    assert counts["chains that lost something"] == 0


SLURM = {"SLURM_JOB_ID": "77", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_NAME": "train"}


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """A stand-in on the path that notes what it is asked for."""
    (tmp_path / "bin").mkdir()
    script, noted = tmp_path / "bin" / "scontrol", tmp_path / "asked"
    script.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    return noted


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM], ids=lambda n: n.name)
def test_signals_at_ten_moments_lose_no_step(number, scontrol, tmp_path):
    """The same command line, without --ckpt_path, goes on after each; only the time limit's signal requeues."""
    words = [word for word in command("sngan") if word not in ("--ckpt_path", "last")]
    words += ["--model.total_kimg", "0.384"]
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    assert attempt("sngan", tmp_path / "whole", words=words)[1] == 0
    stops, at = 0, [2, 3, 4, 5, 6, 7, 8.5, 10, 11.5, 13]
    for n in at:
        _, code, _ = attempt("sngan", tmp_path / "stopped", ("file", n), number, words)
        said = (tmp_path / "stopped" / "said").read_text()
        assert code in (0, 128 + number), said
        stops += code != 0
        if code == 0:
            break
        assert "saved run-70_3-001/checkpoints/last.ckpt" in said
    if code:
        assert attempt("sngan", tmp_path / "stopped", words=words)[1] == 0
    assert stops >= 5
    assert compare(tmp_path / "whole", tmp_path / "stopped") == []
    asked = scontrol.read_text().splitlines() if scontrol.exists() else []
    assert asked == (["requeue 77"] * stops if number == signal.SIGUSR1 else [])


def test_a_job_put_back_passes_by_what_it_had_finished(scontrol, tmp_path, monkeypatch, capsys):
    run("sngan", tmp_path, kimg=0.032)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    before = sorted(tmp_path.rglob("*"))
    for words in ((), ("--ckpt_path", "last")):
        with pytest.raises(SystemExit) as end:
            run("sngan", tmp_path, *words, kimg=0.032)
        assert end.value.code == 0
        assert "run-70_3-001 was whole before job 70_3 was put back in the queue" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before
    run("sngan", tmp_path, "--seed_everything", "1", kimg=0.032)  # the script's next training
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    run("sngan", tmp_path, kimg=0.032)  # a job of one start trains as it is told
    assert sorted(p.name for p in tmp_path.glob("run-*")) == ["run-70_3-001", "run-70_3-002", "run-70_3-003"]


def test_tasks_of_an_array_have_their_own_folders(scontrol, tmp_path, monkeypatch):
    run("sngan", tmp_path, kimg=0.032)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "4")
    run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.032)
    assert sorted(p.name for p in tmp_path.glob("run-*")) == ["run-70_3-001", "run-70_4-001"]


def test_a_finished_run_without_its_row_is_scored_once(tmp_path, capsys):
    (tmp_path / "lost").mkdir()
    words = [*command("r1gan")]
    attempt("r1gan", tmp_path / "lost", words=words)
    (row,) = (tmp_path / "lost" / "results").rglob("*.json")
    history = json.loads(row.read_text())["history"]
    row.unlink()
    assert attempt("r1gan", tmp_path / "lost", words=words)[1] == 0
    (again,) = (tmp_path / "lost" / "results").rglob("*.json")
    assert [one["metrics"] for one in json.loads(again.read_text())["history"]] == [h["metrics"] for h in history]
    assert len(history) == 3
    assert attempt("r1gan", tmp_path / "lost", words=words)[1] == 2
    assert done(tmp_path / "lost", 2)

    folder = tmp_path / "lost" / "run-001"
    main(["evaluate", str(folder / "checkpoints" / "last.ckpt"), "--results_dir", str(tmp_path / "scored")])
    (scored,) = (tmp_path / "scored").rglob("*.json")
    assert [one["nimg"] for one in json.loads(scored.read_text())["history"]] == [h["nimg"] for h in history]


def test_a_kill_between_a_checkpoint_s_two_names_costs_neither(tmp_path, monkeypatch):
    """`last.ckpt` is first; the number is made up where the run goes on."""
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    run("sngan", Path())
    monkeypatch.chdir(tmp_path / "stopped")
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "number", lambda *_: os._exit(9))
        if (child := os.fork()) == 0:
            run("sngan", Path())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (kept,) = Path("run-001", "checkpoints").iterdir()
    assert kept.name == "last.ckpt"
    run("sngan", Path(), "--ckpt_path", "last")
    assert [d for d in compare(tmp_path / "whole", tmp_path / "stopped") if "/ckpt_path" not in d] == []


def test_a_score_at_a_stage_s_end_is_made_up_at_that_stage_s_size(tmp_path, monkeypatch):
    """Where StyleGAN goes on at the end of its 8 px, the data of 16 px are open already."""
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    attempt("stylegan", tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Evaluate, "score", lambda *_: os._exit(9))  # the first is owed at 64 images
        assert attempt("stylegan", tmp_path / "stopped")[1] == 9
    last = torch.load(tmp_path / "stopped" / "run-001" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["state_dict"]["_extra_state"]["nimg"] == 64
    assert attempt("stylegan", tmp_path / "stopped")[1] == 0, (tmp_path / "stopped" / "said").read_text()
    assert compare(tmp_path / "whole", tmp_path / "stopped") == []


def test_a_run_killed_before_its_first_checkpoint_begins_again(tmp_path):
    folder = tmp_path / "run-001"
    (folder / "checkpoints").mkdir(parents=True)
    assert unbegun(tmp_path / "run") is None  # nobody knows of its process
    (folder / "process").write_text(f"{platform.node()} {2**30}\n")
    (folder / "checkpoints" / f"last.ckpt.{2**30}.part").touch()
    assert unbegun(tmp_path / "run") == folder
    begin_in(folder, {"model": {}})
    assert not (folder / "checkpoints").exists()
    for name in ("best.ckpt", "kimg-0000001.0.ckpt"):
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / name).touch()
        assert unbegun(tmp_path / "run") is None
        begin_in(folder, {"model": {}})
        assert (folder / "checkpoints" / name).exists()
        (folder / "checkpoints" / name).unlink()


def test_a_run_killed_before_its_first_checkpoint_goes_on_from_its_best(tmp_path, monkeypatch):
    """Where scores come more often than checkpoints; in the end nothing tells the two runs apart."""
    words = ["--checkpoints.best_by", "fd_random", "--evaluation.every_kimg", "0.064"]
    words += ["--checkpoints.every_kimg", "0"]
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    run("r1gan", Path(), *words, kimg=0.16)
    monkeypatch.chdir(tmp_path / "stopped")
    step = R1GAN.training_step

    def killed(self, batch, batch_idx):
        if self.nimg == 96:
            raise RuntimeError("power cut")
        step(self, batch, batch_idx)

    monkeypatch.setattr(R1GAN, "training_step", killed)
    with pytest.raises(RuntimeError, match="power cut"):
        run("r1gan", Path(), *words, kimg=0.16)
    monkeypatch.setattr(R1GAN, "training_step", step)
    assert [path.name for path in Path("run-001", "checkpoints").iterdir()] == ["best.ckpt"]
    cli = run("r1gan", Path(), *words, "--ckpt_path", "last", kimg=0.16)
    assert cli.ckpt_path.name == "best.ckpt"
    found = compare(tmp_path / "whole", tmp_path / "stopped")
    assert [line for line in found if "/ckpt_path" not in line] == []
