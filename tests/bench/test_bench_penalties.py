"""Penalties in bfloat16 beside float32."""

from pathlib import Path

import pytest
import torch
from fitting import fit

from zoo.bench.penalties import errors, gradients, run
from zoo.engine.speed import half_error
from zoo.papers.r1gan import R1GAN

SMALL = {"resolution": 32, "width_g": 4, "width_d": 4, "max_width": 8, "latent_dim": 4, "batch_size": 4}


def r1gan(**more):
    torch.manual_seed(0)
    return R1GAN(**SMALL | more)


@pytest.mark.parametrize("n", [4, 16])
def test_bfloat16_keeps_the_direction_of_a_penalty_s_gradient(n):
    """Where the processor is wrong by more than rounding, which is known of few images alone, the probe says so."""
    wrong = n == 4 and half_error(n) > 0.1
    for found in errors(r1gan(), n).values():
        assert 0 < found["value"] < 0.1
        assert (found["cosine"] > 0.99) is not wrong


@pytest.mark.parametrize("n", [1, 16])
def test_a_second_derivative_in_bfloat16_is_off_by_rounding(n):
    assert 0 < half_error(n) < 0.02


def test_the_table_says_where_the_processor_is_wrong(monkeypatch):
    monkeypatch.setattr("zoo.bench.penalties.half_error", lambda n: 1.04)
    recipe = Path(__file__).parents[2] / "reproductions" / "ctgan" / "cifar10-cpu.yaml"
    assert run([recipe], 2).endswith("in bfloat16 wrong at 2 images, by 104%: --n 16 shows what rounding does.")


def test_the_table_s_exact_side_is_the_penalty_s_closed_form():
    """D(x) = <w, x> has the slope w everywhere: R1 is |w|^2, and its gradient 2 w."""

    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.arange(12.0).view(3, 2, 2) / 10)

        def forward(self, x, label=None):
            return (self.w * x).sum((1, 2, 3))

    gan = r1gan()
    gan.D = Linear()
    value, gradient = gradients(gan, "R1", torch.zeros(2, 3, 2, 2), None, False)
    torch.testing.assert_close(value, gan.D.w.square().sum())
    torch.testing.assert_close(gradient, 2 * gan.D.w.flatten().double())


@pytest.mark.parametrize("half", [False, True])
def test_what_runs_in_half_precision_is_the_option_s(half):
    """D's features at the real images, which the penalty is taken of."""
    gan = r1gan(batch_size=2)
    gan.half_penalties = half
    seen = []
    gan.D.register_forward_hook(lambda net, args, out: seen.append((args[0].requires_grad, out.dtype)))
    fit(gan, [(torch.rand(2, 3, 32, 32) * 2 - 1, None)], "bf16-mixed")
    reals = {dtype for slope, dtype in seen[1:2] if slope}
    assert reals == {torch.bfloat16 if half else torch.float32}
