"""The semi-supervised step: which losses D and G go down, and how D's average follows."""

import lightning.pytorch as L
import pytest
import torch

from zoo.data import Drawn
from zoo.papers.ctgan_ssl import CTGAN_SSL


class Recorded(CTGAN_SSL):
    """Keeps the loss of each update, and what is told of the step."""

    def update(self, optimizer, loss, clip=None):
        self.losses = [*getattr(self, "losses", []), loss.item()]
        super().update(optimizer, loss, clip)

    def report(self, scalars):
        self.told = {name: torch.as_tensor(value).item() for name, value in scalars.items()}
        super().report(scalars)


def test_a_step_weighs_its_losses_and_moves_the_average():
    torch.manual_seed(0)
    small = {"width_g": 4, "width_d": 4, "latent_dim": 4, "labels_per_class": 2, "batch_size": 8, "average": 0.25}
    gan = Recorded(n_classes=10, unlabelled=0.7, consistency=0.3, feature_weight=2.0, total_kimg=0.008, **small)
    data = Drawn(resolution=32, n_images=64, batch_size=8, seed=0)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    L.Trainer(max_steps=2, max_epochs=1, accelerator="cpu", **options).fit(gan, datamodule=data)  # of D and of G
    (loss_d, loss_g), told = gan.losses, gan.told
    assert told["penalty/consistency"] > 0.01
    parts = told["loss/classes"], told["loss/d"] + 0.3 * told["penalty/consistency"]
    assert loss_d == pytest.approx(parts[0] + 0.7 * parts[1], rel=1e-5)
    assert loss_g == pytest.approx(told["loss/g"])
    for average, now in zip(gan.D_average.parameters(), gan.D.parameters(), strict=True):
        torch.testing.assert_close(average, 0.25 * now)


def test_loaded_weights_are_not_started_anew(monkeypatch):
    started = []
    monkeypatch.setattr(CTGAN_SSL, "start", lambda self: started.append(self.origin))
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    partly = {"ancestor": {"file": "other.ckpt", "drawn_anew": ["D"]}}
    for origin in ({}, {"ancestor": {"file": "other.ckpt"}}, partly):  # as --init_from leaves it
        gan = CTGAN_SSL(width_g=4, width_d=4, latent_dim=4, labels_per_class=2, batch_size=8, total_kimg=0.008)
        gan.origin = origin
        data = Drawn(resolution=32, n_images=64, batch_size=8, seed=0)
        L.Trainer(max_steps=2, max_epochs=1, accelerator="cpu", **options).fit(gan, datamodule=data)
    assert started == [{}, partly]
