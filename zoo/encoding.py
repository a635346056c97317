"""What only a model with an encoder can do: reconstruct photos, place them in latent space, walk between them.

For every GAN of the zoo that has `encode(images (N, 3, R, R) in [-1, 1]) -> latents (N, latent_dim)` beside the
base class's `decode`. The commands of `python -m zoo` that end in a picture save a `Sheet`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from zoo.callbacks import save_grid
from zoo.data.files import BadImage, Files, to_rgb
from zoo.gan import GAN, load

BATCH = 64  # images in one pass


@dataclass
class Sheet:
    """Images (N, 3, R, R) in [-1, 1] in reading order, and how many make a row."""

    images: Tensor
    columns: int

    def save(self, path: str | Path) -> None:
        """Write it as one PNG."""
        save_grid(self.images, Path(path), self.columns)


def check_encoder(gan: GAN) -> None:
    """Refuse a model that cannot encode.

    Raises:
        ValueError: naming the model.
    """
    if not hasattr(gan, "encode"):
        raise ValueError(
            f"{type(gan).__name__} has no encoder, so it cannot place a photo in its latent space: take a "
            "checkpoint of a model that has one, such as introvae"
        )


def load_encoder(checkpoint: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, as `zoo.gan.load`, if it can encode.

    Raises:
        FileNotFoundError, ValueError: if there is no checkpoint, or its model has no encoder.
    """
    gan = load(checkpoint, device)
    check_encoder(gan)
    return gan


# ---- photos


def fit(image: Image.Image, where: str, resolution: int) -> Tensor:
    """The central square of a photo at the model's size, (3, R, R) in [-1, 1].

    Raises:
        ValueError: if it is smaller than that.
    """
    if min(image.size) < resolution:
        raise ValueError(
            f"{where} is {image.width}x{image.height} px, smaller than the model's {resolution}: "
            "leave it out, or give a larger one"
        )
    square = ImageOps.fit(image, (resolution, resolution), Image.Resampling.LANCZOS)
    return pil_to_tensor(square).float() / 127.5 - 1


def read_photo(path: str | Path, resolution: int) -> Tensor:
    """One photo as (3, R, R) in [-1, 1].

    Raises:
        FileNotFoundError, ValueError: if there is none, or it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no photo at {path}")
    try:
        with Image.open(path) as image:
            photo = to_rgb(ImageOps.exif_transpose(image))
    except BadImage as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise ValueError(f"{path} cannot be decoded ({error}): give a PNG or JPEG") from error
    return fit(photo, str(path), resolution)


def read_photos(path: str | Path, resolution: int, n: int | None = None) -> tuple[Tensor, list[str]]:
    """The first n photos (all without n) of a folder or zip, (N, 3, R, R) in [-1, 1], and their names.

    Raises:
        ValueError, OSError: if there is no such folder, it holds no image, or one cannot be read.
    """
    files = Files(path)
    names = files.names[:n]
    photos = [fit(files.image(i, upright=True), files.where(i), resolution) for i in range(len(names))]
    return torch.stack(photos), names


# ---- both ways


def encode(gan: GAN, images: Tensor) -> Tensor:
    """Latents (N, latent_dim) of images (N, 3, R, R) in [-1, 1], in batches, on the CPU."""
    check_encoder(gan)
    return torch.cat([gan.encode(part.to(gan.device, gan.dtype)).cpu() for part in images.split(BATCH)])


def decode(gan: GAN, z: Tensor, ema: bool = True) -> Tensor:
    """Images (N, 3, R, R) of latents (N, latent_dim), clipped to [-1, 1], in batches, on the CPU."""
    parts = [gan.decode(part.to(gan.device, gan.dtype), ema=ema).cpu().clamp(-1, 1) for part in z.split(BATCH)]
    return torch.cat(parts)


def pairs(images: Tensor, reconstructions: Tensor, columns: int = 4) -> Sheet:
    """Each image with its reconstruction at its right, `columns` pairs to a row."""
    return Sheet(torch.stack([images, reconstructions], 1).flatten(0, 1), 2 * min(columns, len(images)))


def neighbours(images: Tensor, z: Tensor, rows: int = 8, k: int = 7) -> Sheet:
    """The first `rows` images, each before the k others whose latents are the closest, nearest first.

    Raises:
        ValueError: for a single image, which has no neighbour.
    """
    if len(images) < 2:
        raise ValueError("one image has no neighbours: give a folder of at least two")
    distance = torch.cdist(z[:rows], z)
    nearest = distance.argsort(1)[:, : k + 1]  # an image is the nearest to itself
    return Sheet(images[nearest.flatten()], nearest.shape[1])


def interpolate(gan: GAN, a: Tensor, b: Tensor, steps: int = 8, ema: bool = True) -> Sheet:
    """Photo a, `steps` images on the straight line between the latents of a and b, photo b; photos (3, R, R).

    The first and the last of the images between are the reconstructions.

    Raises:
        ValueError: for fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"an interpolation needs at least 2 steps, its two ends, not {steps}")
    start, end = encode(gan, torch.stack([a, b]))
    t = torch.linspace(0, 1, steps)[:, None].to(start)
    between = decode(gan, start + t * (end - start), ema)
    return Sheet(torch.cat([a[None], between.to(a), b[None]]), steps + 2)


def direction(gan: GAN, with_it: Tensor, without: Tensor) -> Tensor:
    """The attribute's vector (latent_dim,): mean latent of images that have it minus that of images that do not."""
    return encode(gan, with_it).mean(0) - encode(gan, without).mean(0)


def move(gan: GAN, images: Tensor, vector: Tensor, strengths: Sequence[float], ema: bool = True) -> Sheet:
    """A row for each image: itself, then decoded with `strength` times the vector added to its latent.

    Raises:
        ValueError: without a strength.
    """
    if not strengths:
        raise ValueError("no strengths: give at least one number, such as [0,1]")
    z = encode(gan, images)
    moved = torch.stack([decode(gan, z + s * vector, ema) for s in strengths], 1)
    return Sheet(torch.cat([images[:, None], moved.to(images)], 1).flatten(0, 1), 1 + len(strengths))
