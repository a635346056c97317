"""What a run may go on with otherwise; and new runs from another's weights."""

import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from made import small
from pictures import png
from runs import final_state, own_cache, run  # noqa: F401
from torch import nn

from zoo.imitation import algorithm_class
from zoo.training import ancestry, imitate
from zoo.training.loading import load
from zoo.training.run import last_checkpoint


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder / "cache"))
        run("sngan", folder, kimg=0.032)
    return folder


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("data.noise", "0.01"),
        ("data.flip", "true"),
        ("data.divisor", "128"),
        ("data.seed", "7"),
        ("seed_everything", "3"),
        ("trainer.precision", "bf16-mixed"),
        ("model.lr", "0.5"),
        ("model.width_g", "6"),
        ("model.batch_size", "16"),
    ],
)
def test_a_change_of_what_is_computed_is_told(option, value, first, capsys):
    before = sorted(first.rglob("*"))
    with pytest.raises(SystemExit) as refused:
        run("sngan", first, "--ckpt_path", "last", f"--{option}", value, kimg=0.064)
    assert refused.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{option.removeprefix('model.')} " in line
    assert f"-> {value}".casefold() in line.casefold()
    assert sorted(first.rglob("*")) == before


def test_half_penalties_want_bfloat16_and_stay_what_they_are(first, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zoo.engine.speed.half_error", lambda n: 0.0)
    half = ("--half_penalties", "true")
    with pytest.raises(SystemExit):
        run("sngan", tmp_path / "none", *half)
    assert "--half_penalties goes with --trainer.precision bf16-mixed, not with 32-true" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    with pytest.raises(SystemExit):  # of the run's two changes, both are told
        run("sngan", first, "--ckpt_path", "last", *half, "--trainer.precision", "bf16-mixed", kimg=0.064)
    assert "half_penalties False -> True" in capsys.readouterr().err


def test_half_where_fast_is_the_processor_s_and_a_given_precision_comes_first(tmp_path, monkeypatch, capsys):
    half = ("--half_where_fast", "true")
    monkeypatch.setattr("zoo.engine.speed.fast_in_half", lambda: False)
    assert run("sngan", tmp_path / "slow", *half, kimg=0.032).trainer.precision == "32-true"
    monkeypatch.setattr("zoo.engine.speed.fast_in_half", lambda: True)
    assert run("sngan", tmp_path / "given", *half, "--trainer.precision", "32-true", kimg=0.032).model.nimg == 32
    assert "bf16-mixed" not in capsys.readouterr().out
    fast = run("sngan", tmp_path / "fast", *half, kimg=0.032)
    assert fast.trainer.precision == "bf16-mixed"
    assert "bf16-mixed, which is faster on this processor; --trainer.precision 32-true" in capsys.readouterr().out
    (folder,) = (tmp_path / "fast").glob("run-*")
    assert yaml.safe_load((folder / "config.yaml").read_text())["trainer"]["precision"] is None  # as it was asked
    for n, fast in ((64, False), (96, True)):  # a run goes on in the precision that it began in
        monkeypatch.setattr("zoo.engine.speed.fast_in_half", lambda fast=fast: fast)
        again = run("sngan", tmp_path / "fast", *half, "--ckpt_path", "last", kimg=n / 1000)
        assert (again.model.nimg, again.trainer.precision) == (n, "bf16-mixed")
    slow = run("sngan", tmp_path / "slow", *half, "--ckpt_path", "last", kimg=0.064)
    assert (slow.model.nimg, slow.trainer.precision) == (64, "32-true")
    assert len(list(tmp_path.glob("*/run-*"))) == 3


def test_half_penalties_are_refused_where_the_processor_gets_them_wrong(tmp_path, monkeypatch, capsys):
    half = ("--half_penalties", "true", "--trainer.precision", "bf16-mixed")
    asked = []
    monkeypatch.setattr("zoo.engine.speed.half_error", lambda n: asked.append(n) or 1.04)
    with pytest.raises(SystemExit):
        run("sngan", tmp_path, *half, "--trainer.devices", "2")
    assert "bfloat16 wrong, by 104% at the 4 images of a process: leave the option out" in capsys.readouterr().err
    assert asked == [4]
    assert not list(tmp_path.iterdir())


def test_cadence_length_and_threads_may_change(first, tmp_path):
    path = str(first / "run-001" / "checkpoints" / "last.ckpt")
    free = ("--samples.every_kimg", "0.064", "--checkpoints.keep", "1", "--threads", "1")
    assert run("sngan", tmp_path, "--ckpt_path", path, *free, kimg=0.064).model.nimg == 64


def test_of_several_runs_the_command_s_own_is_gone_on_with(tmp_path):
    """By all that it asks for; else by what may not change; else the newest, of which is told what differs."""
    made = []
    for number, config in enumerate([{"lr": 1, "keep": 2}, {"lr": 2, "keep": 2}, {"lr": 1, "keep": 3}, None], 1):
        folder = tmp_path / f"run-{number:03d}"
        (folder / "checkpoints").mkdir(parents=True)
        made.append(folder / "checkpoints" / "last.ckpt")
        made[-1].touch()
        os.utime(made[-1], (number, number))
        if config:
            (folder / "config.yaml").write_text(yaml.safe_dump(config | {"ckpt_path": "of its start"}))
    base, asked = tmp_path / "run", {"lr": 1, "keep": 2, "ckpt_path": "last"}
    assert last_checkpoint(base) == made[3]
    assert last_checkpoint(base, asked) == made[0]
    assert last_checkpoint(base, asked | {"keep": 3}) == made[2]
    assert last_checkpoint(base, asked | {"keep": 4}, fits=lambda path: path in made[:2]) == made[1]
    assert last_checkpoint(base, asked | {"keep": 4}, fits=lambda path: False) == made[3]


def test_a_run_that_found_none_to_go_on_with_is_repeated_by_its_configuration(tmp_path):
    first = run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.032).run.folder
    for again in (first, run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.064).run.folder):
        assert again == first
        assert yaml.safe_load((first / "config.yaml").read_text())["ckpt_path"] is None
    repeated = run("sngan", tmp_path, "--config", str(first / "config.yaml"), kimg=0.064)
    assert repeated.run.folder == tmp_path / "run-002"


