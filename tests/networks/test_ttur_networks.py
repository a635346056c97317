"""Parameter counts of the official models, initial weights, the packed critic, and the biased batch norm."""

import pytest
import torch
from torch import nn

from zoo.networks import ttur
from zoo.networks.batchnorm import BiasedBatchNorm2d
from zoo.networks.wgan_gp import GoodCritic, GoodGenerator
from zoo.papers.ttur import TTUR

# computed from the shapes of the official code (bioinf-jku/TTUR @ 73ab375)
COUNTS = [
    (ttur.generator, (64,), 5_135_363),
    (ttur.discriminator, (64,), 4_316_545),
    (ttur.generator, (32,), 4_514_819),
    (ttur.discriminator, (32,), 4_310_401),
    (GoodGenerator, (32, 32), 2_005_155),
]


@pytest.mark.parametrize(("build", "args", "count"), COUNTS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_parameter_counts_are_the_official_ones(build, args, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in build(*args).parameters()) == count


def test_the_packed_critic_has_the_official_size_and_joins_neighbours():
    with torch.device("meta"):
        assert sum(p.numel() for p in GoodCritic(32, 32, pack=4).parameters()) == 1_877_121
    D = GoodCritic(32, 2, pack=4).double()
    x = torch.randn(8, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    scores = D(x)
    assert scores.shape == (2,)
    (grad,) = torch.autograd.grad(scores[1], x)
    assert grad[:4].abs().max() == 0
    assert (grad[4:].flatten(1).norm(dim=1) > 0).all()


def test_initial_weights():
    torch.manual_seed(0)
    G, D = ttur.generator(32, 16), ttur.discriminator(32, 16)
    for net, cut in ((G, False), (D, True)):
        for name, p in net.named_parameters():
            if name.startswith("norms"):
                assert (p == (1.0 if name.endswith("weight") else 0.0)).all()
            elif name.endswith("bias"):
                assert (p == 0).all()
            elif p.numel() > 3000:
                # a normal cut at two deviations keeps 0.88 of its deviation
                std, most = (0.0176, 0.04) if cut else (0.02, 1)
                assert p.std().item() == pytest.approx(std, rel=0.05)
                assert p.abs().max() <= most


def test_biased_batch_norm_differs_in_its_running_variance_alone():
    x = 3 * torch.randn(4, 5, 2, 3, dtype=torch.float64) + 1
    ours, torchs = BiasedBatchNorm2d(5).double(), nn.BatchNorm2d(5).double()
    torch.testing.assert_close(ours(x), torchs(x))
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    expected = 0.9 + 0.1 * x.var((0, 2, 3), correction=0)
    torch.testing.assert_close(ours.running_var, expected)
    assert not torch.allclose(torchs.running_var, expected)
    ours.eval()
    shown = (x - ours.running_mean.view(-1, 1, 1)) / (ours.running_var.view(-1, 1, 1) + 1e-5).sqrt()
    torch.testing.assert_close(ours(x), shown)


def test_dcgan_latents_are_uniform_and_wgan_gp_latents_normal():
    small = {"resolution": 32, "width_g": 2, "width_d": 2, "latent_dim": 50}
    for game, std in (("dcgan", 3**-0.5), ("wgan-gp", 1.0)):
        gan = TTUR(game=game, **small)
        for z in (gan.latents(200), gan.indexed_latents(200)[0]):
            assert z.std().item() == pytest.approx(std, rel=0.03)
            assert (z.abs().max() <= 1) == (game == "dcgan")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pack": 4}, "only the critic of game wgan-gp packs"),
        ({"resolution": 40}, "divisible by 16, not 40"),
        ({"resolution": 40, "game": "wgan-gp"}, "divisible by 16, not 40"),
    ],
)
def test_what_does_not_fit_is_named(settings, words):
    with pytest.raises(ValueError, match=words):
        TTUR(**settings)
