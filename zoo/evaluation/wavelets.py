"""Frechet wavelet packet distance (Veeramacheneni et al., ICLR 2025, arXiv 2312.15289): no network, no weights.

Images in [0, 1] are taken apart into Haar packets down to one level; each packet of all images is a set of points,
and the distance is the mean over the packets of the Frechet distances. The paper goes to level 4 at 256 px, packets
of 16 px; below 256 px the level here keeps that size. It stands in the name: `fwd-1` at 32 px, `fwd-2` at 64 px.
Larger images have none: at 1024 px the 256 covariances of level 4 would fill 288 GiB.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from zoo.evaluation.metrics import Moments, frechet_distance

PACKET = 16  # px of a packet's side: the paper's 4 levels of 256 px
HIGHEST = 4  # the paper's level


def level_of(side: int) -> int:
    """log2(side / 16), at least 1 and at most the paper's 4.

    Raises:
        ValueError: for a side that so many halvings do not divide, or whose covariances no memory would hold.
    """
    if side > PACKET * 2**HIGHEST:
        raise ValueError(
            f"wavelet packets are taken up to 256 px, as in their paper: at {side} px each of {4**HIGHEST} packets "
            f"would have a covariance of {3 * (side // 2**HIGHEST) ** 2:,} rows"
        )
    level = min(max((side // PACKET).bit_length() - 1, 1), HIGHEST)
    if side % 2**level:
        raise ValueError(f"wavelet packets of level {level} need a side that {2**level} divides, not {side} px")
    return level


def packets(images: Tensor, level: int) -> Tensor:
    """Haar packets (4^level, N, C * H * W / 4^level), float64, of uint8 images (N, C, H, W).

    PyWavelets' `dwt2` is applied to each band again and again: every band is halved, not the coarse one alone.
    Sides are even at every level, so that no border is ever extended.
    """
    import pywt

    bands = [images.cpu().numpy().astype(np.float64) / 255]
    for _ in range(level):
        bands = [part for band in bands for part in _halved(pywt.dwt2(band, "haar", axes=(-2, -1)))]
    return torch.from_numpy(np.stack([band.reshape(len(band), -1) for band in bands]))


def _halved(transformed: tuple) -> tuple:
    return transformed[0], *transformed[1]


class PacketMoments:
    """Mean and covariance of every packet over a set of images."""

    def __init__(self, level: int) -> None:
        self.level, self.moments = level, [Moments() for _ in range(4**level)]

    def add(self, images: Tensor) -> None:
        """Count uint8 images (N, C, H, W)."""
        for moments, rows in zip(self.moments, packets(images, self.level), strict=True):
            moments.add(rows)


def fwd(reals: Iterable[Tensor], fakes: Iterable[Tensor], level: int | None = None) -> dict[str, float]:
    """`fwd-LEVEL` of batches of uint8 images (N, C, R, R); the level of their side by default.

    Raises:
        ValueError: for sides that do not fit, or fewer than two images.
    """
    sets: list[PacketMoments] = []
    for batches in (reals, fakes):
        counted = None
        for images in batches:
            level = level or level_of(images.shape[-1])
            counted = counted or PacketMoments(level)
            counted.add(images)
        if counted is None:
            raise ValueError("a wavelet distance needs images of both sets")
        sets.append(counted)
    pairs = zip(*(one.moments for one in sets), strict=True)
    return {f"fwd-{level}": float(np.mean([frechet_distance(*a.mean_cov(), *b.mean_cov()) for a, b in pairs]))}
