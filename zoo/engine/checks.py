"""What a model refuses before anything is computed."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data import ImageDataModule

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def check_batches(gan: "GAN", world_size: int | None = None) -> None:
    """Refuse a batch that does not divide over the ranks; of a growing model, one that the run will reach.

    Raises:
        ValueError: naming the option, and numbers that would work.
    """
    world = max(gan.world_size if world_size is None else world_size, 1)  # none at all is the trainer's to refuse
    sizes = {f"batch_size_at {r}": size for r, size in reached(gan).items()}
    for name, given in gan.hparams.items():
        if name.startswith("batch_size") and given is not None and not isinstance(given, dict):
            if given < 1:
                raise ValueError(f"{name} must be at least 1, not {given}: change --model.{name}")
            if name != "batch_size" or not sizes:
                sizes[name] = given
    for name, size in sizes.items():
        if size % world:
            option, _, side = name.partition(" ")
            near = sorted({max(size - size % world, world), size + -size % world})
            fewer = max(d for d in range(1, world) if size % d == 0)
            where = f" at {side} px" if side else ""
            raise ValueError(
                f"{option} {size}{where} does not divide over {world} processes: give --model.{option}"
                f"{'.' + side if side else ''} {' or '.join(map(str, near))}, or --trainer.devices {fewer}"
            )


def reached(gan: "GAN") -> dict[int, int]:
    """Resolution -> images of a step, for the stages of a growing model before `total_kimg`; else nothing."""
    stage, found = gan.stage_at(0), {}
    while stage.end is not None:
        found[stage.resolution] = stage.images_per_step
        if stage.end >= gan.total_kimg * 1000:
            return found
        stage = gan.stage_at(stage.end)
    return found | ({stage.resolution: stage.images_per_step} if found else {})


def check_classes(gan: "GAN") -> None:
    """Refuse data that lack the model's classes.

    Raises:
        ValueError: naming both numbers.
    """
    data = gan.trainer.datamodule
    if isinstance(data, ImageDataModule) and gan.n_classes and data.n_classes != gan.n_classes:
        raise ValueError(
            f"the model has {gan.n_classes} classes, {data.name} has {data.n_classes}: "
            f"set --model.n_classes {data.n_classes}"
        )


def chosen_labels(gan: "GAN", label: Tensor | int, n: int) -> Tensor:
    """Classes (n,) int64 on the model's device, of one class or of (n,).

    Raises:
        ValueError: for an unconditional model, or classes out of range.
    """
    if not gan.n_classes:
        raise ValueError(f"{type(gan).__name__} was trained without classes; drop the label")
    y = torch.as_tensor(label, device=gan.device).expand(n).to(torch.int64)
    if y.min() < 0 or y.max() >= gan.n_classes:
        raise ValueError(f"labels must lie in 0..{gan.n_classes - 1}")
    return y
