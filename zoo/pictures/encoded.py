"""Sheets of a model with an encoder: reconstructions beside photos, neighbours, walks and attributes.

For every GAN of the zoo that has `encode(images (N, 3, R, R) in [-1, 1]) -> latents (N, latent_dim)` beside the
base class's `decode`. The commands of `python -m zoo` that end in a picture save a `Sheet`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo.data.photos import Photos
from zoo.engine.encoders import Images, decode, encode
from zoo.engine.gan import GAN
from zoo.pictures.grids import save_grid


@dataclass
class Sheet:
    """Images (N, 3, R, R) in [-1, 1] in reading order, and how many make a row."""

    images: Tensor
    columns: int

    def save(self, path: str | Path) -> None:
        """Write it as one PNG."""
        save_grid(self.images, Path(path), self.columns)


def pairs(images: Tensor, reconstructions: Tensor, columns: int = 4) -> Sheet:
    """Each image with its reconstruction at its right, `columns` pairs to a row."""
    return Sheet(torch.stack([images, reconstructions], 1).flatten(0, 1), 2 * min(columns, len(images)))


def neighbours(images: Tensor | Photos, z: Tensor, rows: int = 8, k: int = 7) -> Sheet:
    """The first `rows` images, each before the k others whose latents are the closest, nearest first.

    Raises:
        ValueError: for a single image, which has no neighbour.
    """
    if len(images) < 2:
        raise ValueError("one image has no neighbours: give a folder of at least two")
    distance = torch.cdist(z[:rows], z)
    nearest = distance.argsort(1)[:, : k + 1]  # an image is the nearest to itself
    return Sheet(images[nearest.flatten()], nearest.shape[1])


def interpolate(gan: GAN, a: Tensor, b: Tensor, steps: int = 8, ema: bool = True) -> Sheet:
    """Photo a, `steps` images on the straight line between the latents of a and b, photo b; photos (3, R, R).

    The first and the last of the images between are the reconstructions.

    Raises:
        ValueError: for fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"an interpolation needs at least 2 steps, its two ends, not {steps}")
    start, end = encode(gan, torch.stack([a, b]))
    t = torch.linspace(0, 1, steps)[:, None].to(start)
    between = decode(gan, start + t * (end - start), ema)
    return Sheet(torch.cat([a[None], between.to(a), b[None]]), steps + 2)


def direction(gan: GAN, with_it: Images, without: Images) -> Tensor:
    """The attribute's vector (latent_dim,): mean latent of images that have it minus that of images that do not."""
    return encode(gan, with_it).mean(0) - encode(gan, without).mean(0)


def move(gan: GAN, images: Tensor, vector: Tensor, strengths: Sequence[float], ema: bool = True) -> Sheet:
    """A row for each image: itself, then decoded with `strength` times the vector added to its latent.

    Raises:
        ValueError: without a strength.
    """
    if not strengths:
        raise ValueError("no strengths: give at least one number, such as [0,1]")
    z = encode(gan, images)
    moved = torch.stack([decode(gan, z + s * vector, ema) for s in strengths], 1)
    return Sheet(torch.cat([images[:, None], moved.to(images)], 1).flatten(0, 1), 1 + len(strengths))
