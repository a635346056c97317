"""Points of the submanifold mixture: Gaussians on a circle that lies in a tilted plane of three dimensions.

The toy on which Roth et al. 2017 (arXiv 1705.09367) show a GAN fail for want of a density, as in
rothk/Stabilizing_GANs @ 023b84d, 3DGAN/3DGAN.py:103-134.
"""

import math

import torch
from torch import Tensor

MODES = 7


def centres(n_modes: int = MODES) -> Tensor:
    """Where the modes lie in the plane, (n_modes, 2): (sin, cos) of 2 pi k / n_modes."""
    angle = 2 * math.pi * torch.arange(n_modes, dtype=torch.float64) / n_modes
    return torch.stack([angle.sin(), angle.cos()], 1)


def rotation(dtype: torch.dtype = torch.float64) -> Tensor:
    """(3, 3) matrix by which row vectors are multiplied: Rodrigues' formula for the axis (1, -1, 0) and pi/4."""
    x, y, z = torch.tensor([1, -1, 0], dtype=torch.float64) / math.sqrt(2)
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    angle = math.pi / 4
    matrix = torch.eye(3, dtype=torch.float64) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return matrix.to(dtype)


def embed(points: Tensor) -> Tensor:
    """Points of the plane (N, 2) in space (N, 3): (x, y, 0) rotated, then moved by (1, 1, 1) / sqrt(3)."""
    flat = torch.nn.functional.pad(points, (0, 1))
    return flat @ rotation(points.dtype).to(points.device) + 1 / math.sqrt(3)


def project(points: Tensor) -> Tensor:
    """What `embed` undoes: points of space (N, 3) as (x, y) of the plane, (N, 2); their height above it is lost."""
    return ((points - 1 / math.sqrt(3)) @ rotation(points.dtype).to(points.device).T)[:, :2]


def submanifold_mixture(n: int, generator: torch.Generator | None = None, std: float = 0.01) -> Tensor:
    """n float32 points (n, 3): a mode uniformly, normal noise of `std` in the plane, embedded."""
    mode = torch.randint(MODES, (n,), generator=generator)
    points = centres()[mode].float() + std * torch.randn(n, 2, generator=generator)
    return embed(points)
