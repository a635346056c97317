"""PGGAN's networks by its settings: the paper's, those of the other rows of its Table 1, and of its mode test.

TH = tkarras/progressive_growing_of_gans, branch original-theano-version @ 1a05598.
"""

from torch import nn

from zoo.networks.mnist_modes import ModesDiscriminator, ModesGenerator
from zoo.networks.pggan import Discriminator, Generator
from zoo.options import ranges


def networks(
    resolution: int,
    n_classes: int,
    latent_dim: int,
    grows: bool,
    *,
    fmap_base: ranges.Width = 8192,
    fmap_max: ranges.Width = 512,
    pixel_norm: bool = True,
    equalized: bool = True,
    stddev_group: ranges.NonNegativeInt | None = None,
    fused: bool = False,
    label_after_norm: bool = True,
    gulrajani: bool = False,
    kernels: ranges.NonNegativeInt = 0,
    crippled: ranges.PositiveInt | None = None,
) -> tuple[nn.Module, nn.Module]:
    """G and D.

    Args:
        resolution, n_classes, latent_dim: as PGGAN's.
        grows: whether there are stages below the full resolution.
        fmap_base: channels of stage s are min(fmap_base / 2^s, fmap_max).
        fmap_max: most channels of a layer.
        pixel_norm: after each layer of G; the latent lies on a sphere in any case.
        equalized: scale weights at run time; False scales the first weights (He).
        stddev_group: images of a group of the minibatch stddev; None for the whole batch, 0 for none.
        fused: D's halving convolutions average before bias and activation, as in TF, not behind them.
        label_after_norm: the label joins z behind the pixel norm, as in TH.
        gulrajani: batch norm, ReLU and tanh in G, a latent that is not normalised, layer norm in D: Table 1's rows
            a to c (TH config.py:128-168).
        kernels: of minibatch discrimination in D, Table 1's row e*; 0 for none.
        crippled: the small networks of the MNIST mode test instead, D's widths divided by this; None for the
            paper's. `equalized` then stands for the paper's norms as a whole, in place of batch norm, stddev_group
            is None or 0, and the other options are left out.

    Raises:
        ValueError: for widths that leave no channel, or what the small networks do not have.
    """
    if crippled is not None:
        others = {"n_classes": not n_classes, "stddev_group": stddev_group in (None, 0)}
        others |= {"fmap_base": fmap_base == 8192, "fmap_max": fmap_max == 512, "fused": not fused}
        others |= {"pixel_norm": pixel_norm, "label_after_norm": label_after_norm, "gulrajani": not gulrajani}
        for option in (name for name, usual in (others | {"kernels": not kernels}).items() if not usual):
            raise ValueError(f"the networks of the mode test (crippled) know no other {option}: leave it out")
        G = ModesGenerator(resolution, latent_dim, equalized)
        return G, ModesDiscriminator(resolution, crippled, equalized, stddev_group is None, grows)
    common = {"n_classes": n_classes, "fmap_base": fmap_base, "fmap_max": fmap_max, "equalized": equalized}
    more_g = {"normalize": pixel_norm, "label_after_norm": label_after_norm, "gulrajani": gulrajani}
    more_d = {"stddev_group": stddev_group, "fused": fused, "layer_norm": gulrajani, "kernels": kernels}
    return Generator(resolution, latent_dim, **common, **more_g), Discriminator(resolution, **common, **more_d)
