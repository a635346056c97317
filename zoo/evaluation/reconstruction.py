"""How far reconstructions are from their images: MSE, PSNR and SSIM, image by image, on bytes scaled to [0, 1]."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from zoo.data import ImageDataModule
from zoo.data.order import subset
from zoo.engine.encoders import BATCH, Images, decode, encode
from zoo.engine.gan import GAN
from zoo.evaluation.ms_ssim import ssim
from zoo.options.bar import track

NAMES = ("mse", "psnr", "ssim")
WINDOW = 11  # px of SSIM's


def reconstruction_errors(images: Tensor, reconstructions: Tensor) -> Tensor:
    """MSE, PSNR in dB and SSIM of each image, (N, 3).

    SSIM is that of Wang et al. 2004 (Gaussian window of 11 px, sigma 1.5), the mean of the three colours and of all
    pixels, borders mirrored, as torchmetrics has it. Equal images get the PSNR of an error of a hundredth of a
    level, 88 dB, so that means stay finite.

    Args:
        images, reconstructions: uint8 (N, 3, R, R).

    Raises:
        ValueError: for images below 11 px, the size of SSIM's window.
    """
    if images.shape[-1] < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} px, not {images.shape[-1]}")
    parts = zip(images.split(BATCH), reconstructions.split(BATCH), strict=True)  # SSIM takes much memory
    return torch.cat([_errors(x.double(), y.double()) for x, y in parts])


def _errors(x: Tensor, y: Tensor) -> Tensor:
    mse = ((x - y) / 255).square().flatten(1).mean(1)
    psnr = -10 * mse.clamp_min((0.01 / 255) ** 2).log10()
    x, y = (pad(part, 4 * [WINDOW // 2], mode="reflect") for part in (x, y))
    return torch.stack([mse, psnr, ssim(x, y, WINDOW)[0]], 1)


def to_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] as bytes, rounded and clipped."""
    return (images.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


def mean_errors(images: Tensor, reconstructions: Tensor) -> dict[str, float]:
    """Means of `reconstruction_errors` over images in [-1, 1], by name."""
    means = reconstruction_errors(to_bytes(images), to_bytes(reconstructions)).mean(0)
    return dict(zip(NAMES, means.tolist(), strict=True))


def rebuilt(gan: GAN, images: Images, n: int, ema: bool = True) -> tuple[Tensor, Tensor, dict[str, float]]:
    """The first n images in [-1, 1], their reconstructions, and the mean errors of all, a batch at a time."""
    kept, errors = [], []
    for part in track(images.split(BATCH), len(images), len, "rebuilding"):
        again = decode(gan, encode(gan, part), ema)
        errors.append(reconstruction_errors(to_bytes(part), to_bytes(again)))
        left = n - sum(len(some) for some, _ in kept)
        if left > 0:
            kept.append((part[:left].clone(), again[:left].clone()))
    shown, shown_again = (torch.cat(some) for some in zip(*kept, strict=True))
    return shown, shown_again, dict(zip(NAMES, torch.cat(errors).mean(0).tolist(), strict=True))


def of_data(gan: GAN, data: ImageDataModule, n: int = 2000) -> dict[str, float | str]:
    """Mean errors over training images and, where `limit` leaves images out of training, over those.

    Args:
        n: images of each kind, at most.

    Returns:
        `reconstruction_mse`, `_psnr` and `_ssim` of training images, `reconstruction_..._heldout` of the others.
    """
    kinds = {"": data.opened, "_heldout": data.held_out()}
    found: dict[str, float | str] = {}
    for suffix, images in kinds.items():
        if images is None:
            continue
        bytes_ = images[subset(len(images), n)][0]
        try:
            real = bytes_.float() / 127.5 - 1
            errors = mean_errors(real, decode(gan, encode(gan, real)))
        except ValueError as error:
            errors = dict.fromkeys(NAMES, str(error))
        found |= {f"reconstruction_{name}{suffix}": value for name, value in errors.items()}
    return found


def pairs_of_data(gan: GAN, data: ImageDataModule, n: int = 32) -> tuple[Tensor, int]:
    """n images, held out ones if there are any, each with its reconstruction at its right, and the columns."""
    images = data.held_out() or data.opened
    real = images[subset(len(images), n)][0].float() / 127.5 - 1
    return torch.stack([real, decode(gan, encode(gan, real))], 1).flatten(0, 1), 2 * min(4, len(real))
