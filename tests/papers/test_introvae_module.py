"""IntroVAE: closed forms of its losses, which parameters receive which term's gradient, the two phases."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from zoo.objectives.losses import introspective_e, introspective_g, squared_error
from zoo.papers.introvae import IntroVAE, regularization
from zoo.ranks import share, sums

SMALL = {"resolution": 16, "widths": [3, 4], "latent_dim": 5, "batch_size": 4, "total_kimg": 1}


@given(st.floats(-3, 3), st.integers(1, 50))
def test_kl_of_a_shifted_mean(shift, dims):
    mean = torch.full((2, dims), shift, dtype=torch.float64)
    assert regularization((mean, torch.zeros_like(mean))).item() == pytest.approx(dims * shift**2 / 2)


def test_kl_of_a_wide_posterior():
    logvar = torch.full((3, 10), math.log(4), dtype=torch.float64)
    assert regularization((torch.zeros_like(logvar), logvar)).item() == pytest.approx(10 * (3 - math.log(4)) / 2)


@given(st.floats(-2, 2))
def test_squared_error_of_a_constant_difference(delta):
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    assert squared_error(x, x + delta).item() == pytest.approx(3 * 4 * 5 * delta**2, abs=1e-12)


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 50), st.floats(0.1, 40), st.floats(0, 2))
def test_hinges_push_until_the_margin_and_no_further(real, rec, sample, margin, weight):
    kls = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (real, rec, sample)]
    loss = introspective_e(*kls, margin, weight)
    assert loss.item() == pytest.approx(real + 0.5 * weight * (max(0, margin - rec) + max(0, margin - sample)))
    slopes = torch.autograd.grad(loss, kls)
    assert slopes[0] == 1
    for slope, value in zip(slopes[1:], (rec, sample), strict=True):
        if value != margin:
            assert slope.item() == (pytest.approx(-0.5 * weight) if value < margin else 0)


def test_generator_pays_half_of_both_kls():
    assert introspective_g(torch.tensor(3.0), torch.tensor(5.0)) == 4


class Recorded(IntroVAE):
    """Takes steps without Lightning; notes the gradient each optimizer steps with, and moves nothing."""

    def __init__(self, **options) -> None:
        torch.manual_seed(0)
        super().__init__(**SMALL | options)
        self.double()
        self.steps: list[str] = []
        self.seen: dict[str, Tensor] = {}
        self._optimizers = super().configure_optimizers()

    def optimizers(self):
        return self._optimizers

    def manual_backward(self, loss, **options):
        loss.backward(**options)

    def apply_gradients(self, optimizer, clip=None):
        self.steps.append("G" if optimizer is self.opt_g else "E")

    def report(self, scalars):
        self.seen = scalars

    def gradients(self, x: Tensor) -> dict[str, Tensor]:
        """The gradient of E and of G, as one vector each, after the step's own routing."""
        self.training_step((2 * x - 1, None), 0)
        return {name: flat(net) for name, net in (("E", self.E), ("G", self.G))}


def flat(net: torch.nn.Module) -> Tensor:
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in net.parameters()])


