"""Bytes as the numbers that networks see."""

import torch
from torch import Tensor


def to_float(
    images: Tensor,
    divisor: float = 127.5,
    noise: float = 0.0,
    flip: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """uint8 images (N, 3, R, R) as float32 `x / divisor - 1 + U[0, noise)`, each mirrored with p = 1/2 if `flip`.

    With the divisor 127.5 the range is [-1, 1], both ends exact. SNGAN takes 128 and noise 1/128 (dequantisation,
    pfnet-research/sngan_projection datasets/cifar10.py:20-21). The result is on the device of the images, and so
    must be the generator.
    """
    x = images.float().div_(divisor).sub_(1)
    if noise:
        x.add_(torch.rand(x.shape, generator=generator, device=x.device), alpha=noise)
    if flip:
        mirrored = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
        x = torch.where(mirrored, x.flip(-1), x)
    return x
