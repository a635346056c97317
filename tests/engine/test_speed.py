"""Other ways to compute the same step: compiled networks, and blocks that are computed again."""

import copy
import os
import shutil
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from fitting import fit
from runs import assert_same_training, final_state, own_cache, run  # noqa: F401
from torch import nn

from zoo.bench.counts import Counted
from zoo.engine import speed
from zoo.networks import layers
from zoo.networks.again import blocks
from zoo.networks.batchnorm import BatchNorm1d
from zoo.networks.biggan_layers import SNLinear
from zoo.objectives.penalties import r1
from zoo.training.checks import check_ways
from zoo.training.loading import load, model_class

STYLEGAN = {"resolution": 16, "start_resolution": 8, "fmap_base": 64, "fmap_max": 8, "latent_dim": 8, "w_dim": 8}
STYLEGAN |= {"mapping_width": 8, "total_kimg": 0.032, "train_kimg": 0.008, "transition_kimg": 0.016}
STYLEGAN |= {"batch_size": 8, "batch_size_at": {}, "repeats": 1}
SMALL = {
    "stylegan": STYLEGAN,
    "biggan": {"resolution": 32, "n_classes": 3, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4}
    | {"batch_size": 8, "batch_size_g": 8, "attention_d": [16], "attention_g": [16], "watch_kimg": 0},
    "sngan": {"resolution": 32, "n_classes": 0, "architecture": "cnn", "width_g": 2, "width_d": 2, "latent_dim": 4}
    | {"n_dis": 1, "batch_size": 4, "batch_size_g": 4},  # with networks of its own
}
#: papers whose blocks can be computed again, with the networks that have them
AGAIN = {name: SMALL[name] for name in ("biggan", "stylegan")}
AGAIN["sngan"] = SMALL["sngan"] | {"architecture": "resnet"}
AGAIN["r1gan"] = {"resolution": 16, "n_classes": 3, "architecture": "resnet", "width_g": 2, "width_d": 2}
AGAIN["r1gan"] |= {"max_width": 4, "latent_dim": 4, "embed_dim": 4, "batch_size": 4}
AGAIN["vgan"] = {"resolution": 16, "width_g": 2, "width_d": 2, "max_width": 4, "code_channels": 2, "latent_dim": 4}
AGAIN["vgan"] |= {"batch_size": 4}
AGAIN["introvae"] = {"resolution": 16, "widths": [4, 4], "latent_dim": 4, "vae_kimg": 0, "batch_size": 4}
#: the compiler's graphs, and its choice of what to compute again, without a translation to C++
GRAPHS_ALONE = {"backend": "aot_eager_decomp_partition"}
compiler = pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "g++")), reason="there is no C++ compiler")


class Up(nn.Module):
    """A generator of few operators, with batch and spectral norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dense = BatchNorm1d(4), SNLinear(4, 3 * 32 * 32)

    def forward(self, z, label=None):
        return torch.tanh(self.dense(self.norm(z)).unflatten(1, (3, 32, 32)))


class Down(nn.Module):
    """A discriminator of few operators, with spectral norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.dropout, self.linear = layers.SNConv2d(3, 2, 4, 4), nn.Dropout(0.5), layers.SNLinear(128, 1)

    def forward(self, x, label=None):
        return self.linear(self.dropout(F.leaky_relu(self.conv(x), 0.2)).flatten(1)).squeeze(1)


def trained(
    paper: str, precision: str, steps: int = 1, more: dict | None = None, small: dict = SMALL, **ways: bool
):
    """A small model after some steps, and every gradient on the way."""
    torch.manual_seed(0)
    gan, gradients = model_class(paper)(**small[paper] | (more or {})), []
    if paper == "sngan" and small is SMALL:
        gan.use_networks(Up(), Down(), 4)
    for name, value in ways.items():
        setattr(gan, name, value)
    apply = gan.apply_gradients

    def noted(optimizer, clip=None) -> None:
        gradients.extend(p.grad.clone() for g in optimizer.param_groups for p in g["params"] if p.grad is not None)
        apply(optimizer, clip)

    gan.apply_gradients = noted
    torch.manual_seed(1)
    n, batches, seen = gan.images_per_step, [], 0
    for _ in range(steps):
        side = gan.stage_at(seen).resolution
        labels = torch.arange(n) % gan.n_classes if gan.n_classes else None
        batches.append((torch.rand(n, 3, side, side) * 2 - 1, labels))
        seen += n
    return fit(gan, batches, precision), gradients


