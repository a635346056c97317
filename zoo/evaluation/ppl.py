"""Perceptual path length (Karras, Laine, Aila 2019, arXiv 1812.04948, Tables 3 and 4).

How much an image changes, as a network sees it, for a small step on a straight way between two latents, over the
square of the step: small where the way through the latent space is smooth. As in NVlabs/stylegan @ 1e0d5c7,
metrics/perceptual_path_length.py ("N"). The published numbers take LPIPS over VGG16 as distance; its weights are a
download, so the distance is an argument, and a number over another one must not carry the plain name.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.options.bar import track
from zoo.options.checked import refuse

Space = Literal["z", "w"]
Sampling = Literal["full", "end"]

#: images (N, 3, H, W) in [0, 255], twice -> distances (N,)
Distance = Callable[[Tensor, Tensor], Tensor]


def lerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """a + t (b - a), shapes (N, D) with t (N, 1) or a number."""
    return a + (b - a) * t


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Way on the unit sphere from a / |a| (t = 0) to b / |b| (t = 1); results (N, D) have unit length (N)."""
    a, b = _unit(a), _unit(b)
    cosine = (a * b).sum(-1, keepdim=True)
    angle = t * torch.acos(cosine)
    across = _unit(b - cosine * a)
    return _unit(a * torch.cos(angle) + across * torch.sin(angle))


INTERPOLATION: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"z": slerp, "w": lerp}


def trimmed_mean(distances: Tensor | np.ndarray) -> tuple[float, int]:
    """Mean of what lies between the 1st and the 99th percentile, bounds included, and how many those are (N).

    The lower bound is the sorted value at or below the percentile's place, the upper one that at or above it.

    Raises:
        ValueError: for no distances at all.
    """
    values = np.asarray(distances, np.float64).ravel()
    if not len(values):
        raise ValueError("there are no distances to average")
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    kept = values[(values >= low) & (values <= high)]
    return float(kept.mean()), len(kept)


def prepare(images: Tensor, crop: bool = True, largest: int = 256) -> Tensor:
    """Images (N, 3, H, W) in [-1, 1] as the distance takes them: face crop, at most 256 px, range [0, 255] (N).

    The crop is rows 3c..7c and columns 2c..6c with c = H / 8: half of each side, around a centred face's features.
    """
    if crop:
        c = images.shape[2] // 8
        images = images[:, :, 3 * c : 7 * c, 2 * c : 6 * c]
    if images.shape[2] > largest:
        images = F.avg_pool2d(images, images.shape[2] // largest)
    return (images + 1) * 127.5


def feature_distance(features: Callable[[Tensor], Sequence[Tensor]]) -> Distance:
    """LPIPS's form over any network (Zhang et al. 2018, arXiv 1801.03924, eq. 1, with all channel weights 1).

    Features are divided by their length over the channels at each place; squared differences are summed over
    channels, averaged over places, and summed over layers.

    Args:
        features: images (N, 3, H, W) in [0, 255] -> maps (N, C, h, w), one a layer.
    """

    def unit(x: Tensor) -> Tensor:
        return x / (x.norm(dim=1, keepdim=True) + 1e-10)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        pairs = zip(features(a), features(b), strict=True)
        return sum((unit(x) - unit(y)).square().sum(1).mean((1, 2)) for x, y in pairs)

    return distance


def renderer(
    gan: Any, space: Space, ema: bool, seed: int
) -> tuple[Callable[[Tensor, Tensor | None], Tensor], Callable[[Tensor, Tensor | None], Tensor]]:
    """From a GAN: latents and labels -> codes of `space`, and codes and labels -> images in [-1, 1].

    A GAN with a method `renderer(space, ema, seed)` brings its own (StyleGAN's w, and one draw of noise for all
    images); any other one has the space z alone.

    Raises:
        ValueError: if the GAN lacks this space.
    """
    if hasattr(gan, "renderer"):
        return gan.renderer(space, ema, seed)
    if space != "z":
        raise ValueError(f"{type(gan).__name__} has no space {space}: measure its path length in z")
    G = gan.G_ema if ema and gan.G_ema is not None else gan.G
    return (lambda z, label: z), (lambda z, label: gan.generate(G, z, label, None))


@torch.no_grad()
def path_lengths(
    gan: Any,
    distance: Distance,
    n: int,
    start: int = 0,
    *,
    space: Space = "w",
    sampling: Sampling = "full",
    epsilon: float = 1e-4,
    crop: bool = True,
    ema: bool = True,
    seed: int = 0,
) -> Tensor:
    """d(image(t), image(t + epsilon)) / epsilon^2 of pairs start .. start + n - 1, (n,), one minibatch.

    Pair i is a function of (seed, i) alone; the noise of all 2n images is one draw, a function of (seed, start), as
    N draws it once a minibatch.

    Args:
        gan: a `zoo.engine.gan.GAN`, in eval mode.
        distance: of two batches of images in [0, 255].
        space: "w" steps straight between two w, "z" on the sphere between two z.
        sampling: t ~ U(0, 1) ("full") or t = 0 ("end").
        crop: the face crop of N; without it the whole image (NVlabs/stylegan2-ada-pytorch's ppl2_wend).

    Raises:
        ValueError: for another space or sampling, or a space that the GAN lacks.
    """
    refuse("space", space, Space)
    refuse("sampling", sampling, Sampling)
    z, label = gan.indexed_latents(2 * n, seed, 2 * start)
    z_a, z_b, label = z[0::2], z[1::2], None if label is None else label[0::2]
    t = torch.zeros(n, 1)
    if sampling == "full":
        for i in range(n):
            t[i] = float(np.random.Generator(np.random.Philox(key=[seed, start + i])).random())
    t = t.to(z.device, z.dtype)
    to_code, render = renderer(gan, space, ema, seed + start)
    a, b = to_code(z_a, label), to_code(z_b, label)
    interpolate = INTERPOLATION[space]
    codes = torch.cat([interpolate(a, b, t), interpolate(a, b, t + epsilon)])
    images = prepare(render(codes, None if label is None else label.repeat(2)), crop)
    return distance(*images.chunk(2)).double() / epsilon**2


def perceptual_path_length(
    gan: Any, distance: Distance, n_samples: int = 100_000, batch_size: int = 16, **options: Any
) -> float:
    """Trimmed mean of `n_samples` path lengths; options are those of `path_lengths`  (N: 100,000 samples)."""
    starts = range(0, n_samples, batch_size)
    tracked = track(starts, n_samples, lambda i: min(batch_size, n_samples - i), "paths")
    parts = [path_lengths(gan, distance, min(batch_size, n_samples - i), i, **options).cpu() for i in tracked]
    return trimmed_mean(torch.cat(parts))[0]
