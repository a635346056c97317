"""Networks that were kept in the middle of their growth, as the authors' code draws and judges with them."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from zoo.networks.progressive import downscale, upscale


def whole_side(module: nn.Module, args: tuple, images: Tensor) -> Tensor:
    """Images of the level that is trained at the full side, by repeated pixels; in training as they are."""
    if module.training:
        return images
    return upscale(images, 4 * 2 ** (len(module.to_rgb) - 1) // images.shape[-1])


def at_level(module: nn.Module, args: tuple, kwargs: dict[str, Any], lod: float) -> tuple[tuple, dict[str, Any]]:
    """D's images (N, C, R, R) averaged down to its level, and its lod, where the call names none."""
    if len(args) > 2 or "lod" in kwargs:
        return args, kwargs
    side = 4 * 2 ** (len(module.from_rgb) - 1 - int(lod))
    return (downscale(args[0], args[0].shape[-1] // side), *args[1:]), kwargs | {"lod": lod}


def as_grown(lod: float, D: nn.Module, *generators: nn.Module) -> None:
    """Give PGGAN's or StyleGAN's networks the authors' sides at a lod: they draw and take images of the full size,
    nearest neighbours repeated and boxes averaged (PG networks.py:205-225, 287-308; SG:440-659)."""
    for G in generators:
        getattr(G, "synthesis", G).register_forward_hook(whole_side)
    D.register_forward_pre_hook(partial(at_level, lod=lod), with_kwargs=True)
