"""What a model refuses before anything is computed."""

from typing import TYPE_CHECKING

import lightning.pytorch as L
import torch
from torch import Tensor, nn

from zoo.data import ImageDataModule
from zoo.data.stage import Stage
from zoo.options.ranges import shown

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


#: options that name when something begins
STARTS = ("decay_start_kimg", "vae_kimg")


def check(gan: "GAN", data: L.LightningDataModule | None) -> None:
    """Refuse what cannot work with this data, before anything is computed or written.

    Raises:
        ValueError: naming the option.
    """
    check_classes(gan, data)
    check_norms(gan)
    check_starts(gan)


def reached(gan: "GAN") -> list[Stage]:
    """The stages of a growing model before `total_kimg`; the only one of another."""
    found = [gan.stage_at(0)]
    while found[-1].end is not None and found[-1].end < gan.total_kimg * 1000:
        found.append(gan.stage_at(found[-1].end))
    return found


def check_classes(gan: "GAN", data: L.LightningDataModule | None) -> None:
    """Refuse data that lack the model's classes.

    Raises:
        ValueError: naming both numbers.
    """
    if isinstance(data, ImageDataModule) and gan.n_classes and data.n_classes != gan.n_classes:
        there = f"set --model.n_classes {data.n_classes}" if data.n_classes else "take data with labels, or"
        none = "" if data.n_classes else " set --model.n_classes 0 where the paper has an unconditional model"
        raise ValueError(f"the model has {gan.n_classes} classes, {data.name} has {data.n_classes}: {there}{none}")


def check_norms(gan: "GAN") -> None:
    """Refuse batches of one image where a batch norm has nothing but the images to take its statistics over.

    Raises:
        ValueError: naming the option.
    """
    if not any(isinstance(layer, nn.BatchNorm1d) for layer in gan.modules()):
        return
    sizes = {"batch_size": gan.stage.images_per_step // gan.stage.parts}
    if "batch_size_g" in gan.hparams:
        sizes["batch_size_g"] = gan.hparams["batch_size_g"]
    for name, size in sizes.items():
        if size // gan.hparams.get("bn_groups", 1) < 2:
            raise ValueError(
                f"batch norm cannot take its statistics over one image, and {name} {size} gives it no more: "
                f"set --model.{name} to more"
            )


def check_parts_of(**sizes: int) -> None:
    """Refuse batches that do not split into equal parts: `check_parts_of(parts=3, batch_size=64)`, the parts first.

    Raises:
        ValueError: naming both options and both numbers.
    """
    (option, parts), *batches = sizes.items()
    for name, size in batches:
        if size % parts:
            raise ValueError(
                f"{option} {parts} does not divide {name} {size}: change --model.{option} or --model.{name}"
            )


def check_starts(gan: "GAN") -> None:
    """Refuse what would begin behind the end of training.

    Raises:
        ValueError: naming both options and both numbers.
    """
    for name in STARTS:
        start = gan.hparams.get(name)
        if start is not None and start > gan.total_kimg:
            raise ValueError(
                f"{name} ({start:g}) lies behind total_kimg ({gan.total_kimg:g}): set --model.{name} too"
            )


def chosen_labels(gan: "GAN", label: Tensor | int, n: int) -> Tensor:
    """Classes (n,) int64 on the model's device, of one class or of (n,).

    Raises:
        ValueError: for an unconditional model, what is no class or not n of them, or classes out of range.
    """
    if not gan.n_classes:
        raise ValueError(f"{type(gan).__name__} was trained without classes; drop the label")
    try:
        y = torch.as_tensor(label, device=gan.device)
    except (TypeError, ValueError, RuntimeError):
        y = torch.empty(0)
    if y.is_floating_point() or y.dtype == torch.bool or y.shape not in ((), (1,), (n,)):
        raise ValueError(f"label takes a class, or {n} of them as whole numbers, not {shown(label)}")
    y = y.expand(n).to(torch.int64)
    if n and (y.min() < 0 or y.max() >= gan.n_classes):
        raise ValueError(f"labels must lie in 0..{gan.n_classes - 1}")
    return y
