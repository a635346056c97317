"""StyleGAN's module: draws, growing, sampling, sheets, path lengths."""

import pytest
import torch

from zoo.evaluation.ppl import perceptual_path_length
from zoo.networks.stylegan import Discriminator
from zoo.papers.pggan import PGGAN
from zoo.papers.stylegan import OBJECTIVES, StyleGAN
from zoo.pictures.styles import PSI, levels, mixing_sheet, truncation_strip

SMALL = {"resolution": 32, "fmap_base": 64, "fmap_max": 8, "latent_dim": 6, "w_dim": 6, "mapping_width": 6}


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    model = StyleGAN(**SMALL, batch_size_at={}, batch_size=8, total_kimg=0.1, train_kimg=1, transition_kimg=1)
    for net in (model.G, model.G_ema):
        net.w_avg.normal_()
        for name, p in net.named_parameters():
            if name.endswith(("strength", "style.bias")):
                p.data.normal_()
    model.nimg = 10_000  # full size
    return model.eval()


def test_defaults_are_the_papers_schedule_on_8_gpus():
    with torch.device("meta"):
        schedule = StyleGAN().schedule
    assert schedule.at(0).resolution == 8
    assert schedule.at(0).images_per_step == 256
    assert schedule.at(8_500_000).lod == 0
    assert (schedule.at(25_000_000).images_per_step, schedule.at(25_000_000).lr) == (32, 0.003)


def test_a_sample_is_a_function_of_its_seed_and_number(gan):
    whole = gan.sample(6, seed=3)
    torch.testing.assert_close(gan.sample(2, seed=3, start=4), whole[4:], rtol=1e-4, atol=1e-5)
    assert (gan.sample(6, seed=4) - whole).abs().max() > 0.01
    same = gan.sample(6, seed=3, truncation=1.0)
    torch.testing.assert_close(same, whole, rtol=1e-4, atol=1e-5)


def test_psi_may_be_zero_or_negative(gan):
    gan.truncation_cutoff, cutoff = None, gan.truncation_cutoff
    try:
        for psi in (0.0, -1.0):
            assert gan.sample(3, truncation=psi).isfinite().all()
        z = torch.randn(2, 6)
        noise = [m[:1] for m in gan.noise_of(z)]
        one, two = gan.G_ema(z, noise=noise, truncation=0.0, cutoff=None)
        torch.testing.assert_close(one, two)
    finally:
        gan.truncation_cutoff = cutoff


def test_a_crossover_is_one_draw_for_all_processes(gan, monkeypatch):
    state = gan.latent_rng.get_state()
    drawn = [gan.crossover(0.0) for _ in range(400)]
    assert set(drawn) == set(range(1, 9))
    assert drawn.count(8) == pytest.approx(400 * 0.1, abs=25)  # not mixed
    monkeypatch.setattr(StyleGAN, "world_size", 2)
    by_rank = []
    for rank in (0, 1):
        monkeypatch.setattr(StyleGAN, "global_rank", rank)
        gan.latent_rng.set_state(state)
        by_rank.append([gan.crossover(1.5) for _ in range(50)])
        after = gan.latent_rng.get_state()
    assert by_rank[0] == by_rank[1]
    assert max(by_rank[0]) == 6
    assert torch.equal(gan.latent_rng.get_state(), after)


def test_penalties_are_those_of_the_full_size():
    """The linear D of the card's section 7: gamma/2 |a|^2 / 4^k, and lambda (|a| / 2^k - 1)^2."""
    a = torch.randn(3, 8, 8)

    def linear(x):
        return (x * a).sum((1, 2, 3))

    real, fake = torch.randn(2, 5, 3, 8, 8)
    for level in (0, 2):
        _, penalty, *_ = OBJECTIVES["logistic_r1"][0](linear, real.clone(), fake, level, 10.0)
        torch.testing.assert_close(penalty, 5 * a.square().sum() / 4**level)
        _, penalty, logits, _ = OBJECTIVES["wgan_gp"][0](linear, real.clone(), fake, level, 10.0)
        drift = 0.001 * logits.square().mean()
        torch.testing.assert_close(penalty, 10 * (a.norm() / 2**level - 1) ** 2 + drift, rtol=1e-4, atol=1e-4)


def test_bands_of_styles():
    assert levels(18) == [(0, 4), (4, 8), (8, 18)]
    assert levels(8) == [(0, 4), (4, 8)]
    assert levels(4) == [(0, 4)]


def test_mixing_sheet_shows_the_sources_and_their_mixtures(gan):
    images, columns = mixing_sheet(gan, rows=2, columns=3)
    assert images.shape == ((1 + 2 * 2) * 4, 3, 32, 32)
    assert columns == 4
    assert (images[0] == 1).all()
    flat = images.flatten(1)
    assert torch.pdist(flat).min() > 1e-3  # no two are the same


def test_truncation_strip_has_psi_in_its_columns(gan):
    images = truncation_strip(gan, rows=2)
    assert images.shape == (2 * len(PSI), 3, 32, 32)
    torch.testing.assert_close(images[len(PSI) - 1], gan.sample(2)[0], rtol=1e-4, atol=1e-4)


def test_sheets_name_models_without_styles():
    other = PGGAN(resolution=8, fmap_base=8, fmap_max=4, latent_dim=4)
    with pytest.raises(ValueError, match="PGGAN has no styles"):
        mixing_sheet(other)
    with pytest.raises(ValueError, match="PGGAN has no space w"):
        truncation_strip(other)


@pytest.mark.parametrize("space", ["z", "w"])
def test_path_lengths_share_their_noise(gan, space):
    def squares(a, b):
        return (a - b).square().mean((1, 2, 3))

    found = perceptual_path_length(gan.double(), squares, 8, 4, space=space)
    gan.float()
    assert 0 < found < 1e7  # noise of its own for each image would give 1e8 times the squared difference


def test_discriminator_keeps_groups_within_a_batch():
    D = Discriminator(8, 8, 4)
    with pytest.raises(ValueError, match="6 images"):
        D(torch.randn(6, 3, 8, 8))
