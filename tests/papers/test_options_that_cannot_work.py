"""Settings with which a paper's step cannot do what it says: one sentence that names them, before training."""

from types import SimpleNamespace

import pytest
import torch

from zoo.baselines import baseline_class
from zoo.data.named import ImageNet
from zoo.evaluation import critics
from zoo.networks import ctgan_ssl, stylegan
from zoo.networks.biggan_layers import Attention
from zoo.networks.modes import evaluating
from zoo.networks.progressive import fade_bytes, fade_reals
from zoo.papers.biggan import BigGAN
from zoo.papers.ctgan import CTGAN
from zoo.papers.introvae import IntroVAE
from zoo.papers.pggan import PGGAN
from zoo.papers.sngan import SNGAN
from zoo.papers.stylegan import StyleGAN
from zoo.papers.ttur import TTUR
from zoo.papers.vgan import VGAN
from zoo.ranks.share import Share

MODES = {
    "resolution": 32,
    "latent_dim": 8,
    "n_classes": 0,
    "crippled": 4,
    "stddev_group": 0,
    "start_resolution": 32,
}
SMALL = {"resolution": 8, "n_classes": 0, "latent_dim": 8, "fmap_base": 16, "fmap_max": 4}


@pytest.mark.parametrize("name", ["dcgan", "cgan", "wgan_gp", "bigan"])
def test_a_decay_behind_the_end_is_refused(name):
    with pytest.raises(ValueError, match=r"decay_start_kimg \(5\) lies behind total_kimg \(4\)"):
        baseline_class(name)(decay_start_kimg=5.0, total_kimg=4.0).check(None)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (IntroVAE, {"vae_kimg": 116, "total_kimg": 100}, r"vae_kimg \(116\) lies behind"),
        (SNGAN, {"total_kimg": 100_000}, r"decay_start_kimg \(128000\) lies behind"),
        (
            CTGAN,
            {"decay_start_kimg": 99_000},
            r"lies behind total_kimg \(32000\): set --model.decay_start_kimg too",
        ),
        (CTGAN, {"dropout": (0.0, 0.0, 0.0)}, "set --model.lambda_ct 0, or give --model.dropout"),
        (PGGAN, MODES | {"stddev_group": 4}, "know no other stddev_group"),
        (PGGAN, MODES | {"n_classes": 10}, "know no other n_classes"),
        (PGGAN, MODES | {"fmap_max": 16}, "know no other fmap_max"),
        (PGGAN, MODES | {"resolution": 4, "start_resolution": 4}, "8 to 256 px, not 4"),
        (PGGAN, MODES | {"resolution": 512, "start_resolution": 512}, "8 to 256 px, not 512"),
        (PGGAN, MODES | {"resolution": 128, "start_resolution": 128, "crippled": 4}, "is 2: from 1 to 2, not 4"),
        (PGGAN, {"resolution": 64, "fmap_base": 8}, "fmap_base 8 leaves no channel for maps of 32 px"),
        (StyleGAN, {"resolution": 64, "fmap_base": 16}, "fmap_base 16 leaves no channel"),
        (PGGAN, SMALL | {"batch_size_at": {100: 8}}, "batch_size_at names 100 px"),
        (StyleGAN, SMALL | {"start_resolution": 8, "lr_at": {265: 0.1}}, "lr_at names 265 px"),
    ],
)
def test_a_model_that_would_do_something_else_is_refused(model, options, words):
    with pytest.raises(ValueError, match=words):
        model(**options).check(None)


def test_layers_too_narrow_for_their_shares_are_refused():
    with pytest.raises(ValueError, match="eighth of its map's channels, which are 4"):
        Attention(4)
    with pytest.raises(ValueError, match="width_d from 4 on, not 3"):
        ctgan_ssl.MNISTClassifier(width=3)


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: baseline_class("dcgan")(batch_size=1), "batch_size 1"),
        (lambda: CTGAN(architecture="cnn", n_classes=0, batch_size=8, batch_size_g=8, bn_groups=8), "batch_size 8"),
        (
            lambda: SNGAN(architecture="cnn-cgl", resolution=32, n_classes=0, batch_size_g=1, decay_start_kimg=0),
            "batch_size_g 1",
        ),
    ],
)
def test_batch_norm_over_one_image_is_refused(make, option):
    with pytest.raises(ValueError, match=f"statistics over one image, and {option}"):
        make().check(None)


