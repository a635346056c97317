"""Parameter counts of the official models, what the bottlenecks draw, and the dual ascent by hand."""

import pytest
import torch
from fitting import fit

from zoo.networks.r1gan import Generator
from zoo.networks.vgan import Discriminator
from zoo.papers.vgan import VGAN

# resolution, width, max_width, K, G, D without bottleneck, with fixed noise, with the Gaussian one: counted from
# the official classes (akanazawa/vgan @ 7f4d73c)
COUNTS = [
    (32, 32, 256, 256, 1_700_196, 647_777, 713_569, 779_361),
    (128, 64, 1024, 1024, 33_277_636, 29_067_969, 30_117_569, 31_167_169),
    (256, 64, 1024, 1024, 52_154_052, 47_944_385, None, 50_043_585),
    (1024, 16, 512, 512, 18_810_036, 16_705_201, None, 17_230_513),
]
SMALL = {"resolution": 8, "width_g": 2, "width_d": 2, "max_width": 4, "code_channels": 3, "latent_dim": 5}


@pytest.mark.parametrize(("resolution", "width", "most", "k", "g", "plain", "noise", "gaussian"), COUNTS)
def test_parameter_counts_are_the_official_ones(resolution, width, most, k, g, plain, noise, gaussian):
    with torch.device("meta"):
        assert sum(p.numel() for p in Generator(resolution, width, most).parameters()) == g
        for bottleneck, count in {"none": plain, "noise": noise, "gaussian": gaussian}.items():
            D = Discriminator(resolution, width, most, bottleneck=bottleneck, code_channels=k)
            assert count in (None, sum(p.numel() for p in D.parameters()))


@pytest.mark.parametrize("bottleneck", ["gaussian", "noise", "none"])
def test_every_pass_draws_a_code_of_its_own(bottleneck):
    D, x = Discriminator(8, 2, 4, 3, bottleneck, 5), torch.randn(4, 3, 8, 8)
    label = torch.tensor([0, 1, 2, 0])
    assert D(x, label).shape == (4,)
    assert torch.equal(D(x, label), D(x, label)) == (bottleneck == "none")
    assert torch.equal(D(x, label, sample=False), D(x, label, sample=False))
    kl = D.logits_and_kl(x, label)[1]
    assert kl.shape == ((4, 4, 4) if bottleneck == "gaussian" else ())


def test_drawn_codes_have_the_stated_mean_and_spread():
    D = Discriminator(8, 2, 4, code_channels=1).double()
    for p in D.bottleneck.parameters():
        p.data.zero_()
    D.bottleneck.mean.bias.data.fill_(3.0)
    D.bottleneck.logstd.bias.data.fill_(0.5)
    code, kl = D.bottleneck(torch.zeros(2000, 4, 4, 4, dtype=torch.float64))
    assert code.mean().item() == pytest.approx(3, abs=0.05)
    assert code.std().item() == pytest.approx(torch.tensor(0.5).exp().item(), abs=0.05)
    torch.testing.assert_close(kl, torch.full_like(kl, 0.5 * (torch.e + 9 - 1) - 0.5))


def stepped(steps: int, **options) -> VGAN:
    gan = VGAN(**SMALL, batch_size=4, **options)
    batch = (torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)).clamp(-1, 1), None)
    return fit(gan, [batch] * steps, precision="32-true")


@pytest.mark.parametrize("penalty", ["none", "r1", "wgan_gp"])
def test_beta_climbs_along_the_excess_and_stops_at_zero(penalty):
    gan = stepped(1, information=0.0, beta=0.25, beta_step=0.5, penalty=penalty)
    kl = 0.5 * (gan.scalars["kl/real"] + gan.scalars["kl/fake"])
    assert kl > 0
    torch.testing.assert_close(gan.beta, 0.25 + 0.5 * kl)
    assert stepped(2, information=1e6, beta=0.25, beta_step=0.5, penalty=penalty).beta == 0


@pytest.mark.parametrize("bottleneck", ["noise", "none"])
def test_without_a_kl_there_is_no_multiplier(bottleneck):
    gan = stepped(1, bottleneck=bottleneck, beta=0.25, beta_step=0.5, information=0.1)
    assert gan.beta == 0
    assert gan.scalars["kl/real"] == 0


def test_the_generator_may_be_judged_by_the_mean_code():
    """With the mean, G's step draws nothing: whatever noise there is, its loss is the same."""

    def loss_g(spread: float, g_sees: str) -> float:
        torch.manual_seed(0)
        gan = VGAN(**SMALL, batch_size=4, g_sees=g_sees)
        x, drawn = torch.randn(4, 5), gan.D.bottleneck.noise
        gan.D.bottleneck.noise = lambda mean: spread * drawn(mean)
        return gan.D(gan.G(x), None, sample=gan.g_samples).mean().item()

    assert loss_g(1.0, "mean") == loss_g(2.0, "mean")
    assert loss_g(1.0, "sample") != loss_g(2.0, "sample")