def test_the_earlier_of_two_runs_goes_on_by_its_own_command(tmp_path, capsys):
    for seed in "12":
        run("sngan", tmp_path, "--seed_everything", seed, kimg=0.032)
    cli = run("sngan", tmp_path, "--seed_everything", "1", "--ckpt_path", "last", kimg=0.064)
    assert cli.run.folder == tmp_path / "run-001"
    assert cli.model.nimg == 64
    with pytest.raises(SystemExit):  # of a third one the newest tells what differs
        run("sngan", tmp_path, "--seed_everything", "3", "--ckpt_path", "last", kimg=0.096)
    assert "seed_everything 1 -> 3" in capsys.readouterr().err


def test_a_new_run_begins_with_anothers_weights(first, tmp_path, capsys):
    path = first / "run-001" / "checkpoints" / "last.ckpt"
    words = ("--init_from", str(path), "--model.lr", "1e-12", "--data.flip", "true", "--seed_everything", "5")
    cli = run("sngan", tmp_path, *words, kimg=0.032)
    assert "G: 2" in (said := capsys.readouterr().out)
    assert "arrays taken" in said
    old, new = load(path), cli.model
    for name, parameter in new.G.named_parameters():
        torch.testing.assert_close(parameter, dict(old.G.named_parameters())[name], atol=1e-9, rtol=1e-6)
    (row,) = (tmp_path / "results").rglob("*.json")
    ancestor = json.loads(row.read_text())["ancestor"]
    assert ancestor["kimg"] == 0.032
    assert len(ancestor["sha256"]) == 64
    assert final_state(cli.run.folder)["zoo"]["ancestor"] == ancestor
    assert new.nimg == 32


def origin(path, gan, **about) -> Path:
    """A checkpoint's file of a model as it was drawn."""
    known = {"paper": type(gan).__name__.lower(), "hparams": dict(gan.hparams), "conditions": {}} | about
    torch.save({"state_dict": gan.state_dict(), "zoo": known}, path)
    return path


