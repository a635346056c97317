"""The DCGAN of Heusel et al. 2017 (arXiv 1706.08500) as in bioinf-jku/TTUR @ 73ab375 ("T"), DCGAN_FID_batched.

In shape it is `zoo.networks.rothgan`'s: both are forks of one TensorFlow DCGAN. Its initial weights and the
running averages of its batch norm are T's own. z is (N, latent_dim) ~ U(-1, 1), images are (N, 3, R, R) in
[-1, 1], logits (N,). T's WGAN-GP networks are `GoodGenerator` and `GoodCritic` of `zoo.networks.wgan_gp`.
"""

from torch import nn

from zoo.networks.batchnorm import BiasedBatchNorm2d
from zoo.networks.rothgan import DCGANDiscriminator, DCGANGenerator

STD = 0.02


def start_normal(net: nn.Module) -> nn.Module:
    """Normal weights of deviation 0.02, a convolution's cut at two of them; zero biases (T: ops.py:53-124).

    Transposed convolutions and dense layers are not cut; batch norms keep gain 1 and bias 0.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, std=STD, a=-2 * STD, b=2 * STD)
        elif isinstance(layer, nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=STD)
        else:
            continue
        nn.init.zeros_(layer.bias)
    return net


def generator(resolution: int = 64, width: int = 64, latent_dim: int = 100, channels: int = 3) -> DCGANGenerator:
    """G: dense, then four 5x5 stride-2 transposed convolutions (T: model.py:446-488).

    Args:
        resolution: divisible by 16 (paper: 64, or 32 for CIFAR-10 and SVHN).
        width: channels of the last hidden map (paper: 64; the first has 8 times as many).
        latent_dim: length of z (paper: 100).
        channels: colours of an image.

    Raises:
        ValueError: for a resolution that does not divide.
    """
    return start_normal(DCGANGenerator(resolution, width, latent_dim, BiasedBatchNorm2d, channels=channels))


def discriminator(resolution: int = 64, width: int = 64, channels: int = 3) -> DCGANDiscriminator:
    """D: four 5x5 stride-2 convolutions, batch norm on all but the first (T: model.py:415-443).

    Args and errors are the generator's.
    """
    return start_normal(DCGANDiscriminator(resolution, width, BiasedBatchNorm2d, channels=channels))
