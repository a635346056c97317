"""How a model whose G maps z to w draws: truncation acts on w; noise follows from z, or is kept with the weights.

Functions of a GAN with `stored_noise` and `truncation_cutoff`, whose G is `zoo.networks.stylegan`'s.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from zoo.engine import sampling
from zoo.networks import stylegan as networks

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def noise_of(self: "GAN", z: Tensor) -> networks.Noise:
    """Noise of every layer, (N, 1, h, w) each, as samples of z have it."""
    if self.stored_noise:
        return "stored"
    return networks.noise_of(z, self.G.synthesis.used(self.trained_stage.lod))


def indexed_latents(
    self: "GAN", n: int, seed: int = 0, start: int = 0, truncation: float | None = None
) -> tuple[Tensor, Tensor | None]:
    """As `GAN.indexed_latents`, but z itself is never truncated: `generate` truncates w."""
    return sampling.indexed_latents(self, n, seed, start)


def generate(self: "GAN", G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
    """Images with w drawn towards its average by `truncation`, psi, in the coarsest layers."""
    return G(z, label, self.trained_stage.lod, self.noise_of(z), truncation, self.truncation_cutoff)


def renderer(self: "GAN", space: Literal["z", "w"], ema: bool, seed: int) -> tuple[Callable, Callable]:
    """For `zoo.evaluation.ppl`: latents to codes, and codes to images that share one draw of noise."""
    G = self.G_ema if ema else self.G
    noise = self.noise_of(torch.tensor([[float(seed)]], device=self.device))

    def synthesize(w: Tensor) -> Tensor:
        return G.synthesis(G.layered(w), self.trained_stage.lod, noise)

    if space == "w":
        return G.mapping, lambda w, label: synthesize(w)
    return (lambda z, label: z), lambda z, label: synthesize(G.mapping(z, label))
