"""Walks through a model, frame by frame: between seeds, classes, strengths of truncation, photos."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.engine.encoders import encode
from zoo.engine.gan import GAN
from zoo.networks.stylegan import mix
from zoo.pictures.seeds import gan_labels, to_bytes

KINDS = ("spherical", "spline", "linear")
BATCH = 16  # frames in a pass


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """From a (D,) to b (D,) along the sphere between their directions, the length growing linearly (White 2016)."""
    length = torch.lerp(a.norm(), b.norm(), t)
    one, other = a / a.norm(), b / b.norm()
    angle = torch.arccos((one @ other).clamp(-1, 1))
    if angle < 1e-4:
        return torch.lerp(a, b, t)
    direction = (torch.sin((1 - t) * angle) * one + torch.sin(t * angle) * other) / torch.sin(angle)
    return direction * length


def between(stops: Tensor, frames: int, kind: str = "spherical", loop: bool = True) -> Tensor:
    """Points (frames * legs, D) on a way through stops (K, D); with `loop` the last leg leads back to the first.

    Without a loop the last stop is the last point. "spline" is a cubic one through all stops, without corners.

    Raises:
        ValueError: for fewer than two stops, or another kind.
    """
    if len(stops) < 2:
        raise ValueError("a walk needs at least two stops")
    if kind not in KINDS:
        raise ValueError(f"a walk is {', '.join(KINDS)}, not {kind}")
    legs = len(stops) if loop else len(stops) - 1
    t = np.arange(legs * frames) / frames if loop else np.linspace(0, legs, legs * frames)
    ring = torch.cat([stops, stops[:1]]) if loop else stops
    if kind == "spline":
        from scipy.interpolate import CubicSpline

        ends = "periodic" if loop else "natural"
        curve = CubicSpline(np.arange(len(ring)), ring.double().cpu().numpy(), bc_type=ends)
        return torch.from_numpy(curve(t)).to(stops)
    step = torch.lerp if kind == "linear" else slerp
    legs_of = np.minimum(t.astype(int), legs - 1)
    return torch.stack([step(ring[i], ring[i + 1], float(at - i)) for i, at in zip(legs_of, t, strict=True)])


def stops(
    gan: GAN, seeds: Sequence[int], truncation: float | None = None, seed: int = 0
) -> tuple[Tensor, Tensor | None]:
    """Latents (K, latent_dim) of seeds, and with classes the class that each draws."""
    parts = [gan.indexed_latents(1, seed, k, truncation) for k in seeds]
    y = torch.cat([y for _, y in parts]) if gan.n_classes else None
    return torch.cat([z for z, _ in parts]), y


@torch.no_grad()
def still(gan: GAN, z: Tensor, label: Tensor | None, truncation: float | None, ema: bool = True) -> Tensor:
    """Images (N, 3, R, R) of latents, with StyleGAN's noise held: a walk must not flicker."""
    G = gan.G_ema if ema and gan.G_ema is not None else gan.G
    if not hasattr(G, "synthesis"):
        return gan.decode(z, label, truncation, ema)
    w = G.truncate(G.layered(G.mapping(z, label)), truncation, gan.truncation_cutoff)
    return G.synthesis(w, gan.trained_stage.lod, "stored")


