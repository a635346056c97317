"""Experiments behind the claims: their measures on planted cases, and short plays."""

import sys

import pytest
import torch

from zoo.__main__ import main
from zoo.data.plane import TARGETS
from zoo.evaluation.disturbances import TTUR_LEVELS
from zoo.lab import disturbances, methods, noise, track
from zoo.lab.track import wasserstein
from zoo.lab.trials import EXPERIMENTS, variants
from zoo.leaderboard.trials import read_trials


def test_wasserstein_1_in_closed_form():
    a = torch.randn(50, 2)
    assert wasserstein(a, a) == pytest.approx(0, abs=1e-9)
    assert wasserstein(a, a + torch.tensor([3.0, 4.0])) == pytest.approx(5)
    assert wasserstein(torch.zeros(4, 2), torch.tensor([[0.0, 1.0], [0, 1], [0, 3], [0, 3]])) == pytest.approx(2)


def test_methods_play_and_rows_are_not_made_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(methods, "VARIANTS", ("line-none", "line-r1"))
    for _ in range(2):
        main(["lab", "trial", "methods-2d", "--seeds", "1", "--kimg", "0.256", "--results", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["lab", "trial", "methods-2d", "--seeds", "1", "--results", str(tmp_path)])
    assert "line-none-0.json holds a row of 0.256 kimg, not of 192: give another --kimg" in capsys.readouterr().err
    rows = read_trials(tmp_path)
    assert [row.variant for row in rows] == ["line-none", "line-r1"]
    for row in rows:
        assert row.metrics["w1"] > 10 * row.metrics["w1_data"]
        assert row.kimg == 0.256


def test_without_pot_nothing_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ot", None)
    monkeypatch.setattr(track, "run", None)  # calling it would be told as another mistake
    monkeypatch.setattr(methods, "play", None)
    for words in (["ring", "--papers", "wgan"], ["trial", "methods-2d"]):
        with pytest.raises(SystemExit):
            main(["lab", *words, "--results", str(tmp_path)])
        assert "pip install 'gan-zoo[lab]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_judge_that_knows_the_data_is_right_on_both_kinds():
    target = TARGETS["submanifold"]()

    def knows(x):
        return 0.1 - torch.cdist(x, target.targets).min(1).values

    found = noise.judged(knows, torch.full((100, 3), 9.0), target, 0)
    assert found == {"fakes_found": 1.0, "reals_found": 1.0, "accuracy": 1.0}
    assert noise.judged(lambda x: -knows(x), torch.full((100, 3), 9.0), target, 0)["accuracy"] == 0


def test_noise_trains_all_methods_and_crosses_them():
    found = {variant: metrics for variant, metrics, _ in noise.play(0, 0.256, [])}
    assert set(found) == set(noise.VARIANTS)
    assert all(0 <= found[v]["accuracy"] <= 1 for v in noise.CROSS)


def test_explicit_noise_has_the_variance_that_the_regulariser_stands_for():
    from zoo.papers.rothgan import RothGAN

    gan = RothGAN(resolution=16, width_g=1, width_d=1, regularizer="noise")
    x = torch.zeros(1000, 3)
    assert gan.noisy(x, 0.25).std().item() == pytest.approx(0.5, abs=0.03)
    assert RothGAN(resolution=16, width_g=1, width_d=1).noisy(x, 0.25) is x


@pytest.mark.parametrize("kind", TTUR_LEVELS)
def test_disturbance_grows_with_its_level_and_level_0_changes_nothing(kind):
    images = torch.randint(256, (16, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    images = images.float().cumsum(3).div(32).to(torch.uint8)  # some structure
    others = 255 - images
    assert torch.equal(disturbances.disturb(images, others, kind, 0, 0), images)
    far = [
        (disturbances.disturb(images, others, kind, level, 0).float() - images.float()).abs().mean().item()
        for level in TTUR_LEVELS[kind][1:]
    ]
    assert 0 < far[0] <= far[1] <= far[2]


def test_variants_and_mistakes(capsys):
    assert len(variants("methods-2d")) == 16
    assert set(EXPERIMENTS) >= {"methods-2d", "noise-2d", "disturbances", "disturbances-net"}
    with pytest.raises(SystemExit):
        main(["lab", "trial", "nothing"])
    assert "no experiment 'nothing'; there are methods-2d" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["lab", "trial", "disturbances", "--kimg", "5"])
    assert "--kimg does nothing with disturbances" in capsys.readouterr().err
