import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.networks.progressive import instance_norm, upscale
from zoo.networks.stylegan import Discriminator, Generator, Mapping, Parts, Synthesis, mix
from zoo.objectives.penalties import input_gradient

SMALL = {"resolution": 32, "fmap_base": 64, "fmap_max": 8}


def small(parts: Parts | None = None, **options) -> Generator:
    torch.manual_seed(0)
    G = Generator(**SMALL, latent_dim=6, w_dim=6, mapping_width=6, parts=parts, **options).double().eval()
    for name, p in G.named_parameters():
        if name.endswith(("strength", "bias")):
            torch.nn.init.normal_(p)
    return G


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_parameters_of_the_papers_networks():
    with torch.device("meta"):
        G, D = Generator(), Discriminator()
        assert count(G) == 26_219_627
        assert count(G.mapping) == 2_101_248
        assert count(G.synthesis) == 24_118_379
        assert count(D) == 23_087_249
        assert count(Generator(256)) == 26_086_229
        assert count(Generator(32)) == 22_841_356
        assert len(G.synthesis.layers) == 18
        z = torch.zeros(2, 512)
        assert G(z).shape == (2, 3, 1024, 1024)
        assert G(z, lod=6.5).shape == (2, 3, 16, 16)
        assert D(torch.zeros(2, 3, 1024, 1024)).shape == (2,)


@settings(max_examples=10, deadline=None)
@given(lod=st.sampled_from([1, 2, 3]), constant=st.booleans(), eps=st.floats(1e-9, 1e-6))
def test_a_fade_begins_and_ends_without_a_jump(lod, constant, eps):
    G, D = small(Parts(constant=constant)), Discriminator(**SMALL).double()
    z = torch.randn(4, 6, dtype=torch.float64)
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    image, logits = G(z, lod=lod, noise="stored"), D(x, lod=lod)
    torch.testing.assert_close(G(z, lod=lod - eps, noise="stored"), upscale(image), rtol=0, atol=1e-4)
    torch.testing.assert_close(D(x, lod=lod - eps), logits, rtol=0, atol=1e-4)
    if lod < 3:
        torch.testing.assert_close(G(z, lod=lod + eps, noise="stored"), image, rtol=0, atol=1e-4)
        torch.testing.assert_close(D(x, lod=lod + eps), logits, rtol=0, atol=1e-4)


def test_layers_that_have_not_grown_have_no_part():
    G, D = small(), Discriminator(**SMALL).double()
    D(G(torch.randn(4, 6, dtype=torch.float64), lod=1.5), lod=1.5).sum().backward()
    grown = {name: p.grad is not None for name, p in G.synthesis.named_parameters()}
    for name, has in grown.items():
        number = int(name.split(".")[1])
        assert has == (number < 6 if name.startswith("layers") else number in (1, 2)), name
    assert [i for i, rgb in enumerate(D.from_rgb) if rgb.weight.grad is not None] == [1, 2]
    assert [i for i, block in enumerate(D.blocks) if block.conv.weight.grad is not None] == [0, 1]


