"""Sliced Wasserstein distance of Laplacian-pyramid patches (Karras et al. 2018, arXiv 1710.10196).

Two sets of images are compared one level of detail at a time: small distances at 16 px say that the large structure
agrees, small ones at the full size that the pixels do. The definition is that of the authors' code,
tkarras/progressive_growing_of_gans @ 2504c3f metrics/sliced_wasserstein.py ("PG"). No network is involved.

    swd(reals, fakes)  # batches of uint8 images -> {"swd_32": 3.1, "swd_16": 4.5, "swd_average": 3.8}
"""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

COARSEST = 16  # px of the last level (PG)
PATCH = 7  # px of a descriptor's side


def blur5(x: Tensor, gain: float = 1.0) -> Tensor:
    """Maps (N, C, H, W) filtered by gain * [1, 4, 6, 4, 1] / 16 per axis, borders mirrored without the edge."""
    kernel = x.new_tensor([1, 4, 6, 4, 1]) / 16
    kernel = (gain * kernel[:, None] * kernel).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=x.shape[1])


def halve(x: Tensor) -> Tensor:
    """Every second pixel of the blurred maps."""
    return blur5(x)[..., ::2, ::2]


def double(x: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, then blurred with gain 4."""
    wide = x.new_zeros(*x.shape[:-2], 2 * x.shape[-2], 2 * x.shape[-1])
    wide[..., ::2, ::2] = x
    return blur5(wide, 4.0)


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Images (N, C, R, R) in [0, 255] -> float32 levels of R, R / 2, ..., 16 px; the last is the low-pass residue.

    Raises:
        ValueError: for images that are not squares of 16 px times a power of two.
    """
    height, width = images.shape[-2:]
    doublings = (height // COARSEST).bit_length() - 1
    if height != width or height < COARSEST or height != COARSEST * 2**doublings:
        raise ValueError(f"SWD needs squares of 16, 32, 64, ... px, not {height}x{width}")
    levels = [images.float()]
    for _ in range(doublings):
        lower = halve(levels[-1])
        levels[-1] = levels[-1] - double(lower)
        levels.append(lower)
    return levels


def patches(level: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The 7x7 neighbourhoods (N * K, C, 7, 7) of the centres x, y (N * K,), of which each image owns K in a row.

    Axes are channel, column, row, as PG indexes them: a patch is transposed.
    """
    image = torch.arange(len(x), device=level.device) // (len(x) // len(level))
    offset = torch.arange(PATCH, device=level.device) - PATCH // 2
    columns, rows = x[:, None, None] + offset[:, None], y[:, None, None] + offset
    return level[image[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


def random_patches(level: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n neighbourhoods of every image with centres drawn uniformly, (N * n, C, 7, 7)."""
    margin = PATCH // 2
    x, y = (
        torch.randint(margin, level.shape[-1] - margin, (len(level) * n,), generator=generator).to(level.device)
        for _ in range(2)
    )
    return patches(level, x, y)


def standardize(found: Tensor) -> Tensor:
    """Patches (M, C, 7, 7) of a whole set with mean 0 and deviation 1 per channel, flat (M, C * 49).

    Raises:
        ValueError: for a channel of one value, which has no deviation.
    """
    if (found.amax((0, 2, 3)) == found.amin((0, 2, 3))).any():
        raise ValueError("SWD divides by each colour's deviation, and one set of images has a colour of one value")
    deviation, mean = torch.std_mean(found, dim=(0, 2, 3), keepdim=True, correction=0)
    return ((found - mean) / deviation).flatten(1)


def sorted_columns(x: Tensor) -> Tensor:
    """Each column of x (M, n) in ascending order, as rows (n, M); on a CPU by NumPy, in a fifth of the time."""
    rows = x.T.contiguous()
    return torch.from_numpy(np.sort(rows.numpy())) if rows.device.type == "cpu" else rows.sort().values


def sliced_wasserstein(a: Tensor, b: Tensor, directions: Tensor) -> float:
    """Mean distance of the sorted projections of two sets of descriptors.

    Args:
        a, b: (M, dim) each.
        directions: (repeats, dim, n) normal draws; every column is normalised here.
    """
    distances = []
    for some in directions:
        unit = (some / some.norm(dim=0)).to(a.dtype)
        distances.append((sorted_columns(a @ unit) - sorted_columns(b @ unit)).abs().mean())
    return torch.stack(distances).mean().item()


def set_descriptors(batches: Iterable[Tensor], n: int, generator: torch.Generator) -> dict[int, Tensor]:
    """Standardised descriptors of each level of a set of uint8 images (N, C, R, R): {side: (M, C * 49)}."""
    found: dict[int, list[Tensor]] = {}
    for images in batches:
        for level in laplacian_pyramid(images):
            found.setdefault(level.shape[-1], []).append(random_patches(level, n, generator))
    return {side: standardize(torch.cat(parts)) for side, parts in found.items()}


def swd(
    reals: Iterable[Tensor],
    fakes: Iterable[Tensor],
    n_patches: int = 128,
    repeats: int = 4,
    n_directions: int = 128,
    seed: int = 0,
) -> dict[str, float]:
    """SWD times 1000 at each level of detail and their mean (PG).

    The paper takes 16,384 images of each set (config.py:134).

    Memory: 4 * 49 * C * n_patches bytes per image, level and set (1.2 GB a level for the paper's numbers).

    Args:
        reals, fakes: batches of uint8 images (N, C, R, R), as many of the one as of the other.
        n_patches: neighbourhoods of each image at each level.
        repeats, n_directions: of the projections.
        seed: of neighbourhoods and directions.

    Raises:
        ValueError: if the sets differ in size or resolution, the resolution does not fit, or a colour is constant.
    """
    generator = torch.Generator().manual_seed(seed)
    a, b = (set_descriptors(batches, n_patches, generator) for batches in (reals, fakes))
    if {k: v.shape for k, v in a.items()} != {k: v.shape for k, v in b.items()}:
        raise ValueError("SWD compares equally many images of one size; the two sets differ")
    result = {}
    for side, descriptors in a.items():
        directions = torch.randn(repeats, descriptors.shape[1], n_directions, generator=generator)
        result[f"swd_{side}"] = 1000 * sliced_wasserstein(descriptors, b[side], directions.to(descriptors.device))
    return result | {"swd_average": sum(result.values()) / len(result)}
