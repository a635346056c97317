"""Loggers that the user names stand beside the zoo's own."""

import json

import pytest
from runs import own_cache, run  # noqa: F401


def test_tensorboard_gets_scalars_pictures_and_hyperparameters(tmp_path):
    pytest.importorskip("tensorboard", reason="no tensorboard here: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", str(tmp_path / "tb")]
    run("r1gan", tmp_path, *words, "--trainer.logger.name", "mine")
    assert list((tmp_path / "run-001" / "csv").glob("version_*/metrics.csv"))
    (folder,) = (tmp_path / "tb" / "mine").glob("version_*")
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert {"loss/d", "loss/g", "penalty/gradient", "metrics/fd_random", "kimg"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("loss/d")] == [1, 2, 3]
    assert "samples" in tags["images"]
    assert "gamma: 20.0" in (folder / "hparams.yaml").read_text()


def test_several_loggers_at_once_and_none(tmp_path):
    more = [{"class_path": "CSVLogger", "init_args": {"save_dir": str(tmp_path / "more"), "name": n}} for n in "ab"]
    run("r1gan", tmp_path, "--trainer.logger", json.dumps(more), kimg=0.032)
    for name in ("a", "b"):
        assert list((tmp_path / "more" / name).glob("version_*/metrics.csv"))
    cli = run("r1gan", tmp_path, "--trainer.logger", "false", kimg=0.032)
    assert len(cli.trainer.loggers) == 1  # CSV always


def test_mlflow_gets_scalars_pictures_and_hyperparameters(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="no mlflow here: pip install mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    ours = {"class_path": "MLFlowLogger", "init_args": {"experiment_name": "zoo", "save_dir": str(tmp_path / "ml")}}
    csv = {"class_path": "CSVLogger", "init_args": {"save_dir": str(tmp_path / "more")}}
    cli = run("r1gan", tmp_path, "--trainer.logger", json.dumps([ours, csv]))
    (logger,) = (one for one in cli.trainer.loggers if type(one).__name__ == "MLFlowLogger")
    kept = logger.experiment.get_run(logger.run_id).data
    assert {"loss/d", "kimg", "metrics/fd_random"} <= kept.metrics.keys()
    assert [m.step for m in logger.experiment.get_metric_history(logger.run_id, "loss/d")] == [1, 2, 3]
    assert kept.params["model/gamma"] == "20.0"
    pictures = {f.path for f in logger.experiment.list_artifacts(logger.run_id, "samples")}
    assert pictures == {f"samples/{sheet.stem}" for sheet in (tmp_path / "run-001" / "samples").glob("kimg-*.png")}
    assert len(pictures) == 2  # one before training, one at its end
    assert list((tmp_path / "more").rglob("metrics.csv"))
