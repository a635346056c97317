"""Multi-scale structural similarity between pairs of images of one set, a measure of variation (lower: more of it).

Odena et al. 2017 (arXiv 1610.09585) and Karras et al. 2018 (arXiv 1710.10196): only meaningful beside
the same number of the training set. The definition is that of tkarras/progressive_growing_of_gans @ 2504c3f
metrics/ms_ssim.py ("PG"), after Wang et al. 2003. No network is involved.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
RANGE, K1, K2 = 255.0, 0.01, 0.03


def window(size: int, sigma: float, like: Tensor) -> Tensor:
    """Normalised Gaussian (size,) around the middle of `size` pixels."""
    x = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    g = torch.exp(-x.square() / (2 * sigma**2))
    return g / g.sum()


def smooth(x: Tensor, g: Tensor) -> Tensor:
    """Maps (N, C, H, W) filtered by the window, only where it fits.

    As a sum of shifted maps: PyTorch's float64 convolutions on a CPU take three to nine times as long.
    """
    taps = g.tolist()
    for axis in (-1, -2):
        size = x.shape[axis] - len(taps) + 1
        total = x.narrow(axis, 0, size) * taps[0]
        for k, tap in enumerate(taps[1:], 1):
            total.add_(x.narrow(axis, k, size), alpha=tap)
        x = total
    return x


def ssim(a: Tensor, b: Tensor, size: int = 11, sigma: float = 1.5) -> tuple[Tensor, Tensor]:
    """Structural similarity and its contrast-structure part of image pairs, (N,) each, channels averaged jointly.

    Args:
        a, b: (N, C, H, W) in [0, 255].
        size, sigma: of the Gaussian window; both shrink on maps that are smaller.
    """
    used = min(size, *a.shape[-2:])
    g = window(used, sigma * used / size, a)
    mean_a, mean_b = smooth(a, g), smooth(b, g)
    var_a, var_b = smooth(a * a, g) - mean_a**2, smooth(b * b, g) - mean_b**2
    cov = smooth(a * b, g) - mean_a * mean_b
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    contrast = (2 * cov + c2) / (var_a + var_b + c2)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def ms_ssim(a: Tensor, b: Tensor, weights: tuple[float, ...] = WEIGHTS) -> Tensor:
    """MS-SSIM of image pairs (N,): five scales by 2x2 means, each term clipped at 0 before its power.

    Args:
        a, b: (N, C, H, W) in [0, 255], uint8 or float; computed in float64.

    Raises:
        ValueError: if the pairs differ in shape, the images cannot be halved often enough, or no number exceeds 1.
    """
    if a.shape != b.shape:
        raise ValueError(f"MS-SSIM compares equal shapes, not {tuple(a.shape)} and {tuple(b.shape)}")
    halvings = 2 ** (len(weights) - 1)
    if any(side % halvings for side in a.shape[-2:]):
        raise ValueError(f"MS-SSIM of {len(weights)} scales needs sides divisible by {halvings}")
    if a.is_floating_point() and len(a) and max(a.max(), b.max()) <= 1:  # against 255 they would all be alike
        raise ValueError("MS-SSIM takes images in 0 to 255, and no number of these exceeds 1: multiply them by 255")
    a, b = a.double(), b.double()
    product = torch.ones(len(a), dtype=a.dtype, device=a.device)
    for i, weight in enumerate(weights):
        similarity, contrast = ssim(a, b)
        last = i == len(weights) - 1
        product = product * (similarity if last else contrast).clamp(min=0) ** weight
        if not last:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return product


def ms_ssim_of_pairs(images: Tensor) -> float:
    """Mean MS-SSIM of consecutive pairs: images 0 and 1, 2 and 3, ... (the paper takes 10,000 pairs)."""
    if len(images) < 2 or len(images) % 2:
        raise ValueError(f"MS-SSIM of pairs needs an even number of images, not {len(images)}")
    return ms_ssim(images[0::2], images[1::2]).mean().item()
