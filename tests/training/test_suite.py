"""Plans: what is left, and runs that a signal stops and the same command finishes."""

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from runs import ROOT

from zoo.bench.step import model_options
from zoo.commands.floors import _data_of
from zoo.leaderboard.rows import read_row
from zoo.training import suite as training
from zoo.training.planned import Planned, fingerprint
from zoo.training.recipes import compose

SMALL = {
    "model.architecture": "cnn",
    "model.width_g": 2,
    "model.width_d": 2,
    "model.n_dis": 1,
    "model.decay_start_kimg": 1,
    "model.batch_size": 16,
    "model.batch_size_g": 16,
    "data.n_images": 64,
    "evaluation.n_fake": 16,
    "evaluation.n_real": 16,
    "evaluation.extractors": ["random"],
    "evaluation.extras": [],
    "checkpoints.every_kimg": 0,
}


def write_plan(tmp_path: Path, entries: object) -> Path:
    """A plan among copies of one paper's script and recipes."""
    folder = tmp_path / "reproductions"
    (folder / "suites").mkdir(parents=True)
    for name in ("sngan.py", "sngan/paper.yaml", "sngan/tiny.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text((ROOT / "reproductions" / name).read_text())
    plan = folder / "suites" / "plan.yaml"
    plan.write_text(yaml.safe_dump({"runs": entries}))
    return plan


def row_of(one: Planned, kimg: float = 1.0) -> dict:
    """What the row of a run has to say."""
    settings = {k: v for k, v in one.data.items() if k != "class"} | {"num_workers": 7}
    return {
        "paper": one.paper,
        "recipe": one.recipe,
        "data": {"resolution": 32, "fingerprint": ""},
        "training": {
            "seed": one.seed,
            "nimg": int(1000 * kimg),
            "kimg": kimg,
            "hours": 0.5,
            "precision": "32-true",
        },
        "config": {
            "model": dict(one.model),
            "data": {"class_path": f"zoo.data.{one.data['class']}", "init_args": settings},
        },
        "conditions": copy.deepcopy(one.scored),
    }


def zoo(tmp_path: Path, *words: object) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "zoo", "suite", *map(str, words)]
    return subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_stopped_suite_goes_on_exactly_where_it_was(tmp_path, monkeypatch, capsys):
    total = 2.0
    plan = write_plan(
        tmp_path, [{"recipe": "sngan/tiny", "seeds": [3], "options": SMALL | {"model.total_kimg": total}}]
    )
    first = zoo(tmp_path, plan)
    log = tmp_path / "runs" / "sngan" / "plan-tiny-seed3.log"
    deadline = time.monotonic() + 120
    while not (log.is_file() and "parameters" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    first.send_signal(signal.SIGTERM)
    text = first.communicate(timeout=60)[0]
    assert first.returncode == 143, text
    assert "the same command goes on" in text
    assert not list((tmp_path / "results").rglob("*.json"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert training.suite(plan) == [], log.read_text()
    assert len(list((tmp_path / "results" / "sngan").glob("*.json"))) == 1
    assert len(list((tmp_path / "runs" / "sngan").glob("plan-tiny-seed3-*"))) == 1
    assert (tmp_path / "results" / "README.md").is_file()

    training.suite(plan, dry_run=True)
    assert "0 of 1 runs left" in capsys.readouterr().out

    # another count of samples: the run that is there is scored again, not trained
    options = SMALL | {"model.total_kimg": total, "evaluation.n_fake": 20}
    plan.write_text(yaml.safe_dump({"runs": [{"recipe": "sngan/tiny", "seeds": [3], "options": options}]}))
    assert training.suite(plan) == [], log.read_text()
    counts = [read_row(path)["conditions"]["n_fake"] for path in sorted((tmp_path / "results").rglob("*.json"))]
    assert sorted(counts) == [16, 20]
    assert len(list((tmp_path / "runs" / "sngan").glob("plan-tiny-seed3-*"))) == 1
    training.suite(plan, dry_run=True)
    assert "0 of 1 runs left" in capsys.readouterr().out

    # another rate: begun anew beside it, which is kept; and so is a length that it is past
    for number, change in ((2, {"model.lr": "1e-3"}), (3, {"model.lr": "1e-3", "model.total_kimg": 1.5})):
        plan.write_text(
            yaml.safe_dump({"runs": [{"recipe": "sngan/tiny", "seeds": [3], "options": options | change}]})
        )
        assert training.suite(plan) == [], log.read_text()
        assert f"plan-tiny-seed3-00{number - 1}, of other settings" in capsys.readouterr().out
        assert len(list((tmp_path / "runs" / "sngan").glob("plan-tiny-seed3-*"))) == number
        training.suite(plan, dry_run=True)
        assert "0 of 1 runs left" in capsys.readouterr().out


def test_a_row_of_other_settings_or_another_seed_is_not_the_run(tmp_path):
    plan = write_plan(tmp_path, [{"recipe": "sngan/tiny", "seeds": [0, 1], "options": {"model.total_kimg": 1}}])
    a, b = training.read_plan(plan, tmp_path / "runs")
    row = row_of(a)
    left, lines, hours = training.outlook([a, b], [row])
    assert left == [b]
    assert lines[0].startswith("done")
    assert hours == pytest.approx(0.5)
    (_, hours) = training.outlook([b], [])[1:]
    assert hours == 0
    (longer,) = training.read_plan(
        write_plan(
            tmp_path / "b",
            [{"recipe": "sngan/tiny", "options": {"model.total_kimg": 4, "model.lr": 1}, "hours": 8}],
        )
    )
    assert training.outlook([longer], [row])[2] == 8  # the row's pace is that of other settings
    config, drawn = row["config"], row["config"]["data"]
    for change in (
        {"config": config | {"model": a.model | {"lr": 1.0}}},
        {"config": config | {"data": drawn | {"init_args": drawn["init_args"] | {"n_images": 99}}}},
        {"config": config | {"data": drawn | {"class_path": "zoo.data.CIFAR10"}}},
        *({"conditions": row["conditions"] | {"changed": c}} for c in ({}, {"n_fake": 99, "n_real": 1000})),
        {"conditions": row["conditions"] | {"protocol": "torch-fidelity"}},
        {"training": row["training"] | {"nimg": 999}},
    ):
        assert a.row([row | change]) is None
    assert a.row([row]) is row


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("none", "a list `runs`"),
        ([{"seeds": [0]}], "entry 1 has other keys"),
        ([{"recipe": "sngan/none"}], "there is no recipe sngan/none"),
        ([{"recipe": "sngan/tiny", "seeds": [-1]}], "whole numbers from 0 on"),
        ([{"recipe": "sngan/tiny", "options": [1]}], "options are a mapping"),
        ([{"recipe": "sngan/tiny", "seeds": []}], "whole numbers from 0 on"),
        ([{"recipe": "sngan/tiny", "hours": "3"}], "hours is a number"),
        ([{"recipe": "sngan/tiny", "hours": float("nan")}], "hours is a number"),
        ([{"recipe": "sngan/tiny", "over": "mnist"}], "over is a list of recipes"),
        ([{"recipe": "sngan/tiny", "options": {3: 4}}], "options are named as model.total_kimg is, not 3"),
        ([{"recipe": "sngan/tiny", "options": {"model": {"lr": 1}}}], "not model"),
        ([{"recipe": "sngan/tiny", "options": {"model.foo": 4}}], "sngan has no option model.foo"),
        ([{"recipe": "sngan/tiny", "options": {"model.total_kimg": None}}], "model.total_kimg takes a number"),
        ([{"recipe": "sngan/tiny", "options": {"seed_everything": 4}}], "`seeds` says it"),
        ([{"recipe": "vail/tiny"}], "no row of images"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation.n_fake": 0.5}}], "n_fake takes a whole number"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation.protocol": "none"}}], "no protocol is called 'none'"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation.fakes": 5}}], "there is no option evaluation.fakes"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation.protocol": ["a"]}}], "no protocol is called ['a']"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation": {"n_fake": 5}}}], "not evaluation"),
        ([{"recipe": "sngan/tiny", "options": {"data": {"class_path": "Drawn"}}}], "not data"),
        ([{"recipe": "sngan/tiny", "options": {"data.init_args": {"n_images": 5}}}], "not data.init_args"),
        ([{"recipe": "sngan/tiny", "options": {"evaluation.paper": "other"}}], "a row is of the entry's paper"),
        ([{"recipe": "sngan/tiny", "options": {"data.flip": "true"}}], "data.flip takes true or false"),
        ([{"recipe": "sngan/tiny", "options": {"data.nimages": 3}}], "Drawn has no option data.nimages"),
        ([{"recipe": "sngan/tiny", "over": ["../r1gan/tiny"]}], "over is a list of recipes"),
        ([{"recipe": "sngan/../sngan/tiny"}], "there is no recipe sngan/../sngan/tiny"),
        ([], "a list `runs`"),
        ([{"recipe": "sngan/tiny"}, {"recipe": "sngan/tiny"}], "plan-tiny-seed0 twice"),
    ],
)
def test_a_wrong_plan_is_one_sentence(tmp_path, entries, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        training.read_plan(write_plan(tmp_path, entries))


def test_an_overlay_is_read_over_its_recipes_and_its_row_must_have_both(tmp_path):
    plan = write_plan(tmp_path, [{"recipe": "sngan/short", "over": ["tiny"], "seeds": [5]}])
    (plan.parents[1] / "sngan" / "short.yaml").write_text("model: {total_kimg: 7}")
    (one,) = training.read_plan(plan)
    words = one.command(tmp_path)
    configs = [Path(words[i + 1]).stem for i, word in enumerate(words) if word == "--config"]
    assert configs == ["tiny", "short"]
    assert one.total_kimg == 7
    assert one.model["architecture"] == compose(one.file.with_name("tiny.yaml"), [])[0]["model"]["architecture"]
    plan.write_text(yaml.safe_dump({"runs": [{"recipe": "sngan/short", "over": ["nothing"]}]}))
    with pytest.raises(ValueError, match="no recipe sngan/nothing to read before sngan/short"):
        training.read_plan(plan)


def test_a_plan_that_lies_elsewhere_is_of_the_zoo_s_recipes(tmp_path):
    plan = tmp_path / "mine.yaml"
    plan.write_text(yaml.safe_dump({"runs": [{"recipe": "sngan/tiny"}]}))
    assert training.read_plan(plan)[0].file == ROOT / "reproductions" / "sngan" / "tiny.yaml"


def test_every_plan_of_the_zoo_is_read_and_no_two_of_its_runs_are_one():
    for plan in sorted((ROOT / "reproductions" / "suites").glob("*.yaml")):
        names = [one.name for one in training.read_plan(plan)]
        assert len(set(names)) == len(names) > 0


def test_papers_own_recipes_are_trained_whole():
    """The plan of what a core trains to its end changes how it is scored and told, nothing of the training."""
    for one in training.read_plan(ROOT / "reproductions" / "suites" / "whole.yaml"):
        told = ("--evaluation.", "--samples.", "--trainer.log_every_n_steps")
        assert [name for name in one.options[::2] if not name.startswith(told)] == []
        assert one.total_kimg == yaml.safe_load(one.file.read_text())["model"]["total_kimg"]


def test_the_zoo_s_own_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert training.read_plan(Path("reproductions/suites/tiny.yaml"))
    assert model_options(Path("reproductions/sngan/tiny.yaml"), None)[0] == "sngan"
    assert _data_of(Path("reproductions/sngan/tiny.yaml"), None)[0]["data"]


def test_only_leaves_out_the_others(tmp_path, capsys):
    plan = write_plan(tmp_path, [{"recipe": "sngan/tiny", "seeds": [0, 1]}])
    places = {"results": tmp_path / "results", "runs": tmp_path / "runs"}
    assert training.suite(plan, **places, only="seed 1", dry_run=True) == []
    assert "1 of 1 runs left" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"--only nobody: no run of .*plan\.yaml"):
        training.suite(plan, **places, only="nobody")
    assert not (tmp_path / "runs").exists()