@pytest.mark.parametrize(("critic", "batch", "fits"), [(2, 6, False), (3, 4, True), (1, 6, False), (2, 3, True)])
def test_groups_of_the_minibatch_stddev_are_of_one_batch_of_d(critic, batch, fits):
    options = {
        "train_kimg": 0,
        "transition_kimg": 0,
        "start_resolution": 8,
        "n_critic": critic,
        "batch_size": batch,
    }
    gan = PGGAN(**SMALL, **options, stddev_group=4)
    if fits:
        gan.check(None)
    else:
        with pytest.raises(ValueError, match=f"a batch of {batch} images does not split into groups of 4"):
            gan.check(None)
    D = gan.D.eval()
    x = torch.zeros(batch, 3, 8, 8)
    if fits:
        assert D(x).shape == (batch,)
    else:
        with pytest.raises(ValueError, match="do not split"):
            D(x)


def test_a_stage_s_own_images_are_not_cut_to_bytes():
    x = torch.rand(2, 3, 8, 8) * 2 - 1
    assert torch.equal(fade_bytes(x, 1.0), x)
    assert not torch.equal(fade_bytes(x, 1.5), fade_reals(x, 1.5))


def test_no_group_is_no_layer():
    D = stylegan.networks(8, 0, 8, fmap_base=16, fmap_max=4, mapping_layers=1, stddev_group=0)[1].eval()
    x = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(D(x)[:1], D(x[:1]))  # an image's logit is its own


def test_cgan_s_rate_ends_at_its_floor_and_no_ramp_is_the_end_of_one():
    gan = baseline_class("cgan")(lr_divisor=1e200, momentum_kimg=0.0)
    optimizer = torch.optim.SGD(gan.parameters(), 0.1, 0.5)
    gan.optimizers, gan.steps = lambda: [optimizer], 3
    gan.set_lr = lambda o, lr: o.param_groups[0].update(lr=lr)
    gan.cool()
    assert optimizer.param_groups[0]["lr"] == 1e-6
    assert optimizer.param_groups[0]["momentum"] == 0.7


def test_a_whole_beta_climbs_too():
    assert VGAN(resolution=8, width_g=4, width_d=4, max_width=4, beta=1).beta.dtype == torch.float32


def test_looking_at_a_network_in_eval_mode_moves_nothing():
    gan = SNGAN(resolution=32, n_classes=4, architecture="resnet", width_g=4, width_d=8)
    before = {name: b.clone() for name, b in gan.D.named_buffers()}
    x, y = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    with evaluating(gan.D):
        gan.D(x, y)
    assert all(torch.equal(b, before[name]) for name, b in gan.D.named_buffers())
    gan.D.eval()(x, y)
    assert any(
        not torch.equal(b, before[name]) for name, b in gan.D.named_buffers()
    )  # so there was something to move


def test_a_packing_critic_is_asked_in_whole_packs():
    gan = TTUR(resolution=32, game="wgan-gp", pack=4, width_g=4, width_d=4, batch_size=8)
    images = torch.randint(0, 256, (10, 3, 32, 32), dtype=torch.uint8)
    logits, slopes = critics.asked(SimpleNamespace(gan=gan, batch_size=6), images[:8], None)
    assert (len(logits), len(slopes)) == (2, 8)


def test_crops_of_processes_are_those_of_one(monkeypatch):
    data = ImageNet(resolution=16, batch_size=8, crop=0.5, noise=0.01, seed=3)
    x = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    made = {}
    for rank, world in ((0, 1), (0, 2), (1, 2)):
        monkeypatch.setattr(ImageNet, "_progress", lambda self, rank=rank, world=world: (16, rank, world))
        places = Share(8, rank, world).places(1) if world > 1 else torch.arange(8)
        made[rank, world] = places, data.on_after_batch_transfer((x[places], None), 0)[0]
    whole = made[0, 1][1]
    assert not torch.equal(whole[:4], whole[4:])
    for rank in (0, 1):
        places, mine = made[rank, 2]
        assert len(places) == 4
        assert torch.equal(mine, whole[places])


def test_standing_statistics_are_kept_while_g_is_only_looked_at():
    gan = BigGAN(32, 4, width_g=4, width_d=4, latent_dim=20, shared_dim=4, batch_size=4, standing_passes=1)
    kept = gan.standing(gan.G, None)
    gan.sample(1, ema=False)
    assert gan.standing(gan.G, None) is kept
