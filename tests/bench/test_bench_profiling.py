"""Where the time of a step goes: each operator's own time in one row, FLOPs as counted elsewhere."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from zoo.bench import profiling
from zoo.bench.counts import last_stage, of_step
from zoo.bench.profiling import AVERAGE, ROWS, STEP, gathered, profiled, row_of
from zoo.papers.pggan import PGGAN

BACKWARD = "autograd::engine::evaluate_function: ConvolutionBackward0"


@pytest.mark.parametrize(
    ("name", "above", "row"),
    [
        ("aten::mkldnn_convolution", ["aten::_convolution", STEP], "convolutions, forward"),
        ("aten::mkldnn_convolution", ["aten::_convolution", BACKWARD, STEP], "convolutions, backward"),
        ("aten::convolution_backward", [BACKWARD, STEP], "convolutions, backward"),
        ("aten::addmm", ["aten::linear", STEP], "matrix products, forward"),
        ("aten::clone", [STEP], "copies"),  # PyTorch tags it as pointwise
        ("aten::leaky_relu_backward", [BACKWARD, STEP], "elementwise"),
        ("aten::rsqrt", [STEP], "elementwise"),
        ("aten::linalg_vector_norm", [STEP], "reductions"),
        ("aten::avg_pool2d_backward", [BACKWARD, STEP], "reductions"),
        ("aten::mul_", ["Optimizer.step#AdamEpsilonHat.step", STEP], "optimizer"),
        ("aten::copy_", [AVERAGE, STEP], "average"),
        ("aten::view", [STEP], "the rest"),
        ("planted::conv", [STEP], "the rest"),
        ("aten::planted", [STEP], "the rest"),
    ],
)
def test_an_operator_has_the_row_of_what_it_does(name, above, row):
    assert row_of(name, above) == row


def test_all_of_a_step_s_time_is_in_the_table_and_calls_are_those_made():
    net, x = nn.Conv2d(2, 2, 3, padding=1, bias=False), torch.randn(1, 2, 8, 8)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        net(x)  # before the step
        with record_function(STEP):
            net(net(x)).square().sum().backward()
            optimizer.step()
    events = found.events()
    seconds, calls = gathered(events, 1)
    (whole,) = (e.cpu_time_total for e in events if e.name == STEP)
    assert sum(seconds.values()) == pytest.approx(whole / 1e6, rel=1e-3)
    assert (calls["convolutions, forward"], calls["convolutions, backward"]) == (2, 2)
    assert calls["reductions"] == 1
    assert seconds["optimizer"] > 0
    assert seconds["average"] == 0


def test_a_tiny_recipe_at_its_last_stage(monkeypatch, tmp_path):
    monkeypatch.setattr(profiling, "best", lambda what, dtype: 1e12)
    options = {"resolution": 8, "start_resolution": 4, "fmap_base": 64, "fmap_max": 8, "latent_dim": 8}
    options |= {"batch_size": 4, "batch_size_at": {}, "total_kimg": 4, "train_kimg": 1, "transition_kimg": 1}
    gan, trace = PGGAN(**options), tmp_path / "trace.json"
    found = profiled(gan, "bf16-mixed, penalties too", 1, trace)
    assert (found.images, found.side, gan.half_penalties) == (4, 8, True)
    assert gan.nimg == last_stage(gan) + 2 * 4
    counted = of_step(lambda: PGGAN(**options), steps=1)
    assert sum(found.flops.values()) == counted["flops"]
    for row in (*ROWS[:4], "optimizer", "average"):
        assert found.seconds[row] > 0
    assert 0 < found.reached("convolutions") < 1
    lines = [line.split(" | ") for line in found.text().splitlines()[2:-1]]
    assert sum(float(share.rstrip("%")) for _, share, *_ in lines) == pytest.approx(100, abs=0.5)
    assert trace.stat().st_size > 0
