"""The bottleneck's code and its multiplier."""

import pytest
import torch

from zoo.objectives.bottleneck import drawn_code, dual_ascent


def test_the_code_is_a_draw_of_the_encoders_normal():
    torch.manual_seed(0)
    mean, logstd = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]])
    z = drawn_code(mean, logstd, torch.randn(20000, 2))
    torch.testing.assert_close(z.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), logstd[0].exp(), atol=0.05, rtol=0)


@pytest.mark.parametrize(("kl", "after"), [(3.0, 0.7), (0.5, 0.45), (-20.0, 0.0)])
def test_beta_follows_the_excess_and_is_never_negative(kl, after):
    beta = torch.tensor(0.5)
    dual_ascent(beta, torch.tensor(kl, requires_grad=True), information=1.0, step=0.1)
    assert float(beta) == pytest.approx(after)
    assert not beta.requires_grad