def latents_walk(
    gan: GAN,
    seeds: Sequence[int],
    frames: int = 60,
    kind: str = "spherical",
    loop: bool = True,
    label: int | None = None,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Images (n, 3, R, R), a few at a time, on the way through seeds; one class, the first seed's or `label`."""
    z, y = stops(gan, seeds, truncation, seed)
    if label is not None:
        y = gan_labels(gan, [label])
    for part in between(z, frames, kind, loop).split(BATCH):
        yield still(gan, part, None if y is None else y[:1].expand(len(part)), truncation, ema)


@torch.no_grad()
def mixing_walk(
    gan: GAN,
    seeds: Sequence[int],
    layers: tuple[int, int],
    frames: int = 60,
    kind: str = "spherical",
    loop: bool = True,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[Tensor]:
    """The first seed's image, whose styles of the layers first..last walk through the other seeds.

    Raises:
        ValueError: for a model without styles, or layers it has not.
    """
    G = gan.G_ema if ema and gan.G_ema is not None else gan.G
    if not hasattr(G, "synthesis"):
        raise ValueError(f"{type(gan).__name__} has no styles to mix: leave out --layers")
    lod = gan.trained_stage.lod
    first, last = layers
    if not 0 <= first <= last < G.synthesis.used(lod):
        raise ValueError(f"layers lie in 0..{G.synthesis.used(lod) - 1}, coarse to fine; {first}-{last} do not")
    z, y = stops(gan, seeds, None, seed)
    own = G.layered(G.mapping(z[:1], None if y is None else y[:1]))
    for part in between(z, frames, kind, loop).split(BATCH):
        lent = G.layered(G.mapping(part, None if y is None else y[:1].expand(len(part))))
        w = mix(mix(own.expand_as(lent), lent, first), own.expand_as(lent), last + 1)
        yield G.synthesis(G.truncate(w, truncation, gan.truncation_cutoff), lod, "stored")


@torch.no_grad()
def classes_walk(
    gan: GAN,
    classes: Sequence[int],
    seed_number: int = 0,
    frames: int = 60,
    loop: bool = True,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[Tensor]:
    """One latent, whose class walks from one to the next along the shared embedding.

    Raises:
        ValueError: without a shared embedding, or for classes the model has not.
    """
    embedding = getattr(gan.G_ema if ema and gan.G_ema is not None else gan.G, "embedding", None)
    if not gan.n_classes or not isinstance(embedding, torch.nn.Embedding) or embedding.num_embeddings < 2:
        raise ValueError(f"{type(gan).__name__} of this checkpoint has no shared class embedding to walk in")
    z, _ = stops(gan, [seed_number], truncation, seed)
    for part in between(embedding(gan_labels(gan, classes)), frames, "linear", loop).split(BATCH):
        yield gan.decode(z.expand(len(part), -1), part, truncation, ema)


def truncation_walk(
    gan: GAN,
    seed_number: int,
    first: float,
    last: float,
    frames: int = 60,
    label: int | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[Tensor]:
    """One seed from one strength of truncation to another and back: psi of StyleGAN, else the bound on z."""
    for i in range(2 * frames):
        at = last + (first - last) * (0.5 + 0.5 * math.cos(math.pi * i / frames))
        z, y = stops(gan, [seed_number], at, seed)
        yield still(gan, z, y if label is None else gan_labels(gan, [label]), at, ema)


def photos_walk(
    gan: GAN, photos: Tensor, frames: int = 60, loop: bool = True, ema: bool = True
) -> Iterator[Tensor]:
    """Through photos (K, 3, R, R) on the straight lines between their latents.

    Raises:
        ValueError: for a model without an encoder.
    """
    for part in between(encode(gan, photos), frames, "linear", loop).split(BATCH):
        yield gan.decode(part.to(gan.device), ema=ema)


def beside(walks: Sequence[Iterator[Tensor]], columns: int) -> Iterator[np.ndarray]:
    """Walks of equal length as frames uint8 (H, W, 3), `columns` to a row, in step."""
    for parts in zip(*walks, strict=True):
        for images in zip(*(to_bytes(part) for part in parts), strict=True):
            rows = [np.concatenate(images[i : i + columns], 1) for i in range(0, len(images), columns)]
            yield np.concatenate(rows, 0)


def walk(
    gan: GAN,
    seeds: Sequence[int],
    way: tuple[str, Any] | None = None,
    *,
    frames: int = 60,
    kind: str = "spherical",
    loop: bool = True,
    label: int | None = None,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
) -> Iterator[Tensor]:
    """One of the walks above: through seeds, or with the first seed's latent through what `way` names.

    Args:
        way: ("classes", numbers), ("truncations", (first, last)), ("layers", numbers) or ("photos", images).
    """
    name, value = way or ("seeds", None)
    if name == "classes":
        return classes_walk(gan, value, seeds[0], frames, loop, truncation, ema, seed)
    if name == "truncations":
        return truncation_walk(gan, seeds[0], value[0], value[1], frames, label, ema, seed)
    if name == "layers":
        return mixing_walk(gan, seeds, (value[0], value[-1]), frames, kind, loop, truncation, ema, seed)
    if name == "photos":
        return photos_walk(gan, value, frames, loop, ema)
    return latents_walk(gan, seeds, frames, kind, loop, label, truncation, ema, seed)
