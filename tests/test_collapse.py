"""Spectra, the memorisation check, the warning and the kept checkpoint."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from zoo.collapse import CollapseWatch, spread, top_singular_values
from zoo.data import Drawn
from zoo.papers.biggan import BigGAN
from zoo.papers.ctgan import CTGAN


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


def test_training_images_are_no_held_out_ones(tmp_path):
    data = SimpleNamespace(held_out=lambda: None, resolution=32, fingerprint="same", divisor=127.5)
    watch = CollapseWatch(held_out=str(Path(tmp_path, "nowhere.zip")))
    with pytest.raises(OSError, match=r"nowhere\.zip"):
        watch.on_fit_start(SimpleNamespace(is_global_zero=True, datamodule=data), small())


def test_spread_covers_the_range():
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(3, 3).tolist() == [0, 1, 2]
