"""The released BigGAN-deep generators (Brock et al. 2019) as in huggingface/pytorch-pretrained-BigGAN @ 1e18aed.

They were trained by code that was never released and come without a discriminator: they draw and are scored, and
are not trained here. `zoo import` makes checkpoints of them; `zoo.papers.biggan` is the paper's algorithm.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo.engine.gan import GAN
from zoo.networks.biggan_layers import BatchNorm2d
from zoo.official.biggan import between, tfhub_network
from zoo.options.ranges import NonNegativeInt, PositiveFloat, PositiveInt, SomeClasses, Width

BOUND = 2.0  # z is truncation * TN(-2, 2) (HF utils.py truncated_noise_sample)


class ReleasedGenerator(nn.Module):
    """z (N, latent_dim), label (N,) -> images (N, 3, R, R) in [-1, 1], with statistics for each truncation.

    The rows `mean_<i>`, `var_<i>` (n_stats, C) of batch norm i belong to truncations from 0 to 1 in equal steps;
    `choose` puts those of one truncation, at first 1, into the network.
    """

    def __init__(self, network: nn.Module, n_stats: int) -> None:
        super().__init__()
        self.network = network
        self.norms = [name for name, m in network.named_modules() if isinstance(m, BatchNorm2d)]
        for i, name in enumerate(self.norms):
            channels = network.get_submodule(name).running_mean.shape[0]
            self.register_buffer(f"mean_{i}", torch.zeros(n_stats, channels))
            self.register_buffer(f"var_{i}", torch.ones(n_stats, channels))

    def state_of(self, converted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`zoo.official.biggan.convert_release`'s tensors under the names of this module, truncation 1 chosen."""
        state = {f"network.{name}": tensor for name, tensor in converted.items()}
        for i, norm in enumerate(self.norms):
            for ours, leaf in (("mean", "running_mean"), ("var", "running_var")):
                if f"network.{norm}.{leaf}" in state:
                    state[f"{ours}_{i}"] = rows = state[f"network.{norm}.{leaf}"]
                    state[f"network.{norm}.{leaf}"] = rows[-1].clone()
        return state

    def choose(self, truncation: float) -> None:
        """Take the statistics of a truncation in [0, 1]."""
        for i, name in enumerate(self.norms):
            norm = self.network.get_submodule(name)
            norm.running_mean.copy_(between(getattr(self, f"mean_{i}"), truncation))
            norm.running_var.copy_(between(getattr(self, f"var_{i}"), truncation))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.network(z, label)


class BigGANDeepRelease(GAN):
    """A released BigGAN-deep generator, alone.

    Args:
        layers: (doubles the size, channels / width before, after) of each block (HF config.py).
        attention_position: number of blocks before the attention.
        width: ch, base number of channels.
        latent_dim: length of z.
        n_classes: number of classes.
        shared_dim: length of the class embedding.
        bn_eps: of all batch norms.
        n_stats: truncations that there are statistics for.
    """

    def __init__(
        self,
        layers: Sequence[Sequence] = ((True, 16, 16),),
        attention_position: NonNegativeInt = 8,
        width: Width = 128,
        latent_dim: Width = 128,
        n_classes: SomeClasses = 1000,
        shared_dim: NonNegativeInt = 128,
        bn_eps: PositiveFloat = 1e-4,
        n_stats: PositiveInt = 51,
    ) -> None:
        network = tfhub_network(layers, attention_position, width, latent_dim, n_classes, shared_dim, bn_eps)
        super().__init__(
            ReleasedGenerator(network, n_stats),
            nn.Identity(),
            resolution=4 * 2 ** sum(bool(up) for up, _, _ in layers),
            latent_dim=latent_dim,
            n_classes=n_classes,
            images_per_step=1,
            total_kimg=0,
        )
        self.save_hyperparameters()

    def on_fit_start(self) -> None:
        """Raises ValueError: there is nothing to train against."""
        raise ValueError("the released BigGAN-deep has no discriminator, so it cannot be trained: train biggan")

    def configure_optimizers(self) -> list:
        return []

    def indexed_latents(
        self, n: int, seed: int = 0, start: int = 0, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """z = truncation * TN(-2, 2), as the authors draw; None is a truncation of 1.

        Raises:
            ValueError: for a truncation outside of (0, 1].
        """
        scale = check_truncation(truncation)
        z, y = super().indexed_latents(n, seed, start, BOUND)
        return scale * z, y

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        """Images of z, which is scaled already, with the statistics of the truncation."""
        G.choose(check_truncation(truncation))
        return G(z, label)


def check_truncation(truncation: float | None) -> float:
    """The truncation, 1 for None.

    Raises:
        ValueError: outside of (0, 1], where the file has no statistics.
    """
    truncation = 1.0 if truncation is None else truncation
    if not 0 < truncation <= 1:
        raise ValueError(f"the released BigGAN-deep has statistics for truncations in (0, 1], not {truncation:g}")
    return truncation
