import math
import random
from unittest.mock import ANY

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from evaluation_fakes import Noise
from torch import nn
from torch.utils.data import DataLoader

from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.evaluation.extractors import DEFAULT
from zoo.leaderboard.rows import read_rows
from zoo.training import rescore
from zoo.training.evaluate import Evaluate


class Tiny(GAN):
    """The smallest model that trains; it draws from the global random numbers at every step."""

    def __init__(self, total_kimg: float = 0.1, lr: float = 1e-3) -> None:
        self.save_hyperparameters()
        g = nn.Sequential(nn.Linear(4, 3 * 64), nn.BatchNorm1d(3 * 64), nn.Unflatten(1, (3, 8, 8)), nn.Tanh())
        d = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 64, 1), nn.Flatten(0))
        super().__init__(
            g, d, resolution=8, latent_dim=4, images_per_step=10, total_kimg=total_kimg, ema=EMA(decay=0.9)
        )
        self.lr, self.drawn = lr, []

    def configure_optimizers(self):
        return [torch.optim.Adam(net.parameters(), self.lr) for net in (self.G, self.D)]

    def generate(self, G, z, label, truncation):
        return G(z)

    def training_step(self, batch, batch_idx):
        self.drawn.append((torch.rand(()).item(), random.random(), np.random.rand()))
        assert self.training
        assert self.G.training
        assert not self.G_ema.training
        fake = self.G(self.latents(len(batch[0])))
        self.update(self.opt_d, self.D(fake.detach()).mean() - self.D(batch[0]).mean())
        self.update(self.opt_g, -self.D(fake).mean())
        self.report({"loss/d": 0.0})
        if self.finished:
            self.trainer.should_stop = True


class Data(Noise, L.LightningDataModule):
    def __init__(self) -> None:
        L.LightningDataModule.__init__(self)
        Noise.__init__(self, n=40, resolution=8)

    def train_dataloader(self):
        # no shuffling: it would draw its seed from the very numbers that are compared
        return DataLoader([(image / 127.5 - 1, 0) for image in self.pixels], batch_size=10)


class Recorder(L.loggers.CSVLogger):
    def log_metrics(self, metrics, step=None):
        self.__dict__.setdefault("seen", []).append(metrics)


def fit(folder, callbacks, model=None, total_kimg=0.1, ckpt_path=None, **trainer):
    L.seed_everything(0, verbose=False)
    model = model or Tiny(total_kimg)
    trainer = L.Trainer(
        max_epochs=-1,
        accelerator="cpu",
        logger=Recorder(folder),
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
        **trainer,
    )
    trainer.fit(model, datamodule=Data(), ckpt_path=ckpt_path)
    return model, trainer


def options(folder, **more):
    return {"n_fake": 20, "kid_subsets": 2, "grid": 4, "results_dir": str(folder / "results"), **more}


pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)


def test_evaluates_by_kimg_and_writes_one_row(tmp_path, capsys):
    callback = Evaluate(
        every_kimg=0.03,
        extractors=["inception", "random"],
        recipe="tiny",
        protocol="torch-fidelity",
        **options(tmp_path),
    )
    model, trainer = fit(tmp_path, [callback])
    scores = [m for m in trainer.logger.seen if "metrics/fd_random" in m]
    assert [round(m["kimg"], 3) for m in scores] == [0.03, 0.06, 0.09, 0.1]

    ((path, row),) = read_rows(tmp_path / "results")
    assert (row["paper"], row["recipe"]) == ("tiny", "tiny")
    assert row["metrics"]["fd_random"] == scores[-1]["metrics/fd_random"]
    assert "ZOO_INCEPTION" in row["absent"]["fid"]
    assert row["training"]["nimg"] == 100
    assert row["training"]["steps"] == 10
    assert row["training"]["batch_size"] == 10
    assert row["training"]["seed"] == 0
    assert 0 < row["training"]["hours"] < 1
    assert row["config"] == {"model": {"total_kimg": 0.1, "lr": 1e-3}}
    assert [round(one["kimg"], 3) for one in row["history"]] == [0.03, 0.06, 0.09, 0.1]
    assert row["history"][-1]["metrics"] == row["metrics"]
    assert 0 < row["history"][0]["hours"] < row["history"][-1]["hours"] <= row["training"]["hours"]
    assert row["conditions"]["ema"] is True
    assert path.with_suffix(".png").is_file()
    out = capsys.readouterr().out
    assert out.count("evaluation goes on without inception") == 1
    assert not [name for name in model.state_dict() if "weights" in name]


def brightness(subject) -> dict[str, float]:
    return {"brightness": next(subject.all_fakes(2)).float().mean().item()}


def endless(subject) -> dict[str, float]:
    return {"endless": math.nan, "whole": 1.0}


def test_a_metric_that_is_no_number_costs_neither_the_row_nor_the_history(tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "own_metrics", lambda gan, data: {"odd": math.inf})
    every = [f"{__name__}:endless"]
    callback = Evaluate(
        every_kimg=0.05, extractors=["random"], extras=every, every_extras=every, **options(tmp_path)
    )
    callback.history[10] = {"nimg": 10, "kimg": 0.01, "hours": 0.0, "metrics": {"old": math.nan, "fd_random": 1.0}}
    fit(tmp_path, [callback])
    ((_, row),) = read_rows(tmp_path / "results")
    assert row["metrics"]["whole"] == 1
    assert not {"endless", "odd"} & set(row["metrics"])
    assert row["absent"] == {"endless": "it came out as nan, no finite number", "odd": ANY}
    assert row["history"][0]["metrics"] == {"fd_random": 1.0}
    assert row["history"][1]["metrics"].keys() == row["metrics"].keys()


