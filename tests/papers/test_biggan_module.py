"""BigGAN beyond the golden vectors: parts of a batch, standing statistics, cross-replica batch norm, counts."""

import pytest
import torch
import torch.multiprocessing as mp
from biggan_replica import normed, replica
from fitting import fit
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from zoo.networks import biggan as networks
from zoo.networks import biggan_deep as deep
from zoo.networks.biggan_layers import BatchNorm2d, SNConv2d, SNLinear, SpectralNorm, singular_vectors
from zoo.objectives.penalties import orthogonality
from zoo.papers.biggan import BigGAN

SMALL = {
    "resolution": 32,
    "n_classes": 3,
    "width_g": 2,
    "width_d": 2,
    "latent_dim": 8,
    "shared_dim": 4,
    "batch_size": 12,
    "batch_size_g": 12,
    "d_steps": 1,
    "standing_passes": 3,
}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("G", "D", "expected"),
    [
        (lambda: networks.Generator(), lambda: networks.Discriminator(), (70_433_988, 87_982_370)),
        (lambda: networks.Generator(256, 96, 140), lambda: networks.Discriminator(256), (82_097_604, 99_225_890)),
        # D of compare_gan leaves two shortcuts out, 590,592 + 9,312 parameters
        (
            lambda: networks.Generator(512, 96, 160),
            lambda: networks.Discriminator(512),
            (82_468_068, 98_801_378 + 590_592 + 9_312),
        ),
        (
            lambda: networks.Generator(32, 64, 128, 10, 0, False),
            lambda: networks.Discriminator(32, 64, 10),
            (4_304_387, 4_207_361),
        ),
        (lambda: deep.DeepGenerator(), lambda: deep.DeepDiscriminator(), (50_244_484, 34_590_210)),
    ],
    ids=["128", "256", "512", "cifar", "deep-128"],
)
def test_parameter_counts(G, D, expected):
    with torch.device("meta"):
        assert (count(G()), count(D())) == expected


@pytest.mark.parametrize("resolution", [32, 64, 128, 256, 512])
@pytest.mark.parametrize("kind", ["biggan", "deep"])
def test_images_and_logits_have_their_shapes(kind, resolution):
    stages = len(networks.GENERATORS[resolution]) - 1
    if kind == "biggan":
        G = networks.Generator(resolution, 2, stages + 1, 3, 4, attention=(), channels=1)
        D = networks.Discriminator(resolution, 2, 3, attention=(), channels=1)
    else:
        G = deep.DeepGenerator(resolution, 4, 5, 3, 4, attention=(), channels=1)
        D = deep.DeepDiscriminator(resolution, 4, 3, attention=(), channels=1)
    y = torch.tensor([0, 2])
    with torch.no_grad():
        x = G.eval()(torch.randn(2, G.latent_dim), y)
        assert x.shape == (2, 1, resolution, resolution)
        assert D(x, y).shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resolution": 48}, "48 px"),
        ({"n_classes": 0}, "n_classes"),
        ({"latent_dim": 121}, "121"),
        ({"shared_dim": 0}, "hierarchical"),
    ],
)
def test_what_cannot_be_built_is_named(arguments, words):
    with torch.device("meta"), pytest.raises(ValueError, match=words):
        networks.Generator(**arguments)


class Still(BigGAN):
    """Batch norm on running statistics and frozen power iterations, so that a batch's parts do not interact."""

    def on_train_batch_start(self, batch, batch_idx):
        self.G.eval()
        self.D.eval()


def test_parts_of_a_batch_give_the_update_of_the_whole():
    """With batch norm and spectral norm in eval mode; 12 images in 1, 2 and 3 parts, ortho included."""
    torch.manual_seed(1)
    batch = (torch.rand(12, 3, 32, 32, dtype=torch.float64) * 2 - 1, torch.arange(12) % 3)
    states = []
    for parts in (1, 2, 3):
        torch.manual_seed(0)
        gan = Still(**SMALL | {"accumulate_d": parts, "accumulate_g": parts, "adam_eps": 1e-3, "ortho": 1e-2})
        z, y = torch.randn(24, 8, dtype=torch.float64), torch.arange(24) % 3
        order = iter(range(24))  # one stream of latents, however it is cut

        def take(n, order=order, z=z):
            take.rows = [next(order) for _ in range(n)]
            return z[take.rows]

        gan.latents, gan.random_labels = take, lambda n, y=y, take=take: y[take.rows]
        states.append({k: v for k, v in fit(gan, [batch]).state_dict().items() if isinstance(v, torch.Tensor)})
    moved = BigGAN(**SMALL).state_dict()
    assert any(not torch.equal(v.float(), moved[k]) for k, v in states[0].items() if k in moved)
    for other in states[1:]:
        for name, value in states[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n} {m}")


@pytest.mark.parametrize("wrong", [{"accumulate_d": 5}, {"accumulate_g": 7}])
def test_batches_that_do_not_divide_into_parts_are_refused(wrong):
    (option,) = wrong
    with pytest.raises(ValueError, match=f"{option} . does not divide batch_size"):
        BigGAN(**SMALL | wrong)


