"""Points through the papers' own training steps: learning, numbers of known samples, and the command."""

import math

import pytest
import torch
from PIL import Image

from zoo.__main__ import main
from zoo.data.plane import TARGETS
from zoo.lab import plane
from zoo.lab.plane import SETTINGS, field_of, measure, train
from zoo.objectives.divergences import DIVERGENCES

SHORT = {"batch_size": 32}


def short(paper: str, data: str, kimg: float, **options):
    more = {"batch_size_g": 32, "decay_start_kimg": None} if paper == "ctgan" else {}
    return train(paper, data, kimg, options=SHORT | more | options)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_data_itself_covers_every_mode_and_one_point_covers_one(name):
    target = TARGETS[name]()
    real = target.draw(5000, torch.Generator().manual_seed(1))
    assert real.dtype == torch.float32
    scores = measure(real, target)
    assert scores["modes"] == scores["n_modes"]
    if name == "gaussian":  # a blob has tails: of 2,000 normal points none is near with e^-10u, u uniform
        assert scores["near"] == pytest.approx(1 - (1 - math.exp(-10)) / 10, abs=0.02)
    else:
        assert scores["near"] > 0.99
    assert measure(target.targets[:1].expand(100, -1), target)["modes"] == 1
    assert measure(real + 10, target) | {"distance": 0} == {"modes": 0, "n_modes": 0, "near": 0, "distance": 0} | {
        "n_modes": scores["n_modes"]
    }


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_picture_lies_in_the_plane_of_the_data(name):
    target = TARGETS[name]()
    x = torch.randn(7, 2)
    torch.testing.assert_close(target.flatten(target.lift(x)), x)
    torch.testing.assert_close(target.lift(target.flatten(target.targets)), target.targets)


@pytest.mark.parametrize("paper", sorted(SETTINGS))
def test_every_paper_trains_on_points_by_its_own_step_and_repeats_itself(paper):
    a, target = short(paper, "submanifold", 0.32)
    b, _ = short(paper, "submanifold", 0.32)
    assert a.nimg == b.nimg >= 320
    samples = a.sample(50)
    assert samples.shape == (50, 3)
    assert torch.equal(samples, b.sample(50))
    value, gradient = field_of(a, SETTINGS[paper].judge, target, torch.zeros(4, 2))
    assert value.shape == (4,)
    assert gradient.shape == (4, 2)
    again, _ = field_of(a, SETTINGS[paper].judge, target, torch.zeros(4, 2))
    assert torch.equal(value, again)  # no dropout, no drawn code


def test_roth_s_own_networks_and_loss_train_on_his_mixture():
    gan, _ = train("rothgan", "submanifold", 0.256)
    assert [sum(p.numel() for p in net.parameters()) for net in (gan.G, gan.D)] == [17_283, 17_153]
    assert gan.saturating


@pytest.mark.parametrize("divergence", sorted(DIVERGENCES))
def test_every_divergence_trains_on_points(divergence):
    gan, _ = short("rothgan", "ring", 0.16, divergence=divergence, regularizer="generic", lr=1e-4)
    assert gan.sample(10).isfinite().all()


def test_command_draws_and_tells(tmp_path, capsys):
    out = tmp_path / "new" / "plane.png"
    main(["lab", "plane", "r1gan,vgan", "--data", "grid", "--kimg", "0.2", "--out", str(out)])
    shown = capsys.readouterr().out
    assert "| r1gan | grid | " in shown
    assert "of 25" in shown
    assert shown.splitlines()[-1].endswith("CPU seconds of training")
    width, height = Image.open(out).size
    assert width > height


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("ctgan_ssl",), "ctgan_ssl has no setting for points; there are biggan"),
        (("r1gan", "--data", "cube"), "no data set 'cube' of points; choose one of ring, ring-m17"),
        (("r1gan", "--options", "{penaltie: none}"), "penaltie"),
        (("r1gan", "--options", "{lr: fast}"), "lr"),
        (("sngan,r1gan", "--options", "{clip: 0.01}"), "clip"),
    ],
)
def test_mistakes_are_told_in_one_sentence(args, words, capsys, monkeypatch):
    monkeypatch.setattr(plane, "train", None)  # before anything is trained
    with pytest.raises(SystemExit):
        main(["lab", "plane", *args])
    assert words in capsys.readouterr().err