def test_training_is_the_same_with_and_without_evaluation_whose_history_has_the_extras_of_the_way(tmp_path):
    plain, _ = fit(tmp_path, [])
    extras = {"extras": [f"{__name__}:brightness", "fwd"], "every_extras": ["fwd"]}
    scoring = Evaluate(every_kimg=0.02, extractors=["random"], **extras, **options(tmp_path))
    watched, _ = fit(tmp_path, [scoring])
    known = [at["metrics"] for at in scoring.history.values()]
    assert [any(name.startswith("fwd") for name in metrics) for metrics in known] == [True] * 5
    assert ["brightness" in metrics for metrics in known] == [False] * 4 + [True]
    with pytest.raises(ValueError, match=r"every_extras names ms_ssim: name it in evaluation\.extras"):
        Evaluate(extras=["fwd"], every_extras=["ms_ssim"])
    assert plain.drawn == watched.drawn
    for name, value in plain.state_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, watched.state_dict()[name]), name
    assert torch.equal(plain.latent_rng.get_state(), watched.latent_rng.get_state())


def test_evaluation_at_the_end_is_not_repeated(tmp_path):
    callback = Evaluate(every_kimg=0.05, extractors=["random"], **options(tmp_path))
    _, trainer = fit(tmp_path, [callback])
    assert len([m for m in trainer.logger.seen if "metrics/fd_random" in m]) == 2
    assert len(read_rows(tmp_path / "results")) == 1


def test_history_survives_a_resume(tmp_path):
    """Stopped at 60 of 100 images; the evaluation at 60 came after the checkpoint at 60 was written."""
    plain = Evaluate(every_kimg=0.02, extractors=["random"], **options(tmp_path / "plain"))
    fit(tmp_path / "plain", [plain])
    first = Evaluate(every_kimg=0.02, extractors=["random"], **options(tmp_path))
    _, trainer = fit(tmp_path, [first], total_kimg=0.1, max_steps=12)
    trainer.save_checkpoint(tmp_path / "60.ckpt")
    first.history.clear()
    with (tmp_path / "evaluations.jsonl").open("a") as file:  # of a later time that the checkpoint has not seen
        file.write('{"nimg": 80, "kimg": 0.08, "hours": 9, "metrics": {"fd_random": 9}}\n')
    resumed = Evaluate(every_kimg=0.02, extractors=["random"], **options(tmp_path))
    fit(tmp_path, [resumed], ckpt_path=tmp_path / "60.ckpt")
    ((_, row),) = read_rows(tmp_path / "results")
    assert [one["nimg"] for one in row["history"]] == [20, 40, 60, 80, 100]
    expected = [one["metrics"] for one in plain.history.values()]
    assert [one["metrics"] for one in row["history"][:3]] == expected[:3]
    assert all(one["hours"] < 1 for one in row["history"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_real": 1}, "n_real is 1, but"),
        ({"weights": "typo.pth", "extractors": ["inception"]}, r"file typo\.pth"),
    ],
)
def test_a_checkpoint_is_not_scored_anew_by_what_training_would_refuse(tmp_path, monkeypatch, given, sentence):
    gan, config = Tiny(), {"evaluation": {"extractors": ["random"], "n_fake": 20}, "model": {}, "data": {}}
    monkeypatch.setattr(rescore, "load", lambda *_: gan)
    monkeypatch.setattr(rescore, "config_to_score", lambda *_: (config, tmp_path, "run"))
    monkeypatch.setattr(rescore, "data_to_score", lambda *_: Data())
    monkeypatch.setattr(Evaluate, "score", lambda *_: pytest.fail("scored"))
    with pytest.raises((ValueError, OSError), match=sentence):
        rescore.rescore(tmp_path, {"truncation": None, "protocol": None} | given, None, "cpu", None)


def test_an_interrupted_run_leaves_no_row(tmp_path):
    callback = Evaluate(extractors=["random"], **options(tmp_path))
    fit(tmp_path, [callback], total_kimg=1, max_steps=6)
    assert not (tmp_path / "results").exists()


def test_a_full_disk_does_not_fail_the_training(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.training.evaluate.write_row", full)
    fit(tmp_path, [Evaluate(extractors=["random"], **options(tmp_path))])
    out = capsys.readouterr().out
    assert "results row was not written" in out
    assert "fd_random" in out


def test_mistakes_are_told_before_training(tmp_path):
    with pytest.raises(ValueError, match="n_real is 41, but noise has 40"):
        fit(tmp_path, [Evaluate(extractors=["random"], **options(tmp_path, n_real=41))])
    with pytest.raises(ValueError, match="rounding must be"):
        Evaluate(rounding="up")
    with pytest.raises(ValueError, match="no results row can be written to"):
        fit(tmp_path, [Evaluate(extractors=["random"], **options(tmp_path, results_dir=__file__))])
    with pytest.raises(ValueError, match="at least 2 fakes"):
        Evaluate(n_fake=5)
    with pytest.raises(ValueError, match="no extractor is called"):
        fit(tmp_path, [Evaluate(extractors=["vgg"], **options(tmp_path))])


def test_built_from_yaml():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    parser.add_class_arguments(Evaluate, "evaluation")
    text = "{evaluation: {every_kimg: 500, extractors: [random], n_real: null, n_fake: 1000, truncation: 0.5}}"
    callback = parser.instantiate_classes(parser.parse_string(text)).evaluation
    assert isinstance(callback, Evaluate)
    assert callback.extractors == ["random"]
    assert parser.instantiate_classes(parser.get_defaults()).evaluation.extractors == list(DEFAULT)
