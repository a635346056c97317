"""PGGAN's step: the penalty's scale, the two orders of updates, Adam's new starts, settings that are refused."""

import re

import pytest
import torch
from fitting import fit
from torch import nn

from zoo.networks.progressive import downscale, fade_bytes, upscale
from zoo.options.checked import defaults
from zoo.papers.pggan import PGGAN

SMALL = {"resolution": 16, "fmap_base": 16, "fmap_max": 4, "latent_dim": 4, "batch_size": 8, "rampup_kimg": 0}
SMALL |= {"train_kimg": 0.02, "transition_kimg": 0.02}


def gan(**more) -> PGGAN:
    torch.manual_seed(0)
    return PGGAN(**SMALL | more).double()


class Linear(nn.Module):
    """D(x) = <a, x> on full-size images, averaged down to the level's side: its gradient is known."""

    def judge(self, x, lod=0.0):
        return (x * self.a).sum((1, 2, 3)), x.new_zeros(len(x), 0)

    def forward(self, x, label=None, lod=0.0):
        return self.judge(x, lod)[0]


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("gamma", [1.0, 750.0])
def test_penalty_is_that_of_the_full_size_tensor(k, gamma):
    model, D = gan(gamma=gamma), Linear()
    side = 16 >> k
    D.a = torch.randn(3, side, side, dtype=torch.float64)
    model.D = D
    real, fake = torch.randn(2, 8, 3, side, side, dtype=torch.float64)
    _, scalars = model.critic_loss(real, fake, None, None, float(k))
    x = upscale(real, 2**k).requires_grad_()
    (gradient,) = torch.autograd.grad(D(downscale(x, 2**k)).sum(), x)
    norm = gradient.flatten(1).norm(dim=1)
    torch.testing.assert_close(norm, D.a.norm().expand(8) / 2**k)
    torch.testing.assert_close(scalars["penalty/gradient"], ((norm - gamma) ** 2 / gamma**2).mean())


def test_a_smaller_resolution_trains_the_same_working_network_with_another_target():
    """The same weights at 8 px, with 16 px to come or not: only the penalty's target differs, by 2."""
    large, small = gan(), gan(resolution=8)
    small.D.load_state_dict({k: v for k, v in large.D.state_dict().items() if k in small.D.state_dict()})
    real, fake = torch.randn(2, 8, 3, 8, 8, dtype=torch.float64)
    for model in (large, small):
        model.latent_rng.manual_seed(1)
    penalty = large.critic_loss(real, fake, None, None, 1.0)[1]["penalty/gradient"]
    small.latent_rng.manual_seed(1)
    small.gamma = 2.0
    torch.testing.assert_close(small.critic_loss(real, fake, None, None, 0.0)[1]["penalty/gradient"], penalty)


def test_faded_reals_are_cut_to_bytes():
    x = torch.tensor([[10, 20], [30, 41]]).view(1, 1, 2, 2).double() / 127.5 - 1
    mean = 25.25
    expected = torch.tensor([[10, 20], [30, 41]]).double().view(1, 1, 2, 2)
    assert torch.equal(((fade_bytes(x, 1.0) + 1) * 127.5).round(), expected)
    faded = (expected + 0.5 * (mean - expected)).floor()
    torch.testing.assert_close((fade_bytes(x, 1.5) + 1) * 127.5, faded)


class Recorded(PGGAN):
    """Keeps each update's optimizer and the weights it found."""

    def update(self, optimizer, loss, clip=None):
        net = "G" if optimizer is self.opt_g else "D"
        self.order = [*getattr(self, "order", []), (net, self.D.head.weight.detach().clone())]
        super().update(optimizer, loss, clip)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_simultaneous_updates_see_the_same_discriminator(updates):
    torch.manual_seed(0)
    model = Recorded(**SMALL, updates=updates)
    fit(model, [(torch.rand(8, 3, 4, 4), None)], precision="32-true")
    (first, before), (second, after) = model.order
    assert (first, second) == (("D", "G") if updates == "alternating" else ("G", "D"))
    assert torch.equal(before, after) == (updates == "simultaneous")


def test_groups_that_a_batch_does_not_split_into_are_refused(monkeypatch):
    model = gan(stddev_group=4, batch_size_at={8: 6})
    monkeypatch.setattr(type(model), "trainer", type("T", (), {"datamodule": None}))
    mend = re.escape("groups of 4: give --model.stddev_group 3, or --model.batch_size_at.8 4")
    with pytest.raises(ValueError, match=f"at 8 px a batch of 6 images does not split into {mend}"):
        model.on_fit_start()
    gan(stddev_group=4, batch_size_at={8: 12}).on_fit_start()  # on any number of processes


def test_samples_have_the_side_of_the_stage_that_was_trained():
    model = gan()
    sides = {}
    for nimg in (0, 24, 32, 64):  # at 24 and 64 the next step is of another stage
        model.nimg = nimg
        sides[nimg] = (model.sample(2).shape[-1], model.stage.resolution)
    assert sides == {0: (4, 4), 24: (4, 8), 32: (8, 8), 64: (8, 16)}


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("fake_labels", ["random", "real"])
def test_fakes_of_the_d_step_have_labels_of_their_own_or_the_reals(updates, fake_labels):
    model = gan(n_classes=7, updates=updates, fake_labels=fake_labels)
    seen = []
    judge = model.critic_loss

    def critic_loss(real, fake, label, fake_label, lod):
        seen.append((label, fake_label))
        return judge(real, fake, label, fake_label, lod)

    model.critic_loss = critic_loss
    label = torch.arange(16) % 7
    fit(model, [(torch.rand(16, 3, 4, 4), label)] * 2)
    for real, fake in seen:
        assert torch.equal(real, label)
        assert torch.equal(fake, label) == (fake_labels == "real")


def test_checkpoints_keep_every_option_those_of_the_networks_and_those_left_alone_too():
    given = SMALL | {"kernels": 2, "stddev_group": 0}
    model, checkpoint = PGGAN(**given), {}
    model.on_save_checkpoint(checkpoint)
    assert checkpoint["zoo"]["hparams"] == defaults(PGGAN) | given
    assert {"fused", "crippled", "lambda_gp"} <= checkpoint["zoo"]["hparams"].keys()
