"""Weights & Biases without a network: grouping, tags, and one W&B run however often a training is resumed."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from zoo.engine.stop import Interrupted
from zoo.training.loggers import Untroubled, log_pictures, log_row, loggers, sync_hint
from zoo.training.run import Run, run_id


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "wandb").glob("offline-run-*"))


def test_a_resumed_run_goes_on_in_its_wandb_run(tmp_path, offline, capsys):
    ids = []
    for _ in range(2):  # a start, and a resume in the same folder
        run = Run("sngan", "tiny", tmp_path, {"model": {"lr": 1}})
        logger = loggers(run, True, "drawn faces", ("32px",))[-1]
        ids.append(logger.experiment.id)
        settings = logger.experiment
        assert settings.group == "sngan / drawn faces"
        assert set(settings.tags) == {"sngan", "drawn faces", "tiny", "32px"}
        assert settings.config["model"] == {"lr": 1}
        logger.log_metrics({"kimg": 1.0, "loss/d": 0.5}, step=1)
        settings.finish()
    assert ids[0] == ids[1] == run_id(tmp_path)
    assert all(f"-{ids[0]}" in name for name in parts(tmp_path))  # two of one second: the later ends in -1
    (tmp_path / "other").mkdir()
    assert run_id(tmp_path / "other") != ids[0]
    assert f"wandb sync --id {ids[0]} " in capsys.readouterr().out


class Dead:
    """A run whose process or network is gone: everything that is asked of it fails."""

    def __getattr__(self, name):
        raise BrokenPipeError(32, "Broken pipe")


def test_trouble_with_anything_that_is_asked_of_wandb_is_told_once(tmp_path, monkeypatch, capsys):
    pytest.importorskip("wandb")
    monkeypatch.setattr("wandb.login", lambda **options: True)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    dead = Untroubled()
    dead._experiment = Dead()
    monkeypatch.setattr("zoo.training.loggers.connected", lambda about, offline: (dead, offline))
    logger = loggers(Run("sngan", "tiny", tmp_path, {}), True, "drawn faces")[-1]
    logger.log_metrics({"a": 1.0})
    logger.log_hyperparams({"a": 1.0})
    Image.new("RGB", (8, 8)).save(tmp_path / "sheet.png")
    log_pictures(logger, {"samples": tmp_path / "sheet.png"}, 1.0, 1, "kimg")
    row = {"training": {"kimg": 1, "hours": 1}, "software": {"commit": "0"}, "conditions": {"protocol": "zoo"}}
    log_row(logger, row | {"data": {"name": "a", "fingerprint": "0"}, "metrics": {}})
    assert (
        capsys.readouterr().out
        == "W&B takes no more ([Errno 32] Broken pipe); training goes on, the CSV logs are whole\n"
    )


def test_a_signal_that_comes_while_wandb_is_busy_is_no_trouble_of_its():
    def signalled():
        raise Interrupted

    logger = Untroubled()
    with pytest.raises(Interrupted):
        logger.attempt(signalled)
    assert not logger.told


def test_the_hint_covers_every_part_of_a_resumed_run_in_order(tmp_path):
    for stamp in ("20260103_000000", "20260101_000000", "20260102_000000"):
        (tmp_path / "wandb" / f"offline-run-{stamp}-{run_id(tmp_path)}").mkdir(parents=True)
    hint = sync_hint(tmp_path)
    assert "3 parts, in order" in hint
    command = hint.partition(": ")[2].partition(" (")[0]
    listed = subprocess.run(
        ["bash", "-c", command.replace("wandb sync", "echo", 1)], capture_output=True, text=True
    )
    _, _, *folders = listed.stdout.split()
    assert [Path(f).name[12:20] for f in folders] == ["20260101", "20260102", "20260103"]
