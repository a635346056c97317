"""Both ways through a model that has `encode(images (N, 3, R, R) in [-1, 1]) -> latents (N, latent_dim)`."""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.options.bar import track

BATCH = 64  # images in one pass


def check_encoder(gan: GAN) -> None:
    """Refuse a model that cannot encode.

    Raises:
        ValueError: naming the model.
    """
    if not hasattr(gan, "encode"):
        raise ValueError(
            f"{type(gan).__name__} has no encoder, so it cannot place a photo in its latent space: take a "
            "checkpoint of a model that has one, such as introvae"
        )
    if getattr(gan, "only_G", False):
        raise ValueError(
            f"the file of this {type(gan).__name__} holds G alone, without its encoder: give the checkpoint it was "
            "exported from"
        )


class Images(Protocol):
    """Images (N, 3, R, R) in [-1, 1] that come in batches: a tensor, or photos that are read on the way."""

    def __len__(self) -> int: ...

    def split(self, size: int) -> Iterable[Tensor]: ...


def encode(gan: GAN, images: Images) -> Tensor:
    """Latents (N, latent_dim) of images, in batches, on the CPU."""
    check_encoder(gan)
    parts = track(images.split(BATCH), len(images), len, "encoding")
    return torch.cat([gan.encode(part.to(gan.device, gan.dtype)).cpu() for part in parts])


def decode(gan: GAN, z: Tensor, ema: bool = True) -> Tensor:
    """Images (N, 3, R, R) of latents (N, latent_dim), clipped to [-1, 1], in batches, on the CPU."""
    parts = track(z.split(BATCH), len(z), len, "drawing")
    return torch.cat([gan.decode(part.to(gan.device, gan.dtype), ema=ema).cpu().clamp(-1, 1) for part in parts])