# ---- blocks computed again


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("paper", AGAIN)
def test_blocks_that_are_computed_again_change_no_bit(paper, precision):
    """Spectral and batch norm, attention; R1, noise, fades; a drawn code; an encoder in D's place."""
    (one, kept), (other, again) = (
        trained(paper, precision, 3, small=AGAIN, checkpoint_activations=on) for on in (False, True)
    )
    assert blocks(one.G, one.D)
    assert len(kept) == len(again) > 0
    assert all(map(torch.equal, kept, again))
    for name, tensor in one.state_dict().items():
        assert not isinstance(tensor, torch.Tensor) or torch.equal(tensor, other.state_dict()[name]), name
    assert {k: float(v) for k, v in one.scalars.items()} == {k: float(v) for k, v in other.scalars.items()}


@pytest.mark.parametrize("paper", ["biggan", "stylegan"])
def test_they_hold_less(paper):
    """The most bytes of tensors at once, and the FLOPs, of D's loss with R1 on G's images."""
    held, flops = [], []
    for on in (False, True):
        torch.manual_seed(0)
        gan = model_class(paper)(**SMALL[paper])
        for block in blocks(gan.G, gan.D):
            block.computed_again = on
        label = torch.arange(4) % gan.n_classes if gan.n_classes else None
        z = gan.latents(4)
        with Counted() as counted:
            x = gan.G(z, label)
            logits = gan.D(x, label)
            (logits.sum() + r1(logits, x)).backward()
        held.append(counted.peak)
        flops.append(sum(counted.flops.values()))
    assert held[1] < 0.8 * held[0]
    assert flops[0] < flops[1] < 1.4 * flops[0]


def test_a_run_with_blocks_computed_again_ends_with_the_same_bits(tmp_path):
    """By the command line: a run may go on with the option or without."""
    for name, again in (("kept", "false"), ("again", "true")):
        cli = run("biggan", tmp_path / name, "--checkpoint_activations", again, kimg=0.032)
        assert cli.model.checkpoint_activations is (again == "true")
    assert_same_training(*(final_state(tmp_path / name / "run-001") for name in ("kept", "again")))


# ---- compiled


@pytest.fixture
def graphs_alone(monkeypatch):
    monkeypatch.setattr(speed, "how", lambda graphs: GRAPHS_ALONE)
    torch._dynamo.reset()
    with torch._inductor.config.patch(fallback_random=True):
        yield
    torch._dynamo.reset()


@pytest.mark.parametrize("penalty", ["none", "gp"])
def test_a_compiled_step_has_the_gradients_of_the_networks_as_written(penalty, graphs_alone):
    (one, eager), (other, compiled) = (
        trained("sngan", "64-true", more={"penalty": penalty}, compiled=on) for on in (False, True)
    )
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 2
    assert len(eager) == len(compiled) > 0
    for name, tensor in one.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            torch.testing.assert_close(other.state_dict()[name], tensor, rtol=1e-9, atol=1e-12)
    for a, b in zip(eager, compiled, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-8, atol=1e-12)
    assert list(one.state_dict()) == list(other.state_dict())
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert torch.allclose(one.sample(2), other.sample(2))  # as written: nothing is compiled for it
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
    assert copy.deepcopy(other.D)._compiled_call_impl is None


def test_spectral_norm_s_gradient_survives_the_compiler_s_second_computation():
    """The backward pass must not find u where two forward passes have left it (pytorch/pytorch#197039)."""
    for kind in (layers.SNLinear, SNLinear):
        torch.manual_seed(0)
        net = nn.Sequential(kind(4, 3), nn.ReLU(), kind(3, 2)).double()
        other = copy.deepcopy(net)
        other.compile(**GRAPHS_ALONE)
        x = torch.randn(5, 4, dtype=torch.float64)
        for each in (net, other):
            (each(x).square().sum() + each(x + 1).sum()).backward()
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(b.grad, a.grad)
        torch.testing.assert_close(dict(other.named_buffers()), dict(net.named_buffers()))


