"""Spectra of games: against differences, against each other, and through the commands."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import own_cache, run  # noqa: F401
from torch import nn

from zoo.__main__ import main
from zoo.lab import tables
from zoo.lab.dynamics import Dynamics
from zoo.lab.eigen import Game, game_of, largest, spectrum
from zoo.lab.plane import build
from zoo.lab.settings import SETTINGS
from zoo.lab.tables import of_checkpoint
from zoo.networks.conopt import MLP
from zoo.networks.mlp import PointGenerator
from zoo.objectives.losses import saturating_g
from zoo.training.loading import load


def small(**more) -> Game:
    torch.manual_seed(0)
    G, D = (net.double().requires_grad_(False) for net in (MLP(2, 2, 5, 2), MLP(2, None, 5, 2)))
    for net in (G, D):
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return Game(G, D, torch.randn(9, 2).double(), torch.randn(9, 2).double(), **more)


GAMES = {
    "plain": {},
    "saturating": {"loss_g": saturating_g},
    "r1": {"gamma_real": 0.7},
    "r2": {"gamma_fake": 0.7},
    "nk17": {"eta": 0.5},
}


@pytest.mark.parametrize("kind", GAMES)
def test_jacobian_and_products_are_those_of_differences(kind):
    game = small(**GAMES[kind])
    at, e = game.parameters, 1e-6
    j = game.jacobian().detach()
    for seed in range(3):
        x = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(at)))
        slope = (game.field(at + e * x) - game.field(at - e * x)) / (2 * e)
        torch.testing.assert_close(j @ x, slope, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(game.times(x), j @ x)


def test_consensus_in_products_and_in_the_whole():
    game = small()
    j, pulled = game.jacobian(), replace(game, consensus=3.0)
    expected = j - 3 * j.T @ j
    torch.testing.assert_close(pulled.jacobian(), expected)
    x = torch.ones(len(j)).double()
    torch.testing.assert_close(pulled.times(x), expected @ x)


@pytest.mark.parametrize("gamma", [10.0, 100.0, 1000.0])
def test_under_consensus_no_real_part_exceeds_1_over_4_gamma(gamma):
    """Re(v* J v) - gamma |J v|^2 <= |J v| - gamma |J v|^2; without it the same game exceeds the last two bounds."""
    game = small()
    assert spectrum(replace(game, consensus=gamma)).real.max() <= 1 / (4 * gamma) + 1e-12
    assert gamma < 100 or spectrum(game).real.max() > 1 / (4 * gamma)


@pytest.mark.parametrize("which", ["LR", "LM", "LI"])
def test_arnoldi_finds_the_ends_of_the_exact_spectrum(which):
    game = small(gamma_real=0.3)
    every = np.linalg.eigvals(game.jacobian().numpy())
    key = {"LR": lambda x: x.real, "LM": abs, "LI": lambda x: abs(x.imag)}[which]
    found = largest(game, 4, which)
    np.testing.assert_allclose(max(key(x) for x in found), max(key(x) for x in every), rtol=1e-5)
    for x in found:
        assert abs(every - x).min() < 1e-5


def test_the_exact_way_and_arnoldi_s_by_size():
    game = small()
    assert len(spectrum(game)) == len(game.parameters)
    few = spectrum(game, k=3, exact=False)
    assert len(few) < 10
    assert few[0].real == pytest.approx(spectrum(game)[0].real, rel=1e-5)


def test_dirac_s_spectrum_comes_out_of_networks():
    """G a number, D a slope, data at 0: f'(0) = 1/2 and gamma give the closed form."""

    class Number(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = nn.Parameter(torch.zeros(1).double(), requires_grad=False)

        def forward(self, z, label=None):
            return self.theta.expand(len(z), 1)

    class Slope(Number):
        def forward(self, x, label=None):
            return x[:, 0] * self.theta

    zero = torch.zeros(1, 1).double()
    game = Game(Number(), Slope(), zero, zero, loss_g=saturating_g, gamma_real=0.3)
    np.testing.assert_allclose(sorted(spectrum(game).imag), np.array([-1, 1]) * (0.25 - 0.0225) ** 0.5, rtol=1e-12)
    np.testing.assert_allclose(spectrum(game).real, -0.15)


def test_an_image_model_s_largest_eigenvalues_without_its_jacobian(tmp_path, capsys):
    cli = run("r1gan", tmp_path, "--model.max_width", "8", "--model.latent_dim", "64", kimg=0.032)
    checkpoint = cli.run.folder / "checkpoints" / "last.ckpt"
    out = tmp_path / "eigen.png"
    main(["lab", "eigen", str(checkpoint), "--n", "2", "--k", "4", "--out", str(out)])
    told = capsys.readouterr().out
    assert "Arnoldi" in told
    assert out.stat().st_size > 1000
    gan = load(checkpoint)
    game = game_of(gan, torch.zeros(2, 3, 32, 32))
    assert game.gamma_real == gan.gamma
    assert game.times(torch.ones_like(game.parameters)).isfinite().all()


class BySlope(nn.Module):
    """A slope for each of three classes."""

    def __init__(self):
        super().__init__()
        self.slopes = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x, label=None):
        return x[:, 0] * self.slopes[label]


def test_a_conditional_game_judges_reals_by_their_own_classes(monkeypatch):
    gan = build("cgan", SETTINGS["cgan"].options | {"n_classes": 3})
    gan.use_networks(PointGenerator(2), BySlope(), 2)
    real, label = torch.randn(5, 2), torch.tensor([0, 1, 2, 2, 0])
    game = game_of(gan, real, label)
    g, d = game.players(game.parameters)
    told = []
    replace(game, loss_d=lambda *logits: told.append(logits) or sum(x.mean() for x in logits)).d_loss(
        d, game.fakes(g)
    )
    torch.testing.assert_close(told[0][0], real[:, 0].double() * torch.tensor([1.0, 2, 3, 3, 1]).double())
    torch.testing.assert_close(told[0][1], game.fakes(g)[:, 0] * (game.label + 1))
    assert float(game.slope(d, real.double(), label)) == pytest.approx((1 + 4 + 9 + 9 + 1) / 5)
    with pytest.raises(ValueError, match="CGAN judges images by their classes, and these have none"):
        game_of(gan, real)
    seen = []
    monkeypatch.setattr("zoo.lab.dynamics.largest", lambda game, *_, **__: seen.append(game) or np.ones(1))
    assert Dynamics.real_part(gan, real, label.repeat(2)) == {"real_part": 1}
    assert torch.equal(seen[0].real_label, label)


def test_a_checkpoint_s_game_has_the_labels_of_its_data(tmp_path):
    cli = run("cgan", tmp_path, kimg=0.032)
    (game,) = of_checkpoint(str(cli.run.folder / "checkpoints" / "last.ckpt"), 6, 0).values()
    assert torch.equal(game.real_label, cli.datamodule.labels[:6])
    assert not torch.equal(game.real_label, game.label)


def test_a_name_without_such_a_game_is_refused_before_it_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tables, "train", None)
    with pytest.raises(SystemExit):
        main(["lab", "eigen", "introvae", "--out", str(tmp_path / "eigen.png")])
    assert "IntroVAE's discriminator gives no logits" in capsys.readouterr().err


def test_mistakes_are_told_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["lab", "eigen", str(tmp_path / "nothing.ckpt")])
    assert "is no checkpoint, and no name of" in capsys.readouterr().err
