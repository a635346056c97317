"""Bytes as the numbers that networks see."""

import torch
import torch.nn.functional as F
from torch import Tensor


def check_range(divisor: float, noise: float) -> None:
    """Refuse numbers that lead white far from 1: every paper's networks take [-1, 1].

    Raises:
        ValueError: naming the option.
    """
    white = 255 / divisor - 1
    if not 0.95 <= white <= 1.05:
        raise ValueError(
            f"divisor {divisor:g} makes {white:g} of white, networks take [-1, 1]: give about 127.5, such as 128"
        )
    if white + noise > 1.05:
        raise ValueError(f"noise {noise:g} leads far out of [-1, 1], which networks take: give 1/128 or so, or 0")


def to_float(
    images: Tensor,
    divisor: float = 127.5,
    noise: float = 0.0,
    flip: bool = False,
    generator: torch.Generator | None = None,
    places: Tensor | None = None,
    whole: int | None = None,
) -> Tensor:
    """uint8 images (N, 3, R, R) as float32 `x / divisor - 1 + U[0, noise)`, each mirrored with p = 1/2 if `flip`.

    With the divisor 127.5 the range is [-1, 1], both ends exact. SNGAN takes 128 and noise 1/128 (dequantisation,
    pfnet-research/sngan_projection datasets/cifar10.py:20-21). The result is on the device of the images, and so
    must be the generator. Of numbers drawn for a batch of `whole` images these are those at the `places` (N,).
    """
    x = images.float().div_(divisor).sub_(1)

    def drawn(*shape: int) -> Tensor:
        u = torch.rand(len(x) if whole is None else whole, *shape, generator=generator, device=x.device)
        return u if places is None else u[places.to(x.device)]

    if noise:
        x.add_(drawn(*x.shape[1:]), alpha=noise)
    if flip:
        x = torch.where(drawn(1, 1, 1) < 0.5, x.flip(-1), x)
    return x


def cropped(
    x: Tensor,
    share: float,
    generator: torch.Generator | None = None,
    places: Tensor | None = None,
    whole: int | None = None,
) -> Tensor:
    """Of each image (N, C, R, R) a square of `share` of its side at a random corner, enlarged to R bilinearly.

    Corners are whole pixels, as pfnet-research/sngan_projection datasets/imagenet_dog_and_cat.py draws them;
    `places` and `whole` are those of `to_float`.
    """
    n, _, side, _ = x.shape
    kept = int(side * share)
    corner = torch.randint(side - kept + 1, (whole or n, 2), generator=generator, device=x.device)
    corner = corner if places is None else corner[places.to(x.device)]
    shift = (2 * corner + kept - side).to(x.dtype) / side  # of the square's middle, in half sides
    theta = x.new_zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = kept / side
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