# ---- what goes wrong in the middle; the runs are stand-ins that end at once


@pytest.fixture
def two(tmp_path, monkeypatch):
    """A plan of two runs, and where they are."""
    monkeypatch.setattr(Planned, "command", lambda one, *_: [sys.executable, "-c", f"exit('error: no {one.seed}')"])
    plan = write_plan(tmp_path, [{"recipe": "sngan/tiny", "seeds": [0, 1], "options": {"model.lr": "1e-4"}}])
    places = {"results": tmp_path / "results", "runs": tmp_path / "runs"}
    return plan, places, training.read_plan(plan, places["runs"])


def test_what_fails_or_cannot_begin_is_told_and_the_rest_goes_on(two, capsys):
    plan, places, (first, second) = two
    first.log.mkdir(parents=True)
    assert training.suite(plan, **places) == [first.name, second.name]
    out = capsys.readouterr().out
    assert f"{first.name} cannot begin, the rest goes on: {first.log}: Is a directory" in out
    assert f"{second.name} failed, the rest goes on: error: no 1" in out


def test_two_suites_share_a_plan(two, capsys):
    fcntl = pytest.importorskip("fcntl")
    plan, places, (first, second) = two
    first.log.parent.mkdir(parents=True)
    with first.log.open("a") as held:  # as the run of another suite holds it
        fcntl.flock(held, fcntl.LOCK_EX)
        assert training.suite(plan, **places) == [second.name]
    assert f"{first.name} is trained by another suite now and left to it" in capsys.readouterr().out


