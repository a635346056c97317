"""Images disturbed on purpose, to learn what a distance notices.

Functions of uint8 images (N, 3, H, W) and a level, 0 for none; each image's random numbers are a pure function of
`seed` and its place. Gaussian noise mixed in, blur, rectangles, swirl, salt and pepper and foreign images are the
disturbances of Heusel et al. 2017 (arXiv 1706.08500, appendix A1; FID_vs_Inception_Score/README.md of the authors);
the levels there are `TTUR_LEVELS`.

    blur(images, 2.0); mixed_noise(images, 0.25, seed=1); foreign(images, others, 0.5)
"""

import io
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

#: disturbance -> the authors' levels
TTUR_LEVELS: dict[str, tuple[float, ...]] = {
    "mixed_noise": (0, 0.25, 0.5, 0.75),
    "blur": (0, 1, 2, 4),
    "rectangles": (0, 0.25, 0.5, 0.75),
    "swirl": (0, 1, 2, 4),
    "salt_and_pepper": (0, 0.1, 0.2, 0.3),
    "foreign": (0, 0.25, 0.5, 0.75),
}


def noise(images: Tensor, deviation: float, seed: int = 0) -> Tensor:
    """Gaussian noise of `deviation` levels of 255 added, rounded and clipped."""
    return images if deviation == 0 else to_bytes(images.float() + deviation * _normal(images, seed))


def mixed_noise(images: Tensor, share: float, seed: int = 0) -> Tensor:
    """(1 - share) x + share n: n is Gaussian noise, stretched image by image to 0..255."""
    if share == 0:
        return images
    n = _normal(images, seed)
    low, high = n.amin((1, 2, 3), keepdim=True), n.amax((1, 2, 3), keepdim=True)
    return to_bytes((1 - share) * images.float() + share * 255 * (n - low) / (high - low))


def blur(images: Tensor, sigma: float, seed: int = 0) -> Tensor:
    """Filtered by a Gaussian of `sigma` px, cut at four sigmas, borders mirrored without the edge."""
    if sigma == 0:
        return images
    radius = min(round(4 * sigma) or 1, images.shape[-1] - 1, images.shape[-2] - 1)
    weight = torch.exp(-torch.arange(-radius, radius + 1).float().square() / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(images.shape[1], 1, 1, -1)
    x = F.pad(images.float(), (radius,) * 4, mode="reflect")
    x = F.conv2d(x, weight, groups=images.shape[1])
    return to_bytes(F.conv2d(x, weight.transpose(2, 3), groups=images.shape[1]))


def jpeg(images: Tensor, quality: int, seed: int = 0) -> Tensor:
    """Saved as JPEG by Pillow at `quality` 1..95 and read again; 0 leaves the images alone."""
    if quality == 0:
        return images
    found = []
    for one in images:
        file = io.BytesIO()
        Image.fromarray(one.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=int(quality))
        found.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1))
    return torch.stack(found)


def rectangles(images: Tensor, share: float, seed: int = 0, n: int = 5) -> Tensor:
    """`n` black rectangles of `share` times the image's sides on each image, at random places."""
    height, width = (round(share * side) for side in images.shape[-2:])
    if min(height, width) == 0:
        return images
    at = torch.rand(len(images), n, 2, generator=torch.Generator().manual_seed(seed))
    tops = (at[..., 0] * (images.shape[-2] - height + 1)).long()[..., None]
    lefts = (at[..., 1] * (images.shape[-1] - width + 1)).long()[..., None]
    rows, columns = torch.arange(images.shape[-2]), torch.arange(images.shape[-1])
    inside = (rows >= tops) & (rows < tops + height)  # (N, n, H)
    across = (columns >= lefts) & (columns < lefts + width)
    black = (inside[..., :, None] & across[..., None, :]).any(1, keepdim=True)
    return images.masked_fill(black, 0)


def swirl(images: Tensor, strength: float, seed: int = 0, radius: float | None = None) -> Tensor:
    """Turned about the centre by `strength` exp(-5 rho / (radius ln 2)) radians at `rho` px from it, bilinear.

    Args:
        radius: extent in pixels; 25/64 of the side by default: 25 px of 64 (recalled of the paper's appendix).
    """
    if strength == 0:
        return images
    height, width = images.shape[-2:]
    radius = radius or 25 / 64 * width
    y, x = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    rho = torch.hypot(x, y)
    angle = torch.atan2(y, x) + strength * torch.exp(-5 * rho / (radius * float(np.log(2))))
    grid = torch.stack([2 * rho * torch.cos(angle) / width, 2 * rho * torch.sin(angle) / height], -1)
    grid = grid.expand(len(images), -1, -1, -1)
    return to_bytes(F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False))


def salt_and_pepper(images: Tensor, share: float, seed: int = 0) -> Tensor:
    """A `share` of the pixels black or white, each as likely."""
    u = torch.rand(len(images), 1, *images.shape[-2:], generator=torch.Generator().manual_seed(seed))
    return images.masked_fill(u < share / 2, 0).masked_fill((u >= share / 2) & (u < share), 255)


# ---- of whole sets


def foreign(images: Tensor, others: Tensor, share: float, seed: int = 0) -> Tensor:
    """A `share` of the images, at random places, replaced by the first of `others` (M, 3, H, W).

    Raises:
        ValueError: if there are fewer others, or they are of another size.
    """
    n = round(share * len(images))
    if n > len(others) or others.shape[1:] != images.shape[1:]:
        raise ValueError(f"{n} foreign images of {tuple(images.shape[1:])} are needed, not {tuple(others.shape)}")
    mixed = images.clone()
    mixed[_order(len(images), seed)[:n]] = others[:n]
    return mixed


def duplicates(images: Tensor, share: float, seed: int = 0) -> Tensor:
    """A `share` of the images, at random places, replaced by copies of others, each copied as often as can be.

    Raises:
        ValueError: if no image is left to be copied.
    """
    n, order = round(share * len(images)), _order(len(images), seed)
    if n == len(images):
        raise ValueError("images cannot all be copies of others")
    repeated = images.clone()
    kept = order[n:]
    repeated[order[:n]] = images[kept[torch.arange(n) % len(kept)]]
    return repeated


def without_classes(labels: Tensor, missing: Iterable[int], seed: int = 0) -> Tensor:
    """Places, in a random order, of the images whose class is none of `missing`."""
    free = (~torch.isin(labels, torch.tensor(list(missing), dtype=labels.dtype))).nonzero()[:, 0]
    return free[_order(len(free), seed)]


def to_bytes(x: Tensor) -> Tensor:
    """Levels as bytes, rounded and clipped."""
    return x.round().clamp(0, 255).to(torch.uint8)


def _normal(images: Tensor, seed: int) -> Tensor:
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))


def _order(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
