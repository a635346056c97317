"""Parameter counts of the official models, closed forms of the power iteration, and wrong sizes."""

import itertools

import pytest
import torch
from runs import ROOT
from torch import nn

from zoo.networks import sngan, sngan_cnn
from zoo.networks.layers import ConditionalBatchNorm2d, SNConv2d, SNLinear, power_iteration
from zoo.official.chainer import of_resnet
from zoo.training.loading import model_class
from zoo.training.recipes import compose

# counted by running the official Chainer code (pfnet-research/sngan_projection @ e84b1a5, CGL @ cf9efba)
COUNTS = [
    (sngan.ResNetGenerator, (32,), 4_276_739),
    (sngan.ResNetGenerator, (32, None, 128, 10), 4_304_387),
    (sngan.ResNetDiscriminator, (32,), 1_053_824),
    (sngan.ResNetDiscriminator, (32, None, 10), 1_055_104),
    (sngan.ResNetGenerator, (64, None, 128, 1000), 17_974_915),
    (sngan.ResNetDiscriminator, (64, None, 1000), 11_165_441),
    (sngan.ResNetGenerator, (128, None, 128, 1000), 41_996_931),
    (sngan.ResNetGenerator, (128,), 32_150_787),
    (sngan.ResNetDiscriminator, (128, None, 1000), 30_041_857),
    (sngan.ResNetDiscriminator, (128,), 29_017_857),
    (sngan.ConcatDiscriminator, (128,), 30_538_625),
    (sngan.ResNetGenerator, (256, None, 128, 143), 10_662_659),
    (sngan.ResNetDiscriminator, (256, None, 143), 8_576_129),
    (sngan_cnn.cgl_generator, (32,), 3_828_739),
    (sngan_cnn.cgl_discriminator, (32,), 5_860_865),
]