@compiler
def test_the_same_in_c():
    """With the options of a run; random numbers are eager's."""
    torch.manual_seed(0)
    net = nn.Sequential(layers.SNLinear(4, 3), nn.Dropout(0.5))
    other, x = copy.deepcopy(net), torch.randn(5, 4)
    other.compile(**speed.how(False))
    for each in (net, other):
        torch.manual_seed(1)
        each(x).square().sum().backward()
    torch.testing.assert_close(other[0].weight.grad, net[0].weight.grad)
    torch.testing.assert_close(other[0].u, net[0].u)


def test_what_a_cuda_graph_gives_is_copied():
    kept = torch.zeros(2)
    first, second = speed.copied(lambda: (kept, [kept]))()
    kept.add_(1)
    assert not first.any()
    assert not second[0].any()


@compiler
@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_cuda_graphs_train_as_eager_does():
    """Four steps, of which the later ones replay a graph; an answer that is kept is not written over."""
    torch.manual_seed(0)
    net = nn.Sequential(layers.SNLinear(8, 16), nn.LeakyReLU(0.2), layers.SNLinear(16, 4)).cuda()
    other, told = copy.deepcopy(net), []
    other.compile(**speed.how(True))
    other._compiled_call_impl = speed.copied(other._compiled_call_impl)
    batches = torch.randn(4, 5, 8, device="cuda")
    for each in (net, other):
        optimizer = torch.optim.SGD(each.parameters(), 0.1)
        kept = []
        for x in batches:
            optimizer.zero_grad()
            kept.append(each(x))
            kept[-1].square().mean().backward()
            optimizer.step()
        told.append([y.detach() for y in kept])
    torch.testing.assert_close(told[1], told[0])
    torch.testing.assert_close(other.state_dict(), net.state_dict())


@compiler
def test_a_compiled_run_writes_what_any_run_reads(tmp_path, monkeypatch):
    """The option's way to the networks; the compiler itself is left out, for it takes its time."""
    monkeypatch.setattr(speed, "how", lambda graphs: {"disable": True})
    cli = run("sngan", tmp_path, "--compile", "true", kimg=0.032)
    assert cli.model.compiled is True
    assert cli.model.G._compiled_call_impl is not None
    assert cli.model.D._compiled_call_impl is not None
    again = load(tmp_path / "run-001" / "checkpoints" / "last.ckpt")
    assert torch.equal(again.sample(2), cli.model.sample(2))


def asked(compile: bool | str = True, again: bool = False, **trainer) -> tuple:
    model = model_class("dcgan")(resolution=32, width_g=2, width_d=2, latent_dim=8)
    trainer = {"accelerator": "cpu", "devices": 1} | trainer
    return SimpleNamespace(compile=compile, checkpoint_activations=again, trainer=trainer), model


def test_what_cannot_be_is_told(monkeypatch):
    with pytest.raises(ValueError, match="exclude each other"):
        check_ways(*asked(again=True))
    with pytest.raises(ValueError, match=r"--compile goes with one process, not with 2: .*--trainer.devices 1"):
        check_ways(*asked(devices=2))
    with pytest.raises(ValueError, match=r"--compile reduce-overhead takes CUDA graphs, .* --compile true"):
        check_ways(*asked("reduce-overhead"))
    monkeypatch.setenv("CXX", "nowhere")
    with pytest.raises(ValueError, match=r"--compile needs a C\+\+ compiler, and there is no nowhere: .* CXX"):
        check_ways(*asked())
    assert check_ways(*asked(False)) == (False, False)
    with pytest.raises(ValueError, match=r"--checkpoint_activations goes with .* DCGAN are not: leave it out"):
        check_ways(*asked(False, again=True))
    _, model = asked()
    model.checkpoint_activations = True
    with pytest.raises(ValueError, match="DCGAN"):
        speed.begin(model, 1)


def test_batch_norm_over_processes_is_not_computed_again():
    """From the command line and under a plain Trainer alike."""
    model = model_class("sngan")(resolution=32, n_classes=0, architecture="resnet", width_g=2, width_d=2)
    model.checkpoint_activations = True
    speed.check(model, False, True, 1)
    with pytest.raises(ValueError, match=r"batch norm over 2 processes: give --trainer.devices 1"):
        speed.begin(model, 2)
