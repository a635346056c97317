"""f-GAN's networks against the notebook's layers; its golden vectors are of the 1-D pair alone."""

import torch

from zoo.networks.fgan import Generator, Variational


def weights(net):
    return [tuple(p.shape) for name, p in net.named_parameters() if name.endswith("weight")]


def test_the_cifar_notebook_s_layers():
    """mlss2018-madrid-gan, GAN - CIFAR.ipynb: G's first batch norm is of each of 8192 units, not of 512 maps."""
    with torch.device("meta"):
        G, V = Generator(), Variational()
    deconvs = [(512, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4)]
    assert weights(G) == [(8192, 100), (8192,), (256,), (128,), (64,), *deconvs, (3, 64, 3, 3)]
    convs = [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4)]
    assert weights(V) == [*convs, (64,), (128,), (256,), (512, 4096), (512,), (1, 512)]


def test_each_unit_of_g_s_dense_layer_is_normalised_by_itself():
    torch.manual_seed(0)
    G, seen = Generator(8, 2, 5), []
    G.deconvs[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        G.dense.weight.mul_(torch.logspace(0, 2, len(G.dense.weight))[:, None])
        G(torch.rand(400, 5))
    assert seen[0].shape == (400, 4, 4, 4)
    active = seen[0].square().mean(0)  # of a unit with mean 0 and variance 1, half is left by ReLU
    assert active.min() > 0.3
    assert active.max() < 0.7
