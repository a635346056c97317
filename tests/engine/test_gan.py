"""The base class: averages of G, the image counter, latents, sampling, loading."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.engine.ema import EMA
from zoo.engine.gan import GAN
from zoo.engine.schedules import linear_decay
from zoo.networks.modes import frozen
from zoo.papers.sngan import SNGAN
from zoo.training.loading import load

SMALL = {"resolution": 32, "width_g": 4, "width_d": 4, "latent_dim": 8, "decay_start_kimg": 0}


def gan(n_classes: int = 0, **more) -> SNGAN:
    torch.manual_seed(0)
    model = SNGAN(**SMALL, n_classes=n_classes, architecture="resnet", **more)
    label = torch.arange(64) % n_classes if n_classes else None
    for _ in range(50):  # running variances of batch norm start at 0
        model.G(torch.randn(64, 8), label)
    return model


@given(st.floats(0.001, 1e6), st.integers(1, 10**6), st.integers(0, 10**9))
def test_half_life_halves_in_its_images_at_any_batch_size(half_life, images, nimg):
    beta = EMA(half_life_kimg=half_life).beta(nimg, images)
    assert math.isclose(beta ** (half_life * 1000 / images), 0.5, rel_tol=1e-6) or beta < 1e-300


def test_ema_start_rampup_and_decay():
    assert EMA(decay=0.999).beta(0, 64) == 0.999
    assert EMA(decay=0.999, start_kimg=1).beta(999, 64) == 0
    assert EMA(decay=0.999, start_kimg=1).beta(1000, 64) == 0.999
    assert EMA(half_life_kimg=10, rampup=0.05).beta(0, 64) == 0
    assert EMA(half_life_kimg=10, rampup=0.05).beta(100_000, 64) == 0.5 ** (64 / 5000)
    assert EMA(half_life_kimg=10, rampup=0.05).beta(10**9, 64) == 0.5 ** (64 / 10000)
    for wrong in ({}, {"decay": 0.9, "half_life_kimg": 1}):
        with pytest.raises(ValueError, match="either decay or half_life_kimg"):
            EMA(**wrong)


def test_average_follows_the_formula_and_copies_buffers():
    torch.manual_seed(0)
    G = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    model = GAN(
        G,
        torch.nn.Linear(3, 1),
        resolution=1,
        latent_dim=2,
        images_per_step=10,
        total_kimg=1,
        ema=EMA(half_life_kimg=0.01),
    )
    old = {k: v.clone() for k, v in model.G_ema.state_dict().items()}
    with torch.no_grad():
        for p in G.parameters():
            p.add_(1.0)
    G(torch.randn(5, 2))
    model.update_ema()
    for name, p in model.G_ema.named_parameters():
        torch.testing.assert_close(p, (old[name] + G.get_parameter(name)) / 2)
        assert not p.requires_grad
    for average, current in zip(model.G_ema.buffers(), G.buffers(), strict=True):
        assert torch.equal(average, current)


@given(st.integers(0, 10**9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_linear_decay_stays_in_bounds_and_ends_at_zero(nimg, start, length):
    value = linear_decay(nimg, start, start + length)
    assert 0 <= value <= 1
    if nimg / 1000 >= start + length:
        assert value == 0
    elif nimg / 1000 <= start:
        assert value == 1


def test_linear_decay_midpoint_and_wrong_order():
    assert linear_decay(15_000, 10, 20) == 0.5
    with pytest.raises(ValueError, match="before it starts"):
        linear_decay(0, 2, 1)


@given(st.integers(1, 500), st.floats(0.001, 2), st.integers(1, 300))
def test_passed_fires_once_for_each_multiple(images_per_step, every, steps):
    model = object.__new__(SNGAN)
    torch.nn.Module.__init__(model)
    fired, multiples = 0, 0
    for step in range(1, steps + 1):
        before = model._nimg_before = (step - 1) * images_per_step
        model.nimg = step * images_per_step
        multiples = math.floor(model.nimg / (every * 1000)) - math.floor(before / (every * 1000))
        assert model.passed(every) == (multiples > 0)
        fired += model.passed(every)
    assert fired <= math.floor(steps * images_per_step / (every * 1000))


@pytest.mark.parametrize("n_classes", [0, 3])
def test_samples_depend_only_on_seed_and_index(n_classes):
    model = gan(n_classes)
    whole = model.sample(6, seed=5)
    parts = torch.cat([model.sample(4, seed=5), model.sample(2, seed=5, start=4)])
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole, model.sample(6, seed=6), atol=1e-3)
    assert whole.shape == (6, 3, 32, 32)
    assert model.G.training, "sampling must leave the training mode as it was"


def test_sampling_leaves_the_training_stream_alone():
    model = gan()
    state, glob = model.latent_rng.get_state(), torch.get_rng_state()
    model.sample(3)
    assert torch.equal(state, model.latent_rng.get_state())
    assert torch.equal(glob, torch.get_rng_state())


def test_truncated_latents_follow_the_truncated_normal():
    model = gan()
    z, _ = model.indexed_latents(4000, truncation=0.7)
    assert z.abs().max() <= 0.7 + 1e-6
    t = 0.7
    phi = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    variance = 1 - 2 * t * phi / math.erf(t / math.sqrt(2))
    assert abs(z.var().item() - variance) < 5e-3  # 32,000 numbers
    with pytest.raises(ValueError, match="positive"):
        model.sample(1, truncation=0)


def test_labels_are_checked():
    with pytest.raises(ValueError, match="without classes"):
        gan().sample(1, label=0)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        gan(3).sample(1, label=3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 2.5}, "n takes a whole number of at least 0, not 2.5"),
        ({"n": "two"}, "n takes a whole number of at least 0, not two"),
        ({"seed": -1}, "seed takes a whole number from 0 to"),
        ({"start": None}, "start takes a whole number from 0 to .*, not null"),
        ({"truncation": "half"}, "truncation takes a finite number or null, not half"),
        ({"label": 0.5}, "label takes a class, or 2 of them as whole numbers, not 0.5"),
        ({"label": [0, 1, 2]}, r"label takes a class, or 2 of them as whole numbers, not \[0, 1, 2\]"),
        ({"label": "cat"}, "label takes a class, or 2 of them as whole numbers, not cat"),
        ({"label": [True, False]}, "label takes a class, or 2 of them as whole numbers, not"),
    ],
)
def test_what_a_sample_cannot_be_named_by_is_told(options, told):
    with pytest.raises(ValueError, match=told):
        gan(3).sample(**{"n": 2} | options)


def test_no_samples_of_a_class_are_no_mistake():
    assert gan(3).sample(0, label=1).shape == (0, 3, 32, 32)


def test_latents_of_another_shape_are_told():
    for z in (torch.zeros(2, 7), torch.zeros(8)):
        with pytest.raises(ValueError, match=r"SNGAN takes latents \(N, 8\), not"):
            gan().decode(z)


def test_latents_continue_from_the_saved_state():
    a, b = gan(3), gan(3)
    a.latents(5)
    a.random_labels(5)
    b.load_state_dict(a.state_dict())
    assert torch.equal(a.latents(4), b.latents(4))
    assert torch.equal(a.random_labels(4), b.random_labels(4))


def test_frozen_computes_no_gradient_for_the_opponent_and_restores():
    model = gan()
    with frozen(model.D):
        model.D(model.G(model.latents(2))).sum().backward()
    assert all(p.grad is None for p in model.D.parameters())
    assert all(p.grad is not None for p in model.G.parameters())
    assert all(p.requires_grad for p in model.D.parameters())
    with pytest.raises(RuntimeError), frozen(model.D):
        raise RuntimeError
    assert all(p.requires_grad for p in model.D.parameters())


def test_load_names_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load(tmp_path / "none.ckpt")
    torch.save({"something": 1}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="not a checkpoint of this project"):
        load(tmp_path / "other.ckpt")
