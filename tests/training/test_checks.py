"""What is found out before a run's folder is made, and at the command line's door."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from made import small
from refusals import attempt, of_paper
from runs import SMALL, own_cache, run  # noqa: F401

from zoo.training import checks, loggers
from zoo.training.mistakes import door, sentence
from zoo.training.run import Run


def test_a_full_disk_is_told_before_training(tmp_path, monkeypatch):
    gan = small("sngan")
    size = checks.checkpoint_bytes(gan)
    torch.save({"model": gan.state_dict()}, tmp_path / "weights")
    assert size > (tmp_path / "weights").stat().st_size * 0.9
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * size))
    checks.check_disk(gan, 2, tmp_path)
    with pytest.raises(ValueError, match=r"4 checkpoints of about .* do not fit .* lower --checkpoints.keep"):
        checks.check_disk(gan, 3, tmp_path)


def test_a_run_that_fitted_on_the_disk_goes_on_there(tmp_path, monkeypatch, capsys):
    """Its own checkpoints give way to the next ones; a new run beside it has no room."""
    gan = run("sngan", tmp_path, kimg=0.032).model
    size, folder = checks.checkpoint_bytes(gan), tmp_path / "run-001"
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=2.1 * size))
    with pytest.raises(SystemExit):
        run("sngan", tmp_path, kimg=0.064)
    assert "3 checkpoints of about" in capsys.readouterr().err
    assert run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.064).run.folder == folder
    assert len(list((folder / "checkpoints").iterdir())) == 3  # two files, one of them with two names
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=1.1 * size))
    checks.check_disk(gan, 2, tmp_path, folder)
    with pytest.raises(ValueError, match=r"4 checkpoints of about .* beside the .* of those that are there do not"):
        checks.check_disk(gan, checks.checkpoint_files(gan, 2, "fd_random"), tmp_path, folder)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=0.9 * size))
    with pytest.raises(ValueError, match="do not fit"):  # a file is written before an old one goes
        checks.check_disk(gan, 1, tmp_path, folder)


def test_a_best_and_one_from_before_a_collapse_count_as_well():
    assert checks.checkpoint_files(small("sngan"), 2) == 2
    assert checks.checkpoint_files(small("biggan"), 2, "fd_random") == 4


def test_folders_that_take_no_files(tmp_path):
    (tmp_path / "file").write_text("")
    assert checks.check_folder("--run_dir", tmp_path / "a" / "b") == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for folder in (tmp_path / "file" / "x", Path("/proc/zoo")):
        with pytest.raises(ValueError, match=f"--run_dir {folder} cannot be written to"):
            checks.check_folder("--run_dir", folder)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (RecursionError(), "nested too deeply"),
        (KeyError("x"), "KeyError: 'x'; the zoo does not know this mistake: ZOO_DEBUG=1 shows where"),
        (TypeError("SNGAN.__init__() got an unexpected keyword argument 'foo'"), "SNGAN has no option foo"),
        (
            FileNotFoundError(2, "No such file or directory", "a.png"),
            "a.png: No such file or directory; give another",
        ),
    ],
)
def test_errors_become_sentences(error, words):
    assert words in sentence(error)


def test_the_door_shows_where_on_demand(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop, door():
        raise KeyError("x")
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: KeyError")
    monkeypatch.setenv("ZOO_DEBUG", "1")
    with pytest.raises(KeyError), door():
        raise KeyError("x")


def test_a_launcher_may_ask_for_several_nodes(monkeypatch):
    trainer = SimpleNamespace(num_nodes=2, get=lambda name, default=None: {"num_nodes": 2}.get(name, default))
    monkeypatch.setitem(checks.OURS, "default_root_dir", ((None,), ""))
    for name in checks.LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    quiet = {name: ((None, *values[0]), values[1]) for name, values in checks.OURS.items()}
    monkeypatch.setattr(checks, "OURS", quiet)
    with pytest.raises(ValueError, match="num_nodes 2 needs a launcher"):
        checks.check_trainer(trainer)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    checks.check_trainer(trainer)


@pytest.mark.parametrize("paper", sorted(SMALL))
def test_what_is_right_is_not_refused(paper, tmp_path, monkeypatch):
    told = attempt(of_paper(paper), tmp_path, monkeypatch)
    assert told.code is None, told.err


def test_wandb_without_an_answer_goes_on_offline(tmp_path, monkeypatch, capsys):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(wandb, "login", lambda **options: True)
    begin = wandb.init

    def init(**options):
        if options.get("mode") != "offline":
            raise wandb.errors.CommError("no network")
        return begin(**options)

    monkeypatch.setattr(wandb, "init", init)
    logger = loggers.loggers(Run("sngan", "tiny", tmp_path, {}), True, "drawn faces")[-1]
    said = capsys.readouterr().out
    assert "W&B gives no answer (no network): training goes on, W&B offline" in said
    assert "wandb sync" in said
    monkeypatch.setattr(type(logger).__mro__[1], "log_metrics", lambda *a: 1 / 0)
    logger.log_metrics({"a": 1.0})
    logger.log_metrics({"a": 1.0})
    assert capsys.readouterr().out.count("W&B takes no more") == 1
    logger.experiment.finish()