@pytest.mark.parametrize(
    ("paper", "more", "fresh"),
    [
        ("pggan", {"resolution": 16}, {"G": "blocks.1.", "D": "from_rgb.2."}),
        ("stylegan", {"resolution": 32}, {"G": "synthesis.layers.6.", "D": "from_rgb.3."}),
        ("r1gan", {"resolution": 64}, {"G": "blocks.2.", "D": "trunk.blocks.4."}),
        ("introvae", {"resolution": 64, "widths": [4, 4, 4, 4]}, {"G": "blocks.64.", "D": "blocks.32."}),
        ("sngan", {"resolution": 64}, {"G": "dense.", "D": "linear."}),
    ],
)
def test_a_larger_side_of_the_same_family_takes_what_both_have(paper, more, fresh, tmp_path):
    old, new = small(paper), small(paper, **more)
    before = {name: tensor.clone() for name, tensor in new.state_dict().items() if isinstance(tensor, torch.Tensor)}
    lines = ancestry.begin_from(origin(tmp_path / "old.ckpt", old), new)
    after, theirs = new.state_dict(), old.state_dict()
    for network, part in fresh.items():
        (line,) = [line for line in lines if line.startswith(f"{network}: ")]
        assert "drawn anew: " in line
        names = [name for name in before if name.startswith(f"{network}.")]
        anew = [n for n in names if n not in theirs or theirs[n].shape != before[n].shape]
        assert any(name.startswith(f"{network}.{part}") for name in anew)
        assert all(torch.equal(after[name], before[name]) for name in anew)
        assert all(torch.equal(after[name], theirs[name]) for name in set(names) - set(anew))
        assert len(anew) < len(names) / 2


def test_a_network_beside_g_and_d_is_taken_too(tmp_path):
    old, new = small("bigan"), small("bigan")
    lines = ancestry.begin_from(origin(tmp_path / "old.ckpt", old), new)
    assert any(line.startswith("E: ") for line in lines)
    assert all(torch.equal(a, b) for a, b in zip(old.E.parameters(), new.E.parameters(), strict=True))


def test_other_classes_take_the_rows_of_the_same_names(tmp_path):
    old, new = small("biggan"), small("biggan", n_classes=3)
    names = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    before = new.G.state_dict()
    lines = ancestry.begin_from(origin(tmp_path / "old.ckpt", old, class_names=names), new, ("dog", "lynx", "cat"))
    (table,) = [n for n, m in new.G.named_modules() if isinstance(m, nn.Embedding)]
    ours, theirs = new.G.state_dict()[f"{table}.weight"], old.G.state_dict()[f"{table}.weight"]
    assert torch.equal(ours[0], theirs[5])
    assert torch.equal(ours[2], theirs[3])
    assert torch.equal(ours[1], before[f"{table}.weight"][1])
    assert "the rows of classes with the same names, the others drawn anew" in lines[0]


def test_imitation_refuses_weights_to_begin_with_in_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        imitate.train(algorithm_class("gail"), args=["--init_from", "last.ckpt"])
    assert refused.value.code == 2
    assert "--init_from takes the weights of image models" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_papers_weights_are_refused(first, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("r1gan", tmp_path, "--init_from", str(first / "run-001" / "checkpoints" / "last.ckpt"))
    assert "is a checkpoint of sngan, not of R1GAN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ckpt_path", ""], "--ckpt_path is empty: give it a value, or leave it out"),
        (["--ckpt_path", "a.ckpt", "--init_from", "b.ckpt"], "--init_from begins one: give one of them"),
        (["--evaluation.extractors", "[random,random]"], "names one twice"),
    ],
)
def test_what_says_two_things_or_nothing_is_refused(words, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("sngan", tmp_path / "new", *words)
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "new").exists()


def test_tables_of_classes_go_by_name():
    pairs = ancestry.matching(("cat", "dog", "owl"), ("ant", "owl", "cat"), 3, 3)
    assert pairs == {1: 2, 2: 0}
    net = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2))
    theirs = {
        "G.0.weight": torch.arange(6.0).view(3, 2),
        "G.1.weight": torch.zeros(2, 2),
        "G.1.bias": torch.zeros(3),
    }
    taken, fresh, rows = ancestry.take(net, theirs, "G", pairs)
    assert torch.equal(taken["0.weight"][1:], torch.tensor([[4.0, 5.0], [0.0, 1.0]]))
    assert torch.equal(taken["0.weight"][0], net[0].weight[0])
    assert (fresh, rows) == (["1.bias"], ["0.weight"])
    assert ancestry.matching((), (), 3, 3) == {0: 0, 1: 1, 2: 2}
    assert ancestry.matching((), (), 3, 4) == {}
    assert ancestry.matching((), (), 0, 4) is None


def test_class_folders_name_the_classes(tmp_path):
    from zoo.data import Drawn, ImageDataModule

    for i, name in enumerate(("owl", "cat")):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "0.png").write_bytes(png(i))
    data = ImageDataModule(str(tmp_path / "set"), resolution=8)
    assert ancestry.names_of(data) == ("cat", "owl")
    assert ancestry.names_of(Drawn(resolution=32)) == ()
