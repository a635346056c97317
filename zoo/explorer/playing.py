"""What the explorer's controls mean: numbers in, pictures out. Knows no page."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.data.images import Batch
from zoo.engine.encoders import decode, encode
from zoo.engine.gan import GAN
from zoo.networks.stylegan import mix
from zoo.pictures.paths import slerp, stops
from zoo.pictures.seeds import gan_labels, to_bytes
from zoo.training.loading import load

SMALLEST = 320  # px on the page


@dataclass(frozen=True)
class Controls:
    """What the page says.

    Args:
        seed, other: the cell of a sheet, and the one that is walked to or mixed with.
        t: how far from one to the other, 0 to 1.
        truncation: bound on z, psi of StyleGAN; None for none.
        label: class; None for the seed's own.
        average: show the average of G where there is one.
        noise: StyleGAN: with its noise, drawn once for all pictures.
        layers: StyleGAN: the layers first..last take the other seed's style; None mixes nothing.
        axis, shift: one coordinate of the latent, and what is added to it.
    """

    seed: int = 0
    other: int = 1
    t: float = 0.0
    truncation: float | None = None
    label: int | None = None
    average: bool = True
    noise: bool = True
    layers: tuple[int, int] | None = None
    axis: int = 0
    shift: float = 0.0


class Vanished(ValueError):
    """A checkpoint that was there is no more."""


class Shelf:
    """Checkpoints by name, each read once, and again when its file changes.

    Args:
        paths: the files.
        device: where to compute.
    """

    def __init__(self, paths: list[Path], device: str = "cpu") -> None:
        self.paths, self.device = {_name(path, paths): path for path in paths}, device
        self._loaded: dict[str, tuple[float, GAN]] = {}

    def __getitem__(self, name: str) -> GAN:
        """The model of that name.

        Raises:
            Vanished: if its file is gone.
            FileNotFoundError, ValueError: if it never was one.
        """
        path = self.paths[name]
        try:
            changed = path.stat().st_mtime
        except OSError as error:
            if name in self._loaded:
                raise Vanished(
                    f"{path} is no longer there: start zoo explore anew with another checkpoint"
                ) from error
            changed = 0.0  # `load` says what is wrong
        if name not in self._loaded or self._loaded[name][0] != changed:
            self._loaded[name] = (changed, load(path, self.device))
        return self._loaded[name][1]


def run_of(path: Path) -> Path:
    """The run's folder of a checkpoint in it."""
    return path.resolve().parent.parent


def _name(path: Path, among: list[Path]) -> str:
    """The run's name of a checkpoint, or its path where two would be called the same."""
    names = [f"{run_of(other).name}/{other.stem}" for other in among]
    mine = f"{run_of(path).name}/{path.stem}"
    return mine if names.count(mine) == 1 else str(path)


def layers_of(gan: GAN) -> int:
    """Layers with a style of their own; 0 for a model without styles."""
    return gan.G.synthesis.used(gan.trained_stage.lod) if hasattr(gan.G, "synthesis") else 0


def latent(gan: GAN, c: Controls, seed: int | None = None) -> tuple[Tensor, Tensor | None]:
    """z (1, latent_dim) between the two seeds with one coordinate moved, and the class (1,) or None."""
    numbers = [c.seed, c.other] if seed is None else [seed, seed]
    z, y = stops(gan, numbers, c.truncation)
    point = slerp(z[0], z[1], c.t)[None] if c.t else z[:1].clone()
    if c.shift and seed is None:
        point[0, c.axis % gan.latent_dim] += c.shift
    return point, gan_labels(gan, [c.label]) if c.label is not None and gan.n_classes else None if y is None else y[
        :1
    ]


@torch.no_grad()
def picture(gan: GAN, c: Controls) -> np.ndarray:
    """The picture that the controls ask for, uint8 (H, W, 3), enlarged without blur.

    Raises:
        ValueError: naming what the model cannot do.
    """
    z, y = latent(gan, c)
    G = gan.G_ema if c.average and gan.G_ema is not None else gan.G
    if not layers_of(gan):
        return enlarged(gan.decode(z, y, c.truncation, c.average))
    w = G.layered(G.mapping(z, y))
    if c.layers is not None:
        lent, (first, last) = G.layered(G.mapping(latent(gan, c, c.other)[0], y)), c.layers
        w = mix(mix(w, lent, first), w, last + 1)
    w = G.truncate(w, c.truncation, gan.truncation_cutoff)
    lod = gan.trained_stage.lod
    sizes = [4 * 2 ** (i // 2) for i in range(layers_of(gan))]
    noise = "stored" if c.noise else [torch.zeros(1, 1, s, s, device=z.device, dtype=z.dtype) for s in sizes]
    return enlarged(G.synthesis(w, lod, noise))


def enlarged(images: Tensor) -> np.ndarray:
    """The first of images (N, 3, R, R) as uint8 (H, W, 3), at least `SMALLEST` px by repeated pixels."""
    image = to_bytes(images[:1])[0]
    factor = max(1, -(-SMALLEST // image.shape[0]))
    return image.repeat(factor, 0).repeat(factor, 1)


def reconstruction(gan: GAN, photo: Tensor, vector: Tensor | None, strength: float, average: bool) -> np.ndarray:
    """A photo (3, R, R) through the encoder and back, moved along an attribute's vector (latent_dim,)."""
    z = encode(gan, photo[None])
    return enlarged(decode(gan, z if vector is None else z + strength * vector, average))


def nearest(batches: Iterable[Batch], shown: np.ndarray, k: int = 5) -> list[tuple[int, Tensor]]:
    """The k images nearest to a picture as `picture` gives it, by mean square: numbers and uint8 (3, R, R).

    Args:
        batches: (uint8 (N, 3, R, R), labels) of all images in their order, of which one batch is held at a time.
    """
    best: list[tuple[float, int, Tensor]] = []
    start = 0
    for images, _ in batches:
        factor = shown.shape[0] // images.shape[-1]
        target = torch.from_numpy(shown[::factor, ::factor].copy()).permute(2, 0, 1).float()
        far = (images.float() - target).square().mean((1, 2, 3)).tolist()
        best = sorted([*best, *((d, start + i, images[i]) for i, d in enumerate(far))], key=lambda one: one[:2])[:k]
        best = [(d, i, image.clone()) for d, i, image in best]  # and not the batch behind it
        start += len(images)
    return [(i, image) for _, i, image in best]