def test_an_end_without_a_row_is_no_success(two, monkeypatch, capsys):
    plan, places, (first, second) = two
    monkeypatch.setattr(
        Planned, "command", lambda one, *_: [sys.executable, "-c", "print('the row was not written')"]
    )
    assert training.suite(plan, **places) == [first.name, second.name]
    assert "failed, the rest goes on: the row was not written" in capsys.readouterr().out


def test_runs_of_a_plan_are_of_no_slurm_job(two, monkeypatch):
    """Else each job would look for runs of its own number, and begin the plan anew."""
    told = "import os; print([name for name in os.environ if name.startswith('SLURM_')])"
    monkeypatch.setattr(Planned, "command", lambda one, *_: [sys.executable, "-c", told])
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    plan, places, (first, _) = two
    training.suite(plan, **places)
    assert first.log.read_text().strip() == "[]"


def test_an_error_of_its_own_leaves_nothing_running(two, monkeypatch):
    plan, places, _ = two
    monkeypatch.setattr(Planned, "command", lambda one, *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    started = []
    begin = training._begin
    monkeypatch.setattr(training, "_begin", lambda *args: started.append(begin(*args)) or started[-1])
    monkeypatch.setattr(training.time, "sleep", lambda seconds: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        training.suite(plan, **places)
    assert started[0].returncode == -signal.SIGTERM


def test_a_signal_while_a_run_begins_reaches_it(two, monkeypatch):
    """Before the run is known to what hands signals on."""
    plan, places, _ = two
    monkeypatch.setattr(Planned, "command", lambda one, *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    started, begin = [], training._begin

    def beginning(*args):
        started.append(begin(*args))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[-1]

    monkeypatch.setattr(training, "_begin", beginning)
    with pytest.raises(SystemExit) as end:
        training.suite(plan, **places)
    assert end.value.code == 143
    assert [process.returncode for process in started] == [-signal.SIGTERM]


def test_one_seed_of_samples_is_what_a_row_without_the_number_has(tmp_path):
    options = {"evaluation.n_seeds": 1}
    (one,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": options}]))
    row = row_of(one, 10**6)
    assert row["conditions"].pop("n_seeds") == 1
    assert one.row([row])
    assert not one.row([row | {"conditions": row["conditions"] | {"n_seeds": 3}}])


def test_a_damaged_checkpoint_is_told_and_holds_up_no_other_run(two, capsys):
    plan, places, (first, _) = two
    last = Path(f"{first.base}-001", "checkpoints", "last.ckpt")
    last.parent.mkdir(parents=True)
    last.write_bytes(b"PK")
    assert training.suite(plan, **places, dry_run=True) == []
    out = capsys.readouterr().out
    assert f"damaged   {first.name}: {last} is not a checkpoint of this project, or it is damaged" in out
    assert "2 of 2 runs left" in out


def test_numbers_as_yaml_reads_them_are_those_of_the_row(two):
    (first, _) = two[2]
    row = row_of(first, 10**6)
    config, model = row["config"], row["config"]["model"]
    assert first.row([row | {"config": config | {"model": model | {"lr": 0.0001}}}])
    assert not first.row([row | {"config": config | {"model": model | {"lr": 0.0002}}}])


def test_numbers_with_an_exponent_are_numbers_as_on_the_command_line(tmp_path):
    options = {"evaluation.every_kimg": "1e1", "data.noise": "1e-2", "model.lr": "1e-3"}
    (one,) = training.read_plan(
        write_plan(tmp_path, [{"recipe": "sngan/tiny", "hours": "1e1", "options": options}])
    )
    assert (one.hours, one.data["noise"], one.model["lr"]) == (10.0, 0.01, 0.001)


def test_options_of_a_plan_say_which_images_and_how_many_are_scored(tmp_path):
    options = {"data": "CIFAR10", "data.flip": True, "data.path": "elsewhere", "evaluation.n_fake": 70}
    (one,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": options}]))
    assert one.data == {"class": "CIFAR10", "flip": True, "path": "elsewhere"}
    assert one.scored["changed"] | {"n_fake": 70, "n_real": 1000} == one.scored["changed"]


@pytest.mark.parametrize("prefix", ["data", "data.init_args"])
def test_options_of_the_data_are_what_the_row_must_have_however_they_are_written(tmp_path, prefix):
    options = {f"{prefix}.n_images": 64, f"{prefix}.num_workers": 1}
    (one,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": options}]))
    assert (one.data["class"], one.data["n_images"]) == ("Drawn", 64)
    assert "num_workers" not in one.data
    (other,) = training.read_plan(
        write_plan(tmp_path / "b", [{"recipe": "sngan/tiny", "options": {"data.class_path": "CIFAR10"}}])
    )
    assert other.data == {"class": "CIFAR10"}


@pytest.mark.parametrize(
    "options",
    [{"protocol": "torch-fidelity"}, {"truncation": 0.5}, {"ema": False}, {"rounding": "round"}, {"seed": 4}],
)
def test_a_recipe_scored_otherwise_than_its_row_is_not_done(tmp_path, options):
    options = {f"evaluation.{k}": v for k, v in options.items()}
    (asked,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": options}]))
    (plain,) = training.read_plan(write_plan(tmp_path / "b", [{"recipe": "sngan/tiny"}]))
    row = row_of(plain, 10**6)
    assert plain.row([row])
    assert not asked.row([row])
    row["conditions"]["changed"]["extras"] = ["ms_ssim"]  # more than was asked for
    assert plain.row([row])


def test_a_row_of_another_precision_or_ancestor_is_not_the_run(tmp_path):
    begun = {"init_from": "runs/other-001/last.ckpt", "trainer.precision": "bf16-mixed"}
    (asked,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": begun}]))
    row = row_of(asked, 10**6)
    assert not asked.row([row])
    training_of, ancestor = row["training"], {"ancestor": {"file": "last.ckpt"}}
    assert not asked.row([row | ancestor | {"training": training_of | {"precision": "32-true"}}])
    assert not asked.row([row | {"training": training_of | {"precision": "bf16-mixed"}}])
    assert asked.row([row | ancestor | {"training": training_of | {"precision": "bf16-mixed"}}])
    half = {"training": training_of | {"precision": "bf16-mixed, penalties too"}}
    assert not asked.row([row | ancestor | half])


def checkpoint(one, number=1, nimg=500, computed=None, ancestor=None, **settings):
    """A file that a run of `one` might have left, of other settings."""
    folder = Path(f"{one.base}-{number:03d}")
    (folder / "checkpoints").mkdir(parents=True)
    row = row_of(one)
    (folder / "config.yaml").write_text(yaml.safe_dump(row["config"]))
    usual = {k: v for k, v in one.usual["model"].items() if k not in settings}
    about = {"paper": one.paper, "hparams": usual | one.model | settings, "computed": computed or {}}
    about |= {"conditions": {}}
    about |= {"ancestor": ancestor} if ancestor else {}
    state = {"_extra_state": {"nimg": nimg, "train_seconds": 1.0, "seed": one.seed}}
    torch.save({"zoo": about, "state_dict": state}, folder / "checkpoints" / "last.ckpt")
    return folder / "checkpoints" / "last.ckpt"


def test_a_run_goes_on_with_a_checkpoint_of_its_settings_alone(tmp_path):
    options = {"model.total_kimg": 1, "model.decay_start_kimg": 0.8, "trainer.precision": "32-true"}
    plan = write_plan(tmp_path, [{"recipe": "sngan/tiny", "seeds": list(range(8)), "options": options}])
    a, b, c, d, e, f, g, h = training.read_plan(plan, tmp_path / "runs")
    same = {"computed": {"trainer.precision": "32-true", "half_penalties": False}}
    assert a.last() is None
    assert "last" in a.command(tmp_path)
    mine = checkpoint(a, **same)
    assert a.last() == mine
    assert "last" in a.command(tmp_path)
    checkpoint(b, **same, lr=7.0)
    checkpoint(c, computed=same["computed"] | {"trainer.precision": "bf16-mixed"})
    checkpoint(d, **same, ancestor={"file": "last.ckpt", "sha256": "0"})
    checkpoint(e, **same, nimg=2000, total_kimg=2)  # past this one's end
    checkpoint(f, **same, decay_start_kimg=0.4)  # already decaying
    for other in (b, c, d, e, f):
        assert other.last() is None, other.seed
        assert "last" not in other.command(tmp_path)
    shorter = checkpoint(g, **same, total_kimg=0.6, decay_start_kimg=0.6)  # drawn near by its length
    assert g.last() == shorter
    (watched,) = training.read_plan(
        write_plan(
            tmp_path / "b", [{"recipe": "sngan/tiny", "seeds": [6], "options": options | {"model.total_kimg": 0.9}}]
        ),
        tmp_path / "runs",
    )
    assert watched.last() == shorter  # any length that it has not passed
    older = checkpoint(h, **same)
    content = torch.load(older)
    del content["zoo"]["hparams"]["beta1"]
    torch.save(content, older)
    assert h.last() == older


def test_images_of_another_place_are_looked_at(tmp_path):
    for folder, colour in (("a", 10), ("moved", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.new("RGB", (32, 32), (colour, i, 0)).save(tmp_path / folder / f"{i}.png")
    (tmp_path / "b" / "3.png").write_bytes((tmp_path / "b" / "0.png").read_bytes())

    def planned(folder):
        options = {"data": "ImageDataModule", "data.path": str(tmp_path / folder), "data.labels": False}
        plan = write_plan(tmp_path / f"of-{folder}", [{"recipe": "sngan/tiny", "options": options}])
        return training.read_plan(plan)[0]

    plans = {folder: planned(folder) for folder in ("a", "moved", "b", "nowhere")}
    row = row_of(plans["a"], 10**6)
    section = row["config"]["data"]
    section["init_args"].pop("num_workers")
    row["data"] = {"resolution": 32, "fingerprint": fingerprint(json.dumps(section), 32)}
    assert row["data"]["fingerprint"]
    done = {folder: bool(one.row([row])) for folder, one in plans.items()}
    assert done == {"a": True, "moved": True, "b": False, "nowhere": False}


def test_a_recipe_that_lost_a_line_is_not_the_run_of_the_row(two):
    (first, _) = two[2]
    row = row_of(first, 10**6)
    config = row["config"]
    model, images = config["model"], config["data"]["init_args"]
    assert first.usual["model"]["clip"] is None
    assert first.row([row | {"config": config | {"model": model | {"clip": None}}}])
    assert not first.row([row | {"config": config | {"model": model | {"clip": 0.9}}}])
    for name, alone, other in (("seed", first.usual["data"]["seed"], 77), ("path", "here", "there")):
        for value in (alone, other):
            data = config["data"] | {"init_args": images | {name: value}}
            done = first.row([row | {"config": config | {"data": data}}])
            assert bool(done) == (value == alone or name == "path")


def test_a_setting_of_which_an_option_says_a_part_is_not_compared(tmp_path):
    options = {"model.width_g.deep": 3, "data.flip.deep": True}
    (one,) = training.read_plan(write_plan(tmp_path, [{"recipe": "sngan/tiny", "options": options}]))
    assert not {"width_g", "width_g.deep"} & {*one.model, *one.usual["model"]}
    assert not {"flip", "flip.deep"} & {*one.data, *one.usual["data"]}
