"""PGGAN's networks: sizes, fading, what is active, and what a fresh G draws."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.networks.pggan import Discriminator, Generator
from zoo.networks.progressive import downscale, upscale

SMALL = {"resolution": 32, "fmap_base": 32, "fmap_max": 8}


@pytest.fixture(scope="module")
def nets() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(**SMALL).double(), Discriminator(**SMALL).double()


@pytest.mark.parametrize(
    ("resolution", "base", "most", "g", "d"),
    [
        (1024, 8192, 512, 23_079_115, 23_087_249),  # CelebA-HQ
        (128, 2048, 512, 13_629_810, 13_636_897),  # Table 1
        (32, 4096, 128, 1_296_908, 1_298_689),  # CIFAR-10
    ],
)
def test_sizes_are_those_of_the_papers_networks(resolution, base, most, g, d):
    with torch.device("meta"):
        pair = [net(resolution, fmap_base=base, fmap_max=most) for net in (Generator, Discriminator)]
    assert [sum(p.numel() for p in net.parameters()) for net in pair] == [g, d]


@given(st.sampled_from([1, 2, 3]), st.sampled_from([1e-7, 1e-9]))
def test_fading_is_continuous_on_both_sides_of_a_level(nets, lod, step):
    """Just below an integer lod the new image is all but the old one enlarged; just above, little changes."""
    G, D = nets
    z = torch.randn(3, G.latent_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    image, finer = G(z, lod=lod), G(z, lod=lod - step)
    assert finer.shape[-1] == 2 * image.shape[-1]
    torch.testing.assert_close(finer, upscale(image), rtol=0, atol=1e3 * step)
    torch.testing.assert_close(D(finer, lod=lod - step), D(image, lod=lod), rtol=0, atol=1e3 * step)
    if lod < 3:  # a little of the level before is left
        torch.testing.assert_close(G(z, lod=lod + step), G(z, lod=lod), rtol=0, atol=1e3 * step)
        torch.testing.assert_close(D(image, lod=lod + step), D(image, lod=lod), rtol=0, atol=1e3 * step)


@pytest.mark.parametrize("lod", [0.0, 1.0, 2.0, 1.6])
def test_layers_that_are_not_active_have_no_gradient(nets, lod):
    G, D = nets
    for net in nets:
        net.zero_grad()
    D(G(torch.randn(4, G.latent_dim, dtype=torch.float64), lod=lod), lod=lod).sum().backward()
    finest, fading = 3 - math.floor(lod), lod != math.floor(lod)
    for net, rgb in ((G, G.to_rgb), (D, D.from_rgb)):
        used = {i for i, layer in enumerate(rgb) if layer.weight.grad is not None}
        assert used == ({finest, finest - 1} if fading else {finest})
        assert [b["conv"].weight.grad is not None for b in net.blocks] == [i < finest for i in range(3)]


def test_a_fresh_generator_draws_images_of_about_unit_variance():
    torch.manual_seed(0)
    stds = [Generator(32, fmap_base=4096, fmap_max=128)(torch.randn(16, 128)).std().item() for _ in range(4)]
    assert 0.4 < sum(stds) / 4 < 1.2


def test_where_activation_and_pooling_swap_the_discriminators_differ():
    torch.manual_seed(0)
    fused, apart = Discriminator(**SMALL), Discriminator(**SMALL, fused=False)
    apart.load_state_dict(fused.state_dict())
    x = torch.randn(4, 3, 32, 32)
    assert not torch.allclose(fused(x), apart(x), atol=1e-3)
    torch.testing.assert_close(fused(downscale(x, 8), lod=3.0), apart(downscale(x, 8), lod=3.0))


def test_labels_join_the_latent_before_or_behind_its_norm():
    torch.manual_seed(0)
    z, y = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    before, behind = (
        Generator(8, 8, n_classes=3, fmap_base=16, fmap_max=4, label_after_norm=after) for after in (False, True)
    )
    torch.testing.assert_close(before.latent(z, y).square().mean(1), torch.ones(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(behind.latent(z, y)[:, 8:], torch.nn.functional.one_hot(y).float())
    scores, classes = Discriminator(8, 3, fmap_base=16, fmap_max=4).judge(before(z, y))
    assert (scores.shape, classes.shape) == ((4,), (4, 3))
    with pytest.raises(ValueError, match="3 classes"):
        before(z)


def test_without_pixel_norm_the_latent_still_lies_on_the_sphere():
    z = 5 * torch.randn(4, 8)
    G = Generator(8, 8, fmap_base=16, fmap_max=4, normalize=False)
    torch.testing.assert_close(G.latent(z, None).square().mean(1), torch.ones(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(G(2 * z), G(z), rtol=0, atol=1e-5)


def test_wrong_resolutions_and_lods_are_named(nets):
    with pytest.raises(ValueError, match="power of two from 4 px on, not 24"):
        Generator(24)
    with pytest.raises(ValueError, match=r"lod 3.5 lies outside 0..3"):
        nets[0](torch.randn(1, nets[0].latent_dim, dtype=torch.float64), lod=3.5)
