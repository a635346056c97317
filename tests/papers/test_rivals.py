"""The baselines that papers compare with: SNGAN's other norms, PGGAN's other rows, its mode test's networks."""

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from zoo.networks.mnist_modes import ModesDiscriminator, ModesGenerator
from zoo.networks.pggan import Discriminator, Generator, MinibatchDiscrimination, WholeNorm
from zoo.networks.sngan_cnn import CNNDiscriminator
from zoo.objectives.penalties import orthonormality
from zoo.papers.pggan import PGGAN
from zoo.papers.sngan import SNGAN

FINAL = {
    "resolution": 32,
    "n_classes": 0,
    "architecture": "cnn",
    "width_g": 2,
    "width_d": 2,
    "decay_start_kimg": None,
}


@pytest.mark.parametrize("norm", ["spectral", "none", "weight", "batch", "layer"])
def test_sngan_s_rivals_give_a_logit_and_a_gradient(norm):
    D = CNNDiscriminator(32, [4] * 7, norm=norm)
    out = D(torch.randn(5, 3, 32, 32))
    assert out.shape == (5,)
    out.sum().backward()
    assert all(p.grad is not None for p in D.parameters())
    if norm == "weight":
        assert all(is_parametrized(conv) for conv in D.convs)
        torch.testing.assert_close(D.convs[2].weight.flatten(1).norm(dim=1), torch.ones(4))


def test_orthonormality_in_closed_form():
    assert orthonormality(torch.eye(3, 5)) == 0
    assert orthonormality(torch.eye(5, 3)) == 0
    assert orthonormality(2 * torch.eye(3)) == pytest.approx(3 * 9)


def test_norms_of_other_architectures_are_refused():
    with pytest.raises(ValueError, match="norm_d batch is for the architecture cnn, not resnet"):
        SNGAN(**FINAL | {"architecture": "resnet", "norm_d": "batch", "resolution": 32})


def train(gan, steps=2, side=32):
    """Some steps by a plain trainer on noise."""
    import lightning.pytorch as L
    from torch.utils.data import DataLoader

    rng = torch.Generator().manual_seed(0)
    images = torch.rand(steps * gan.images_per_step, 3, side, side, generator=rng) * 2 - 1
    trainer = L.Trainer(max_steps=-1, max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(gan, DataLoader(images, gan.images_per_step))
    assert all(p.isfinite().all() for p in gan.parameters())
    return gan


def test_points_of_gp_do_not_hang_on_the_global_stream():
    ends = []
    for seed in (1, 2):  # as after a resume, or a sheet on the way
        torch.manual_seed(0)
        options = {"norm_d": "none", "penalty": "gp", "n_dis": 1, "batch_size": 4, "batch_size_g": 4}
        gan = SNGAN(**FINAL, **options, total_kimg=1)
        torch.manual_seed(seed)
        ends.append(train(gan))
    assert all(torch.equal(a, b) for a, b in zip(*(gan.parameters() for gan in ends), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"norm_d": "none", "loss": "wasserstein", "clip": 0.01},
        {"norm_d": "none", "loss": "wasserstein", "penalty": "gp"},
        {"norm_d": "none", "penalty": "orthonormal", "penalty_weight": 0.1},
    ],
)
def test_sngan_s_rivals_train(options):
    gan = train(SNGAN(**FINAL, **options, n_dis=2, batch_size=4, batch_size_g=4, total_kimg=1))
    if "clip" in options:
        assert max(p.abs().max() for p in gan.D.parameters()) <= 0.01 + 1e-8


SMALL = {"resolution": 8, "fmap_base": 16, "fmap_max": 4, "latent_dim": 4, "train_kimg": 0.004, "rampup_kimg": 0}


@pytest.mark.parametrize(
    "options",
    [
        {"gulrajani": True, "n_critic": 5, "drift": 0, "pixel_norm": False, "equalized": False, "stddev_group": 0},
        {"kernels": 3, "stddev_group": 0},
        {"loss": "lsgan"},
        {"n_critic": 2},
    ],
)
def test_pggan_s_rows_train(options):
    gan = PGGAN(**SMALL | {"batch_size": 4, "transition_kimg": 0.004, "total_kimg": 1} | options)
    train(gan, side=8)
    assert gan.nimg == 2 * 4 * options.get("n_critic", 1)
    if options.get("gulrajani"):
        assert gan.G(torch.randn(3, 4) * 9).abs().max() <= 1


def test_whole_norm_and_minibatch_discrimination_in_closed_form():
    y = WholeNorm(4)(5 + 3 * torch.randn(2, 4, 6, 6))
    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((1, 2, 3), unbiased=False), torch.ones(2), atol=1e-3, rtol=0)
    layer = MinibatchDiscrimination(6, 3)
    x = torch.randn(1, 6).expand(4, 6)
    torch.testing.assert_close(layer(x)[:, 6:], torch.full((4, 3), 2.0))  # three equal others, less the bias of 1
    far = layer(torch.randn(4, 6) * 1e4)[:, 6:]
    torch.testing.assert_close(far, torch.full((4, 3), -1.0))


def test_pggan_without_rivals_is_as_it_was():
    torch.manual_seed(0)
    G, D = Generator(8, 4, fmap_base=16, fmap_max=4), Discriminator(8, fmap_base=16, fmap_max=4)
    assert not any("norms" in name or "closeness" in name for name in [*G.state_dict(), *D.state_dict()])
    with pytest.raises(ValueError, match="set fused to false"):
        Discriminator(8, fmap_base=16, fmap_max=4, layer_norm=True)


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("lod", [0.0, 0.4, 1.0, 2.5, 3.0])
def test_networks_of_the_mode_test_at_every_level(ours, lod):
    side = 32 >> int(lod)
    G, D = ModesGenerator(ours=ours), ModesDiscriminator(divide=4, ours=ours, stddev=ours, grows=True)
    images = G(torch.randn(4, 64), lod=lod)
    assert images.shape == (4, 3, side, side)
    assert D(images, lod=lod).shape == (4,)
    assert D.judge(images, lod)[1].shape == (4, 0)  # no classes
    assert [c.out_channels for c in D.convs] == [2, 4, 8]
    assert [c.out_channels for c in G.convs] == [32, 16, 8]


def test_the_mode_test_trains_and_too_thin_a_d_is_refused():
    options = {"resolution": 32, "latent_dim": 64, "drift": 0, "n_critic": 2, "batch_size": 4, "rampup_kimg": 0}
    once = {"start_resolution": 32, "train_kimg": 0, "transition_kimg": 0, "stddev_group": 0, "equalized": False}
    train(PGGAN(crippled=4, total_kimg=1, **options, **once))
    with pytest.raises(ValueError, match="from 1 to 8, not 9"):
        ModesDiscriminator(divide=9)