def test_a_sample_depends_on_no_other_and_statistics_follow_the_weights():
    gan = BigGAN(**SMALL).eval()
    with torch.no_grad():
        for p in gan.G_ema.parameters():  # gains other than one, so that statistics matter
            p.add_(0.1 * torch.randn_like(p))
    several, alone = gan.sample(4, 1, 0.5), gan.sample(1, 1, 0.5, start=2)
    torch.testing.assert_close(several[2:3], alone, rtol=1e-4, atol=1e-5)
    before = {k: v.clone() for k, v in gan.state_dict().items() if isinstance(v, torch.Tensor)}
    wide = gan.sample(4, 1, None)
    narrow = gan.sample(4, 1, 0.5)
    assert torch.equal(narrow, several)  # the same function again after another truncation
    assert not torch.equal(wide, narrow)
    assert all(torch.equal(v, before[k]) for k, v in gan.state_dict().items() if k in before)
    with torch.no_grad():
        gan.G_ema.dense.bias.add_(1.0)
    kept = gan.standing(gan.G_ema, 0.5)
    assert kept is gan.standing(gan.G_ema, 0.5)
    assert not torch.equal(gan.sample(4, 1, 0.5), narrow)
    gan.standing_passes = 0
    assert gan.standing(gan.G_ema, 0.5) is gan.G_ema


def test_average_equals_g_until_its_start_and_covers_every_buffer():
    gan = BigGAN(**SMALL | {"ema_decay": 0.75, "ema_start_kimg": 0.024})
    names = list(gan.G.state_dict())
    for nimg, kept in ((0, 0.0), (12, 0.75)):  # steps of 12 images: the second one ends at the start
        gan.nimg = nimg
        old = {k: v.clone() for k, v in gan.G_ema.state_dict().items()}
        with torch.no_grad():
            for v in gan.G.state_dict().values():
                v.add_(torch.randn_like(v))
        gan.update_ema()
        for name in names:
            expected = kept * old[name] + (1 - kept) * gan.G.state_dict()[name]
            torch.testing.assert_close(gan.G_ema.state_dict()[name], expected, msg=lambda m, n=name: f"{n} {m}")


@pytest.mark.parametrize(("bound", "std"), [(2, 0.8796), (1.5, 0.7426), (1, 0.5396), (0.5, 0.2839), (0.04, 0.0231)])
def test_truncated_latents_have_the_spread_of_the_truncated_normal(bound, std):
    gan = BigGAN(**SMALL | {"latent_dim": 400})
    z, _ = gan.indexed_latents(500, 0, 0, bound)
    assert z.abs().max() <= bound
    assert z.std().item() == pytest.approx(std, rel=0.01)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.integers(2, 9), st.integers(0, 99))
def test_regulariser_is_zero_exactly_for_orthogonal_rows(rows, columns, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(rows, columns, generator=g, dtype=torch.float64)
    gram = w @ w.t()
    expected = sum(gram[i, j] ** 2 for i in range(rows) for j in range(rows) if i != j)
    torch.testing.assert_close(orthogonality(w), expected)
    q = torch.linalg.qr(torch.randn(columns + rows, rows, generator=g, dtype=torch.float64))[0].t()
    scaled = q * torch.rand(rows, 1, generator=g, dtype=torch.float64)  # norms are free
    assert orthogonality(scaled) < 1e-20


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_the_regulariser_is_float32_under_autocast(shape):
    w = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = orthogonality(w)
    assert torch.equal(under, orthogonality(w))


def test_spectral_norm_converges_to_the_singular_values_and_is_blind_to_scale():
    torch.manual_seed(0)
    layer = SNLinear(7, 5).double().train()
    layer.start_u(3)
    layer.double()
    for _ in range(300):
        layer.normalized_weight()
    torch.testing.assert_close(layer.sv, torch.linalg.svdvals(layer.weight.detach())[:3], rtol=1e-6, atol=1e-8)
    (grad,) = torch.autograd.grad((layer.normalized_weight() * torch.randn(5, 7)).sum(), layer.weight)
    assert abs((grad * layer.weight).sum()) < 1e-12  # W / sigma does not change with the scale of W
    frozen = layer.eval().u.clone()
    layer.normalized_weight()
    assert torch.equal(layer.u, frozen)
    zero = torch.zeros(4, 3)
    values, us = singular_vectors(zero, torch.randn(1, 4), 1e-4)
    assert values.item() == 0
    assert us.isfinite().all()


def test_every_weight_but_the_embedding_of_g_is_normalised():
    gan = BigGAN(**SMALL)
    for net in (gan.G, gan.D):
        plain = {
            name
            for name, m in net.named_modules()
            if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding) and not isinstance(m, SpectralNorm)
        }
        assert plain == ({"embedding"} if net is gan.G else set())
    assert isinstance(gan.G.conv, SNConv2d)


def test_cross_replica_batch_norm_on_two_processes_equals_one(tmp_path):
    """Outputs, all gradients, running statistics, over gloo."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(8, 3, 4, 4, generator=g, dtype=torch.float64) * 3 + 5
    cotangent = torch.randn(x.shape, generator=g, dtype=torch.float64)
    mp.spawn(replica, (str(tmp_path), x, cotangent), nprocs=2)
    norm, whole = normed(sync=False), x.clone().requires_grad_()
    y = norm(whole)
    (y * cotangent).sum().backward()
    for rank in range(2):
        theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        ours = [y[rank::2], whole.grad[rank::2], norm.weight.grad, norm.bias.grad]
        for a, b in zip(theirs, [*ours, norm.running_mean, norm.running_var], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_batch_norm_keeps_the_biased_variance_only_where_asked():
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64)
    for biased in (False, True):
        norm = BatchNorm2d(3).double()
        norm.biased, norm.momentum = biased, 1.0
        torch.testing.assert_close(norm(x), BatchNorm2d(3).double()(x))
        torch.testing.assert_close(norm.running_var, x.var((0, 2, 3), correction=0 if biased else 1))