@pytest.mark.parametrize(("build", "args", "count"), COUNTS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_parameter_counts_are_the_official_ones(build, args, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in build(*args).parameters()) == count


def weights(n_in: int, n_out: int, kernel: int) -> int:
    """Of a convolution with biases."""
    return n_out * (n_in * kernel**2 + 1)


def test_parameter_counts_of_the_small_resnet():
    """Summed by hand over the channels of gen_models/resnet_small.py and of its D, each times 64, 143 classes."""
    up = (512, 512, 256, 256, 128, 64)
    G = 129 * 512 * 16 + 2 * 64 + weights(64, 3, 3)
    for i, o in itertools.pairwise(up):
        G += 2 * 143 * (i + o) + weights(i, o, 3) + weights(o, o, 3) + weights(i, o, 1)
    D = weights(3, 64, 3) + weights(64, 64, 3) + weights(3, 64, 1) + 512 + 1 + 143 * 512
    for i, o in ((64, 128), (128, 256), (256, 256), (256, 512)):
        D += weights(i, i, 3) + weights(i, o, 3) + weights(i, o, 1)
    D += 2 * weights(512, 512, 3)  # the last block keeps its size: no shortcut
    with torch.device("meta"):
        built = sngan_cnn.build("resnet-small", 128, 143, 128, None, None)
    assert [sum(p.numel() for p in net.parameters()) for net in built] == [G, D]


def test_the_small_resnet_draws_at_128_px_alone():
    G, D = sngan_cnn.build("resnet-small", 128, 3, 4, 2, 2)
    label = torch.tensor([0, 2])
    images = G(torch.randn(2, 4), label)
    assert images.shape == (2, 3, 128, 128)
    assert D(images, label).shape == (2,)
    with pytest.raises(ValueError, match=r"64 px; choose one of \[128\]"):
        sngan_cnn.build("resnet-small", 64, 3, 4, 2, 2)


@pytest.mark.parametrize(("resolution", "first"), [(64, 1024), (128, 512), (256, 512)])
def test_recipes_of_dogs_and_cats_build(resolution, first):
    folder = ROOT / "reproductions" / "sngan"
    recipe = folder / f"dogs-and-cats-{resolution}.yaml"
    settings = compose(folder / "paper.yaml", ["--config", str(recipe)])[0]["model"]
    with torch.device("meta"):
        gan = model_class("sngan")(**settings)
        images = gan.G(torch.empty(2, 128), torch.zeros(2, dtype=torch.long))
    assert images.shape == (2, 3, resolution, resolution)
    assert gan.G.dense.out_features == first * 16
    assert gan.D.embedding.num_embeddings == gan.n_classes == 143


@pytest.mark.parametrize("architecture", ["resnet", "resnet-small"])
def test_a_file_of_128_px_tells_its_resnet_by_its_channels(architecture):
    G, _ = sngan_cnn.build(architecture, 128, 3, 4, 2, 2)
    arrays = {"l1/W": G.dense.weight, "l7/W": G.conv.weight}
    for k, block in enumerate(G.blocks, 2):
        arrays |= {f"block{k}/c1/W": block.conv1.weight, f"block{k}/c2/W": block.conv2.weight}
        arrays[f"block{k}/b1/gammas/W"] = block.norm1.gamma.weight
    settings, _, _ = of_resnet({"G": {name: a.detach().numpy() for name, a in arrays.items()}})
    assert (settings["architecture"], settings["resolution"], settings["width_g"]) == (architecture, 128, 2)


@pytest.mark.parametrize("resolution", sorted(sngan.GENERATORS))
def test_shapes_and_range(resolution):
    G = sngan.ResNetGenerator(resolution, 2, 4, n_classes=3)
    D = sngan.ResNetDiscriminator(resolution, 2, n_classes=3)
    images = G(torch.randn(2, 4), torch.tensor([0, 2]))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert D(images, torch.tensor([0, 2])).shape == (2,)


@pytest.mark.parametrize("resolution", [32, 48])
def test_cnn_shapes(resolution):
    images = sngan_cnn.CNNGenerator(resolution, 2, 4)(torch.randn(2, 4))
    assert images.shape == (2, 3, resolution, resolution)
    assert sngan_cnn.CNNDiscriminator(resolution, (2,) * 7)(images).shape == (2,)


def test_wrong_resolution_names_the_right_ones():
    with pytest.raises(ValueError, match=r"100 px; choose one of \[32, 48, 64, 128, 256\]"):
        sngan.ResNetGenerator(100)
    with pytest.raises(ValueError, match="128 px"):
        sngan.ConcatDiscriminator(64)


def test_power_iteration_closed_form():
    """For W = diag(s) and u0 = a: sigma_k^2 = sum a^2 s^4k / sum a^2 s^(4k-2)."""
    s = torch.tensor([3.0, 2.0, 1.0, 0.5], dtype=torch.float64)
    a = torch.tensor([0.3, 1.0, -0.7, 0.2], dtype=torch.float64)
    u = a
    for k in range(1, 6):
        sigma, u, _ = power_iteration(torch.diag(s), u)
        expected = ((a**2 * s ** (4 * k)).sum() / (a**2 * s ** (4 * k - 2)).sum()).sqrt()
        torch.testing.assert_close(sigma, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(sigma.item(), 2.993775, rtol=0, atol=1e-6)


def test_gradient_is_orthogonal_to_the_weight():
    """sigma is homogeneous of degree one in W, so <dL/dW, W> = 0 for every loss of the normalised weight."""
    layer = SNConv2d(3, 5, 3).double()
    (layer(torch.randn(2, 3, 8, 8, dtype=torch.float64)) ** 2).sum().backward()
    inner = (layer.weight.grad * layer.weight).sum()
    assert abs(inner) < 1e-10 * layer.weight.grad.norm() * layer.weight.norm()


def test_output_ignores_the_scale_of_the_weight():
    layer = SNLinear(6, 4, bias=False).double()
    x, u = torch.randn(3, 6, dtype=torch.float64), layer.u.clone()
    before = layer(x)
    layer.weight.data *= 7.5
    layer.u.copy_(u)
    torch.testing.assert_close(layer(x), before, rtol=1e-10, atol=1e-10)  # eps = 1e-12 does not scale


def test_single_output_is_exact_after_one_round():
    layer = SNLinear(6, 1).double()
    torch.testing.assert_close(layer.normalized_weight().norm().item(), 1.0)


def test_u_is_kept_as_chainer_keeps_it():
    """Convolutions keep u only in train mode, linear layers always."""
    conv, linear = SNConv2d(3, 4, 1), SNLinear(3, 4)
    for layer, kept_in_eval in ((conv, False), (linear, True)):
        for training in (True, False):
            layer.train(training)
            before = layer.u.clone()
            layer.normalized_weight()
            assert torch.equal(layer.u, before) != (training or kept_in_eval)


def test_conditional_batch_norm_is_a_gain_and_bias_per_class():
    norm = ConditionalBatchNorm2d(3, n_classes=2)
    nn.init.normal_(norm.gamma.weight)
    nn.init.normal_(norm.beta.weight)
    x, label = torch.randn(4, 3, 5, 5), torch.tensor([0, 1, 1, 0])
    plain = nn.functional.batch_norm(x, None, None, training=True)
    expected = plain * norm.gamma.weight[label][:, :, None, None] + norm.beta.weight[label][:, :, None, None]
    torch.testing.assert_close(norm(x, label), expected)
    with pytest.raises(ValueError, match="2 classes: give a label"):
        norm(x)


def test_residual_blocks_do_not_rectify_their_shortcut():
    """An in-place ReLU at the head of a block would also rectify what the shortcut takes."""
    block = sngan.DownBlock(4, 4, down=False)
    for conv in (block.conv1, block.conv2):
        nn.init.zeros_(conv.weight)
    x = -torch.rand(1, 4, 6, 6)
    nn.init.dirac_(block.conv2.weight)  # zero weight cannot be normalised; conv1's output is its zero bias
    block.conv1.weight.data[0, 0, 0, 0] = 1e-6
    nn.init.zeros_(block.conv1.bias)
    with torch.no_grad():
        out = block(x.clone())
    assert (out < 0).any()
