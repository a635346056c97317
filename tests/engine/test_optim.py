"""Adam's first steps in closed form: with a constant gradient g the corrected moments are always g and g^2."""

import math
from functools import partialmethod

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from made import small
from torch.utils.data import DataLoader

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.gan import GAN
from zoo.engine.optim import AdamEpsilonHat
from zoo.papers.biggan import BigGAN
from zoo.papers.introvae import IntroVAE
from zoo.papers.r1gan import R1GAN


@pytest.mark.parametrize("g", [1.0, 1e-6])
def test_epsilon_is_added_before_the_correction(g):
    """p -= lr g / (|g| + eps / sqrt(1 - beta2^t)): at t = 1 and beta2 = 0.999 eps acts 32-fold."""
    p = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = AdamEpsilonHat([p], 0.1, (0.5, 0.999), 1e-6)
    where = 0.0
    for t in range(1, 6):
        p.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        where -= 0.1 * g / (g + 1e-6 / math.sqrt(1 - 0.999**t))
        assert p.item() == pytest.approx(where, rel=1e-12)


def trained(optimizer, steps, rng):
    (group,) = optimizer.param_groups
    for _ in range(steps):
        for p in group["params"]:
            p.grad = torch.randn(p.shape, dtype=p.dtype, generator=rng)
        optimizer.step()


def weights():
    return [torch.ones(n, dtype=torch.float64, requires_grad=True) for n in (1, 37, 300)]


def test_a_run_begun_before_the_fused_kernel_goes_on_to_the_bit(tmp_path):
    old = AdamEpsilonHat(one := weights(), 0.1, (0.5, 0.9))
    old.param_groups[0] |= {"fused": None, "foreach": True}  # as a checkpoint of that time has it
    rng = torch.Generator().manual_seed(0)
    trained(old, 3, rng)
    torch.save((old.state_dict(), one, rng.get_state()), tmp_path / "a.pt")
    trained(old, 3, rng)
    state, others, stream = torch.load(tmp_path / "a.pt")
    new = AdamEpsilonHat(others, 0.3, (0.5, 0.9))
    new.load_state_dict(state)
    trained(new, 3, rng.set_state(stream))
    assert all(map(torch.equal, one, others))
    fused = AdamEpsilonHat(ours := weights(), 0.1, (0.5, 0.9))
    trained(fused, 6, rng.manual_seed(0))
    for p, q in zip(one, ours, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=0)


def test_clipping_is_allowed_under_a_gradient_scaler():
    plugin = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))
    optimizer = AdamEpsilonHat(weights(), 0.1, (0.5, 0.9))
    plugin.clip_gradients(optimizer, clip_val=1.0)


@pytest.mark.parametrize("clip", [None, 0.01])
def test_gradients_are_told_and_clipped_without_their_scale_and_overflow_by_right(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(R1GAN, "update", partialmethod(GAN.update, clip=clip))

    def norms(scale: float, steps: int) -> list[float]:
        torch.manual_seed(0)
        gan, seen = small("r1gan"), []
        gan.on_train_batch_end = lambda *_: seen.append(float(gan.scalars["grad/d"]))
        images = torch.rand(32, 3, 32, 32) * 2 - 1
        trainer = L.Trainer(
            plugins=[MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))],
            callbacks=[Checkpoints(0)],
            accelerator="cpu",
            max_epochs=1,
            log_every_n_steps=1,
            default_root_dir=tmp_path,
            **dict.fromkeys(
                ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
            ),
        )
        trainer.fit(gan, DataLoader([images] * steps, batch_size=None))
        return seen

    (plain,), (scaled,) = norms(1.0, 1), norms(1024.0, 1)
    assert scaled == pytest.approx(plain, rel=0.02)
    assert clip is None or scaled == pytest.approx(clip, rel=0.01)
    overflowed = norms(2.0**60, 2)  # halved after each
    assert not math.isfinite(overflowed[0])


@pytest.mark.parametrize(
    "model",
    [
        lambda: BigGAN(32, n_classes=2, width_g=1, width_d=1, latent_dim=8, shared_dim=2, init="normal"),
        lambda: IntroVAE(16, [2, 2], 3),
        lambda: R1GAN(32, width_g=1, width_d=1, max_width=1, n_classes=0, latent_dim=2, optimizer="adam"),
    ],
)
def test_papers_older_than_pytorch_1_3_have_that_form(model):
    assert all(isinstance(one, AdamEpsilonHat) for one in model().configure_optimizers())
