"""A model's game is the one that it trains: D's loss against a training step's, of every paper and baseline."""

import pytest
import torch

from zoo.baselines import BASELINES
from zoo.engine.gan import GAN
from zoo.lab.eigen import game_of
from zoo.lab.plane import build, train
from zoo.lab.rules import BETWEEN
from zoo.lab.settings import SETTINGS
from zoo.objectives import losses
from zoo.papers import PAPERS

#: name -> options besides, G's loss, weights of R1 and R2 (StyleGAN's at full size), and what is left out
GAMES = {
    "biggan": ({}, losses.hinge_g, (0, 0), ("G's orthogonality",)),
    "cgan": ({"half": True}, losses.nonsaturating_g, (0, 0), ()),
    "conopt": ({}, losses.nonsaturating_g, (0, 0), ()),
    "ctgan": ({"decay_start_kimg": None}, losses.wasserstein_g, (0, 0), (BETWEEN, "the consistency term")),
    "dcgan": ({}, losses.nonsaturating_g, (0, 0), ()),
    "nk17": ({}, losses.nonsaturating_g, (0, 0), ()),
    "pggan": ({}, losses.wasserstein_g, (0, 0), (BETWEEN, "the drift term")),
    "r1gan": ({"penalty": "r1+r2"}, losses.nonsaturating_g, (0.05, 0.05), ()),
    "sngan": ({"decay_start_kimg": None}, losses.hinge_g, (0, 0), ()),
    "stylegan": ({}, losses.nonsaturating_g, (0.05, 0), ()),
    "ttur": ({}, losses.nonsaturating_g, (0, 0), ()),
    "vgan": ({"loss": "saturating"}, losses.saturating_g, (0.05, 0), ("the bottleneck's KL",)),
    "wgan": ({}, losses.wasserstein_g, (0, 0), ("clipping",)),
    "wgan_gp": ({"decay_start_kimg": None}, losses.wasserstein_g, (0, 0), (BETWEEN,)),
}
#: of one model more than one game
OTHERS = {
    "r1gan": ({"penalty": "wgan_gp", "loss": "wasserstein"}, losses.wasserstein_g, (0, 0), (BETWEEN,)),
    "stylegan": ({"objective": "wgan_gp"}, losses.wasserstein_g, (0, 0), (BETWEEN,)),
    "ttur": ({"game": "wgan-gp"}, losses.wasserstein_g, (0, 0), (BETWEEN,)),
}
NO_LOGITS = {"introvae", "ctgan_ssl", "bigan", "bigan_qp"}
NO_GAME = {"gan_qp": "cannot be told", "wgan_div": "cannot be told", "rothgan": "no slope", "fgan": "no slope"}
#: one point of each kind in a step, whose mean logit is the logit
ONE = {"batch_size": 1, "total_kimg": 0.001}


def seen(name: str, options: dict, monkeypatch) -> tuple[GAN, dict[str, float]]:
    """A model after one step on one point of each kind, and the step's scalars."""
    scalars: dict[str, float] = {}
    report = GAN.report

    def noted(self, told) -> None:
        scalars.update({k: float(torch.as_tensor(v).detach()) for k, v in told.items()})
        report(self, told)

    monkeypatch.setattr(GAN, "report", noted)
    more = {"batch_size_g": 1} if "batch_size_g" in SETTINGS[name].options else {}
    gan, _ = train(name, "ring", options=ONE | more | options)
    return gan, scalars


@pytest.mark.parametrize(("name", "told"), [*GAMES.items(), *OTHERS.items()])
def test_the_game_has_the_losses_and_slopes_of_the_training_step(name, told, monkeypatch):
    options, loss_g, gammas, left_out = told
    gan, scalars = seen(name, options, monkeypatch)
    game = game_of(gan, torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64))
    real, fake = (torch.tensor([scalars[f"logits/{kind}"]]) for kind in ("real", "fake"))
    assert float(game.loss_d(real, fake)) == pytest.approx(scalars["loss/d"], rel=1e-4, abs=1e-6)
    assert game.loss_g is loss_g
    assert (game.gamma_real, game.gamma_fake) == gammas
    assert game.left_out == left_out
    assert game.field(game.parameters).isfinite().all()


def test_stylegan_s_penalty_counts_less_on_small_images():
    gan = build("stylegan", SETTINGS["stylegan"].options | {"resolution": 16, "fmap_base": 64, "gamma": 8.0})
    assert gan.trained_stage.lod == 1
    assert game_of(gan, torch.zeros(2, 3, 16, 16)).gamma_real == 2


@pytest.mark.parametrize("name", NO_GAME)
def test_a_game_that_cannot_be_told_is_refused(name):
    gan = build(name, SETTINGS[name].options)
    gan.use_networks(SETTINGS[name].generator(2), SETTINGS[name].critic(2), 2)
    with pytest.raises(ValueError, match=NO_GAME[name]):
        game_of(gan, torch.zeros(2, 2))


@pytest.mark.parametrize(("name", "none"), [("rothgan", {"regularizer": "none"}), ("fgan", {"gamma": 0.0})])
def test_an_f_gan_without_its_penalty_has_its_divergence_s_losses(name, none):
    gan = build(name, SETTINGS[name].options | {"divergence": "kl"} | none)
    gan.use_networks(SETTINGS[name].generator(2), SETTINGS[name].critic(2), 2)
    game = game_of(gan, torch.zeros(2, 2))
    x = torch.tensor([0.3, -1.2])
    torch.testing.assert_close(game.loss_d(x, x), (x - 1).exp().mean() - x.mean())  # f* = exp(t - 1), T = V
    torch.testing.assert_close(game.loss_g(x), -x.mean())


def test_no_paper_and_no_baseline_is_forgotten():
    assert set(GAMES) | NO_LOGITS | set(NO_GAME) == set(PAPERS) | set(BASELINES)