def images() -> Tensor:
    return torch.rand(4, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_encoder_steps_before_generator():
    model = Recorded(vae_kimg=0)
    model.gradients(images())
    assert model.steps == ["E", "G"]


def test_without_reconstruction_only_the_kls_train():
    """w_rec = 0: the generator's gradient is that of the KLs alone, linear in w_kl; the encoder's likewise."""
    one = Recorded(vae_kimg=0, weight_rec=0.0, weight_kl=1.0).gradients(images())
    two = Recorded(vae_kimg=0, weight_rec=0.0, weight_kl=2.0).gradients(images())
    for net in ("E", "G"):
        assert one[net].norm() > 0
        torch.testing.assert_close(two[net], 2 * one[net])


def test_reconstruction_reaches_both_networks():
    """w_kl = 0: what is left is the gradient of w_rec * L_AE of the plain autoencoder, in encoder and generator."""
    model = Recorded(vae_kimg=0, weight_rec=0.5, weight_kl=0.0)
    routed = model.gradients(images())
    plain = Recorded(vae_kimg=0)
    plain.latents(4)  # the samples' draw comes first
    z = plain.draw(plain.E(images()))
    (0.5 * squared_error(images(), plain.G(z))).backward()
    torch.testing.assert_close(routed["E"], flat(plain.E))
    torch.testing.assert_close(routed["G"], flat(plain.G))


def test_encoder_never_sees_how_its_fakes_were_made():
    """The hinges' gradient in E is that of KLs of constants, and the generator gets none of it."""
    model = Recorded(vae_kimg=0, weight_rec=0.0, weight_neg=1.0)
    routed = model.gradients(images())
    plain = Recorded(vae_kimg=0)
    with torch.no_grad():
        x_p = plain.G(plain.latents(4))
    posterior = plain.E(images())
    with torch.no_grad():
        x_r = plain.G(plain.draw(posterior))
    kls = [regularization(posterior), regularization(plain.E(x_r)), regularization(plain.E(x_p))]
    introspective_e(*kls, model.margin, 1.0).backward()
    torch.testing.assert_close(routed["E"], flat(plain.E))
    opposite = Recorded(vae_kimg=0, weight_rec=0.0, weight_neg=0.0).gradients(images())
    torch.testing.assert_close(routed["G"], opposite["G"])  # weight_neg does not enter the generator


def test_beyond_the_margin_the_hinges_are_silent():
    with_hinge = Recorded(vae_kimg=0, margin=1e-9, weight_neg=1.0).gradients(images())
    without = Recorded(vae_kimg=0, margin=1e-9, weight_neg=0.0).gradients(images())
    assert torch.equal(with_hinge["E"], without["E"])


@pytest.mark.parametrize("kls", [(2.0, 3.0), (2.0, 11.0), (9.0, 4.0), (8.0, 30.0)])
def test_hinge_of_two_processes_is_that_of_their_mean(kls, monkeypatch):
    margin, whole = 7.0, torch.tensor(kls, dtype=torch.float64, requires_grad=True)
    expected = introspective_e(torch.zeros(()), whole.mean(), torch.zeros(()), margin, 1.0)
    (slope,) = torch.autograd.grad(expected, whole)
    own = [torch.tensor(kl, dtype=torch.float64, requires_grad=True) for kl in kls]
    for rank in range(2):
        monkeypatch.setattr(share, "_running", share.Share(4, rank, 2))
        monkeypatch.setattr(sums, "total", lambda x, r=rank: x + 0.5 * own[1 - r])  # what the other process adds
        loss = introspective_e(torch.zeros(()), sums.of_means(own[rank]), torch.zeros(()), margin, 1.0)
        assert loss.item() == pytest.approx(expected.item())
        assert torch.autograd.grad(loss, own[rank])[0] == slope[rank]


def test_warm_up_ignores_the_weights_and_ends_at_its_image():
    model = Recorded(vae_kimg=0.008, weight_rec=0.0, weight_kl=0.0)
    routed = model.gradients(images())
    assert "L_REG/sample" not in model.seen
    plain = Recorded()
    posterior = plain.E(images())
    (squared_error(images(), plain.G(plain.draw(posterior))) + regularization(posterior)).backward()
    torch.testing.assert_close(routed["E"], flat(plain.E))
    torch.testing.assert_close(routed["G"], flat(plain.G))
    for nimg, phase in ((7, "warm-up"), (8, "introspective")):
        model.nimg = nimg
        model.gradients(images())
        assert ("L_REG/sample" in model.seen) == (phase == "introspective")


def test_encode_and_decode_are_deterministic_and_leave_modes_alone():
    model = Recorded()
    x = 2 * images() - 1
    before = {k: v.clone() for k, v in model.state_dict().items() if isinstance(v, Tensor)}
    z = model.encode(x)
    assert z.shape == (4, 5)
    torch.testing.assert_close(z[1:2], model.encode(x[1:2]))  # running statistics: images do not interact
    assert model.decode(z).shape == x.shape
    assert model.E.training
    assert model.G.training
    for name, value in before.items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_images_meet_the_networks_in_0_1():
    model = Recorded()
    seen = []
    model.E.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model.encode(torch.tensor([-1.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1).expand(2, 3, 16, 16))
    assert seen[0][0].unique().tolist() == [0]
    assert seen[0][1].unique().tolist() == [1]
    z = torch.zeros(1, 5, dtype=torch.float64)
    model.eval()
    torch.testing.assert_close(model.decode(z), 2 * model.G(z) - 1)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="margin takes a number above 0, not 0"):
        IntroVAE(**SMALL, margin=0)
    with pytest.raises(ValueError, match="4 widths"):
        IntroVAE(**SMALL | {"resolution": 64})
