"""Parameter counts of the official models, TensorFlow's padding, initialisation, and wrong sizes."""

import math

import pytest
import torch
from torch import nn

from zoo.networks import pairs, wgan_gp, wgan_gp_cnn
from zoo.networks.batchnorm import BatchNorm2d
from zoo.networks.ctgan128 import Critic128, Generator128
from zoo.networks.layers import SameConv2d, SameConvTranspose2d
from zoo.papers.ctgan import CTGAN

# computed from the shapes of the official code (biuyq/CT-GAN @ 5ebc7e1, igul222 @ fa66c57)
COUNTS = [
    (wgan_gp.CIFARGenerator, (128, 128, 10), 1_218_307),
    (wgan_gp.CIFARGenerator, (), 1_204_483),
    (wgan_gp.CIFARCritic, (128, 10), 1_055_115),
    (wgan_gp.CIFARCritic, (), 1_053_825),
    (wgan_gp_cnn.CNNGenerator, (32, 128), 5_179_907),
    (wgan_gp_cnn.CNNCritic, (32, 128), 4_114_689),
    (wgan_gp_cnn.CNNGenerator, (28, 64), 1_554_177),
    (wgan_gp_cnn.CNNCritic, (28, 64), 1_030_145),
    (wgan_gp.GoodGenerator, (64, 64), 8_540_483),
    (wgan_gp.GoodCritic, (64, 64), 7_491_841),
]


@pytest.mark.parametrize(("build", "args", "count"), COUNTS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_parameter_counts_are_the_official_ones(build, args, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in build(*args).parameters()) == count


PAIRS = [
    (wgan_gp.CIFARGenerator(3, 5), wgan_gp.CIFARCritic(3), (3, 32), 3),
    (wgan_gp.GoodGenerator(64, 2, 5), wgan_gp.GoodCritic(64, 2), (3, 64), 256),
    (Generator128(2, 5), Critic128(2, (0.2, 0.5, 0.5)), (3, 128), 16),
    (wgan_gp_cnn.CNNGenerator(32, 2, 5), wgan_gp_cnn.CNNCritic(32, 2), (3, 32), 128),
    (wgan_gp_cnn.CNNGenerator(28, 2, 5), wgan_gp_cnn.CNNCritic(28, 2), (1, 28), 128),
]


@pytest.mark.parametrize(("G", "D", "size", "n_features"), PAIRS, ids=["cifar", "good", "lsun128", "cnn", "mnist"])
def test_shapes_and_range(G, D, size, n_features):
    images = G(torch.randn(2, 5))
    assert images.shape == (2, size[0], size[1], size[1])
    assert images.abs().max() <= 1
    assert D(images).shape == (2,)
    assert D.features(images).shape == (2, n_features)


def test_the_cnn_has_two_sizes():
    with pytest.raises(ValueError, match="not at 64"):
        wgan_gp_cnn.CNNGenerator(64)


@pytest.mark.parametrize("size", [7, 8, 14, 28])
def test_same_padding_puts_the_odd_pixel_behind(size):
    """Against the definition: output i sees the inputs i * s - before ... + k - 1, zeros outside."""
    conv = SameConv2d(1, 1, 5, 2, bias=False).double()
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    out = conv(x)[0, 0]
    n = math.ceil(size / 2)
    assert out.shape == (n, n)
    before = max((n - 1) * 2 + 5 - size, 0) // 2
    for i in range(n):
        expected = sum(
            x[0, 0, i * 2 - before + a, b - before] * conv.weight[0, 0, a, b]
            for a in range(5)
            for b in range(5)
            if 0 <= i * 2 - before + a < size and 0 <= b - before < size
        )
        torch.testing.assert_close(out[i, 0], expected)


@pytest.mark.parametrize("kernel", [4, 5])
def test_transposed_convolution_is_the_adjoint(kernel):
    """<conv(x), y> = <x, deconv(y)> for the same weights."""
    conv = SameConv2d(2, 3, kernel, 2, bias=False).double()
    deconv = SameConvTranspose2d(3, 2, kernel, 2, bias=False).double()
    deconv.weight = conv.weight
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    y = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    assert deconv(y).shape == x.shape
    torch.testing.assert_close((conv(x) * y).sum(), (x * deconv(y)).sum())


@pytest.mark.parametrize(
    ("layer", "variance"),
    [
        (nn.Conv2d(64, 32, 3), 2 / (64 * 9 + 32 * 9)),
        (nn.Conv2d(64, 32, 5, stride=2), 2 / (64 * 25 + 32 * 25 / 4)),
        (nn.ConvTranspose2d(64, 32, 5, stride=2), 2 / (64 * 25 / 4 + 32 * 25)),
        (nn.Linear(300, 200), 2 / 500),
    ],
    ids=["conv", "strided", "transposed", "linear"],
)
def test_initialisation(layer, variance):
    wgan_gp.start(layer, gain=wgan_gp.HE)
    bound = math.sqrt(3 * 2 * variance)
    assert layer.weight.abs().max() <= bound
    assert layer.weight.var().item() == pytest.approx(2 * variance, rel=0.05)
    assert not layer.bias.any()


def test_layer_norm_is_over_the_whole_sample():
    x = 3 * torch.randn(4, 6, 5, 5) + 2
    y = wgan_gp.layer_norm(6)(x)
    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((1, 2, 3), correction=0), torch.ones(4), atol=1e-4, rtol=0)


def test_mnist_is_grey_inside_and_coloured_outside():
    gan = CTGAN(resolution=28, n_classes=0, architecture="cnn", width_g=2, width_d=2)
    samples = gan.sample(3)
    assert samples.shape == (3, 3, 28, 28)
    assert samples.min() < 0 < samples.abs().max() <= 1
    native = gan.to_native(samples)
    assert native.shape == (3, 1, 28, 28)
    z, _ = gan.indexed_latents(3)
    torch.testing.assert_close(native, gan.G(z))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"architecture": "cnn"}, "n_classes"),
        ({"resolution": 48, "n_classes": 0}, "choose 32, 64 or 128"),
    ],
)
def test_what_ctgan_cannot_be(options, words):
    with pytest.raises(ValueError, match=words), torch.device("meta"):
        CTGAN(**options)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_the_small_cnn_has_batch_norm_in_g_at_28_px_where_d_has(norm):
    G, D = pairs.build("cnn", 28, 8, 1, 4, 4, norm_d=norm)
    assert G(torch.randn(2, 8)).shape == (2, 1, 28, 28)
    for net in (G, D):
        assert any(isinstance(m, BatchNorm2d) for m in net.modules()) == (norm == "batch")
