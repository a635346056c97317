"""Spectra, the memorisation check, the warning and the kept checkpoint."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from made import small as model
from torch import nn

from zoo.data import Drawn
from zoo.engine.collapse import CollapseWatch, spread, top_singular_values
from zoo.papers.biggan import BigGAN
from zoo.papers.ctgan import CTGAN
from zoo.training.cli import train


def small() -> BigGAN:
    return BigGAN(
        resolution=32, n_classes=10, width_g=2, width_d=2, latent_dim=8, shared_dim=4, batch_size=8, batch_size_g=8
    )


def test_singular_values_are_exact_and_of_every_weight():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(9, 2))
    found = top_singular_values(net)
    assert found.keys() == {"0", "2"}
    for name, values in found.items():
        expected = torch.linalg.svdvals(net[int(name)].weight.flatten(1))[:3]
        torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-5)


def test_a_jump_of_a_spectrum_warns_once_and_keeps_the_checkpoint_before(tmp_path, capsys):
    gan, watch = small(), CollapseWatch(jump=2.0)
    trainer = SimpleNamespace(default_root_dir=tmp_path, callbacks=[])
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for step in range(4):
        (folder / "last.ckpt").unlink(missing_ok=True)
        (folder / "last.ckpt").write_text(str(step))
        watch.keep(trainer, gan, watch.spectra(gan) + watch.distances(trainer))
        if step >= 1:
            with torch.no_grad():
                gan.G.dense.weight.mul_(3.0)
    assert (folder / "before-collapse.ckpt").read_text() == "1"
    (line,) = capsys.readouterr().err.splitlines()
    assert "G's dense" in line
    assert "before-collapse.ckpt" in line
    assert watch.scalars["spectrum/g/dense/0"] >= watch.scalars["spectrum/g/dense/1"]


def test_slowing_growth_of_young_weights_is_no_sign():
    gan, watch = small(), CollapseWatch(jump=2.0)
    signs = []
    for factor in (1.0, 6.0, 3.0, 2.5, 5.1):  # the last is more than twice the growth before it
        with torch.no_grad():
            gan.G.dense.weight.mul_(factor)
        signs.append(watch.spectra(gan))
    assert [len(s) for s in signs] == [0, 0, 0, 0, 1]
    with torch.no_grad():
        gan.D.linear.weight[0, 0] = torch.nan
    assert watch.spectra(gan) == ["D's linear is not finite"]


def test_a_distance_that_doubles_warns(tmp_path, capsys):
    watch = CollapseWatch(worse=2.0)
    for fd, warned in ((4.0, False), (1.0, False), (1.9, False), (2.1, True)):
        history = {1: {"metrics": {"kid_random": 0.0, "fd_random": fd}}}
        trainer = SimpleNamespace(default_root_dir=tmp_path, callbacks=[SimpleNamespace(history=history)])
        watch.keep(trainer, small(), watch.distances(trainer))
        assert watch.warned is warned
    assert "fd_random is 2.1 after 1" in capsys.readouterr().err
    again = CollapseWatch()
    again.load_state_dict(watch.state_dict())
    assert again.warned
    assert again.best == {"fd_random": 1.0}


def test_logits_on_seen_and_unseen_images_leave_the_model_as_it_was():
    gan, watch = small(), CollapseWatch(n=20)
    data = Drawn(resolution=32, n_images=60, limit=30)
    data.setup("fit")
    watch.on_fit_start(SimpleNamespace(is_global_zero=True, datamodule=data), gan)
    before = {k: v.clone() for k, v in gan.state_dict().items() if isinstance(v, torch.Tensor)}
    found = watch.memory(gan, data)
    assert found.keys() >= {"memory/train", "memory/held_out", "memory/fake", "memory/held_out_accuracy"}
    assert 0 <= found["memory/train_accuracy"] <= 1
    assert all(torch.equal(v, before[k]) for k, v in gan.state_dict().items() if k in before)
    assert gan.D.training


def test_ct_gan_s_critic_is_asked_about_digits_as_its_training_shows_them():
    gan = CTGAN(resolution=28, architecture="cnn", n_classes=0, width_g=2, width_d=2, batch_size=8, batch_size_g=8)
    data = SimpleNamespace(divisor=127.5)
    digits = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8).expand(-1, 3, -1, -1)
    gan.D.eval()
    with torch.no_grad():
        logits = CollapseWatch.judge(gan, data, digits, None)
        torch.testing.assert_close(logits, gan.D(digits[:, :1] / 255))


def test_test_images_are_held_out_ones_unless_trained_on():
    seen, others = Drawn(resolution=32, n_images=30), Drawn(resolution=32, n_images=7)
    for data in (seen, others):
        data.setup("fit")
    seen.test_images = lambda: others.opened
    for split, expected in (("train", others.opened), ("test", None)):
        seen.split, watch = split, CollapseWatch()
        watch.on_fit_start(SimpleNamespace(is_global_zero=True, datamodule=seen), small())
        assert watch._others is expected


def biggan(folder: Path, *more: str) -> Path:
    """A run of BigGAN over 160 drawn faces, 32 a step, with a look and a checkpoint every 64; its folder."""
    args = [
        *("--data.n_images", "96", "--data.limit", "64", "--model.resolution", "32", "--model.n_classes", "10"),
        *("--model.width_g", "2", "--model.width_d", "2", "--model.latent_dim", "8", "--model.shared_dim", "4"),
        *("--model.batch_size", "16", "--model.batch_size_g", "16", "--model.standing_passes", "1"),
        *("--model.total_kimg", "0.16", "--model.watch_kimg", "0.064", "--checkpoints.every_kimg", "0.064"),
        *("--evaluation.extractors", "[random]", "--evaluation.n_fake", "16", "--evaluation.kid_subsets", "1"),
        *("--evaluation.results_dir", str(folder / "results"), "--run_dir", str(folder / "run")),
        *("--trainer.accelerator", "cpu", "--wandb", "false", *more),
    ]
    return train(BigGAN, Drawn, args=args).run.folder


def looks(run: Path) -> dict[str, dict]:
    """Rows of spectra and logits by kimg, over all segments of a run, without speeds and hours."""
    rows = [row for file in sorted(run.glob("csv/*/metrics.csv")) for row in csv.DictReader(file.open())]
    keep = ("spectrum/", "memory/")
    return {r["kimg"]: {k: v for k, v in r.items() if k.startswith(keep)} for r in rows if r["memory/fake"]}


def test_every_run_of_biggan_is_watched_and_a_resumed_one_alike(tmp_path, monkeypatch):
    """Killed before the next checkpoint: the look that came after the last one is made again."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_RUN_DIR", raising=False)
    whole = biggan(tmp_path / "whole")
    found = looks(whole)
    assert [float(k) for k in found] == pytest.approx([0.064, 0.128])
    for row in found.values():
        assert {"spectrum/g/dense/0", "spectrum/d/linear/0", "memory/train", "memory/held_out_accuracy"} <= set(row)
        assert all(v for v in row.values())
    assert (whole / "checkpoints" / "before-collapse.ckpt").is_file()

    step = BigGAN.training_step

    def killed(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.nimg == 96:
            raise RuntimeError("power cut")

    monkeypatch.setattr(BigGAN, "training_step", killed)
    with pytest.raises(RuntimeError, match="power cut"):
        biggan(tmp_path / "halves")
    monkeypatch.setattr(BigGAN, "training_step", step)
    halves = biggan(tmp_path / "halves", "--ckpt_path", "last")
    assert len(list(halves.glob("csv/*/metrics.csv"))) == 1
    assert looks(halves) == found
    one, two = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, halves))
    assert one["callbacks"]["CollapseWatch"] == two["callbacks"]["CollapseWatch"]
    assert one["callbacks"]["CollapseWatch"]["at"] == 128
    for name, value in one["state_dict"].items():
        assert name == "_extra_state" or torch.equal(value, two["state_dict"][name]), name


def test_training_images_are_no_held_out_ones(tmp_path):
    data = SimpleNamespace(unseen=lambda: None, resolution=32, fingerprint="same", divisor=127.5)
    watch = CollapseWatch(held_out=str(Path(tmp_path, "nowhere.zip")))
    with pytest.raises(OSError, match=r"nowhere\.zip"):
        watch.on_fit_start(SimpleNamespace(is_global_zero=True, datamodule=data), small())


def test_a_model_that_cannot_be_watched_is_refused_and_no_look_is_none():
    gan, watch = model("pggan"), CollapseWatch()
    with pytest.raises(ValueError, match="cannot watch PGGAN, since it grows: leave the callback out"):
        watch.on_fit_start(SimpleNamespace(is_global_zero=True, datamodule=None), gan)
    with pytest.raises(ValueError, match="cannot watch BiGAN, since its D does not judge images alone"):
        watch.check(model("bigan"), None)
    off, trainer = CollapseWatch(every_kimg=0), SimpleNamespace(is_global_zero=True, datamodule=None)
    off.on_fit_start(trainer, gan)
    gan.nimg = 5000
    off.look(trainer, gan)
    assert off.at == 0


def test_spread_covers_the_range():
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(3, 3).tolist() == [0, 1, 2]