@pytest.mark.parametrize("lod", [0.0, 1.0, 1.6, 2.0])
def test_gradients_of_the_full_size_image_are_smaller(lod):
    """Section 3 of the card: the squared norm at the full size is 4^-floor(lod) times that at the working size."""
    torch.manual_seed(0)
    D, level = Discriminator(**SMALL).double(), math.floor(lod)
    x = torch.randn(4, 3, 32 // 2**level, 32 // 2**level, dtype=torch.float64, requires_grad=True)
    full = upscale(x, 2**level).detach().requires_grad_()
    torch.testing.assert_close(D(full, lod=lod), D(x, lod=lod))
    squares = [input_gradient(D(image, lod=lod), image).square().sum(1) for image in (full, x)]
    torch.testing.assert_close(squares[0], squares[1] / 4**level)


def test_fresh_images_do_not_depend_on_noise_and_the_first_layer_is_its_style_alone():
    torch.manual_seed(0)
    G = Generator(**SMALL, latent_dim=6, w_dim=6, mapping_width=6).double()
    z = torch.randn(2, 6, dtype=torch.float64)
    torch.testing.assert_close(G(z, noise="random"), G(z, noise="stored"), rtol=0, atol=0)
    w, layer = G.mapping(z), G.synthesis.layers[0]
    torch.nn.init.normal_(layer.style.bias)
    shift = (w @ layer.style.weight.t() * layer.style.scale + layer.style.bias).chunk(2, 1)[1]
    torch.testing.assert_close(layer(w, w, "stored"), shift[:, :, None, None].expand(-1, -1, 4, 4))


def test_noise_of_each_image_is_its_own_and_maps_can_be_given():
    G = small()
    z = torch.randn(1, 6, dtype=torch.float64).repeat(2, 1)
    one, two = G(z, noise="random")
    assert (one - two).abs().max() > 1e-3
    one, two = G(z, noise="stored")
    assert torch.equal(one, two)
    maps = [layer.noise.stored for layer in G.synthesis.layers]
    assert torch.equal(G(z, noise=maps), G(z, noise="stored"))


def test_a_louder_convolution_changes_nothing_behind_the_instance_norm():
    G = small(Parts(noise=False))
    for layer in G.synthesis.layers:
        torch.nn.init.zeros_(layer.bias)
    z = torch.randn(2, 6, dtype=torch.float64)
    before = G(z)
    with torch.no_grad():
        G.synthesis.layers[3].source.weight.mul_(2)
    torch.testing.assert_close(G(z), before, rtol=1e-5, atol=1e-5)
    x = instance_norm(torch.randn(2, 3, 8, 8, dtype=torch.float64))
    torch.testing.assert_close(x.mean((2, 3)), torch.zeros(2, 3, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(x.square().mean((2, 3)), torch.ones(2, 3, dtype=torch.float64), rtol=0, atol=1e-6)


def test_truncation():
    G = small()
    G.w_avg.normal_()
    z = torch.randn(3, 6, dtype=torch.float64)
    w = G.layered(G.mapping(z))
    everywhere = G(z, noise="stored", truncation=0.0, cutoff=None)
    torch.testing.assert_close(everywhere[0], everywhere[1])
    plain = G(z, noise="stored")
    for psi, cutoff in ((1.0, 8), (0.3, 0), (None, 4)):
        torch.testing.assert_close(G(z, noise="stored", truncation=psi, cutoff=cutoff), plain)
    half = G.truncate(w, 0.5, 2)
    torch.testing.assert_close(half[:, :2], (w[:, :2] + G.w_avg) / 2)
    assert torch.equal(half[:, 2:], w[:, 2:])


def test_mixing_takes_the_later_layers_from_the_other():
    a, b = torch.zeros(2, 8, 3), torch.ones(2, 8, 3)
    assert mix(a, b, 3).sum((0, 2)).tolist() == [0, 0, 0, 6, 6, 6, 6, 6]
    assert torch.equal(mix(a, b, 8), a)


def test_average_of_w_forgets_by_its_decay():
    G = small()
    w = torch.ones(4, 6, dtype=torch.float64)
    for _ in range(10):
        G.track(w)
    torch.testing.assert_close(G.w_avg, torch.full((6,), 1 - 0.995**10, dtype=torch.float64))


def test_mapping_moves_a_hundred_times_less_for_a_step_of_its_weights():
    """Card, section 7, item 8: the same step of the variable, lrmul times the step of the effective weight."""
    fast, slow = Mapping(6, 6, 6, 1, lrmul=1.0), Mapping(6, 6, 6, 1, lrmul=0.01)
    assert slow.layers[0].weight.std() > 30 * fast.layers[0].weight.std()
    assert slow.layers[0].scale * 100 == pytest.approx(fast.layers[0].scale)
    assert fast.layers[0].scale == pytest.approx(math.sqrt(2 / 6))


def test_labels():
    G, D = small(n_classes=3), Discriminator(**SMALL, n_classes=3).double()
    z, x = torch.randn(2, 6, dtype=torch.float64), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    y = torch.tensor([0, 2])
    onehot = torch.nn.functional.one_hot(y, 3).double()
    torch.testing.assert_close(G(z, y, noise="stored"), G(z, onehot, noise="stored"))
    torch.testing.assert_close(D(x, y), D(x, onehot))
    assert not torch.allclose(D(x, y), D(x, 2 - y))
    with pytest.raises(ValueError, match="3 classes"):
        G(z)
    with pytest.raises(ValueError, match="3 classes"):
        D(x)


def test_what_cannot_be_built_is_named():
    with pytest.raises(ValueError, match="power of two from 8 px on, not 24"):
        Synthesis(24)
    with pytest.raises(ValueError, match="w_dim must be 6"):
        Mapping(6, 8, layers=0)
