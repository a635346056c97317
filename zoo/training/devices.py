"""Devices, processes, and the authors' presets for a number of them."""

import os
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy, Strategy
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from zoo.engine.checks import reached
from zoo.engine.gan import GAN
from zoo.ranks.share import Share
from zoo.training.run import last_checkpoint


def processes(trainer: dict) -> int:
    """How many processes the options under --trainer ask for, over all nodes.

    Raises:
        ValueError: for devices that are neither a number nor a list.
    """
    devices = trainer.get("devices", "auto")
    if devices in ("auto", -1, "-1", None):
        on_gpus = trainer.get("accelerator", "auto") in ("auto", "gpu", "cuda")
        n = max(torch.cuda.device_count(), 1) if on_gpus else 1
    elif isinstance(devices, str) and "," not in devices:
        if not devices.isdigit():
            raise ValueError(f"--trainer.devices takes a number, or a list of devices such as 0,1, not {devices}")
        n = int(devices)
    else:
        n = devices if isinstance(devices, int) else len(re.findall(r"\d+", str(devices)))
    return n * int(trainer.get("num_nodes") or 1)


class OneSum(DDPStrategy):
    """Processes that start alike; `zoo.engine.updates` adds up their gradients, once for each step of an optimizer.

    Lightning's DDP would send both networks' gradients at every backward pass.
    """

    def configure_ddp(self) -> None:
        """Give every process the first one's parameters and buffers, and leave the model unwrapped."""
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            first = tensor.detach().contiguous()
            dist.broadcast(first, 0)
            tensor.data.copy_(first)


def strategy_for(trainer: dict) -> Strategy | str:
    """`OneSum` when there is more than one process."""
    return OneSum() if processes(trainer) > 1 else "auto"


def check_devices(trainer: dict) -> None:
    """Refuse GPUs that this machine does not show; processes on the CPU may be any number.

    Raises:
        ValueError: naming how many, or which, there are; for Lightning's own synchronised batch norm.
    """
    if trainer.get("sync_batchnorm"):
        raise ValueError(
            "batch norm takes its statistics over all devices already: leave out --trainer.sync_batchnorm"
        )
    devices, accelerator = trainer.get("devices", "auto"), trainer.get("accelerator") or "auto"
    shown = torch.cuda.device_count()
    if accelerator not in ("auto", "gpu", "cuda") or (accelerator == "auto" and not shown):
        return
    if devices in ("auto", -1, "-1", None):
        return
    there = " and ".join(map(str, range(shown))) if shown else "none"
    if isinstance(devices, int) or "," not in str(devices):
        n = int(re.findall(r"\d+", str(devices))[0])
        asked, there, missing = f"{n} GPUs", shown or "none", n > shown
    else:
        lacking = [i for i in re.findall(r"\d+", str(devices)) if int(i) >= shown]
        asked, missing = f"GPU {' and '.join(lacking)}", bool(lacking)
    if missing:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden or 'empty'})"
        mend = "name fewer" if shown else "give --trainer.accelerator cpu for processes on the CPU"
        raise ValueError(
            f"--trainer.devices {devices} asks for {asked}, this machine shows {there}{why}: {mend}, or give auto"
        )


def about_spread(gan: GAN, world: int) -> str | None:
    """How batches that do not divide are spread over the processes; None where all do.

    A growing model's stages that the run does not reach say nothing.
    """
    block, shares = gan.stage.block, []
    sizes = {stage.images_per_step // stage.parts for stage in reached(gan)}
    sizes |= {size for name, size in gan.hparams.items() if name == "batch_size_g" and size}
    for size in sorted(s for s in sizes if s % (world * block)):
        counts = Counter(Share(size, rank, world, block).own for rank in range(world))
        taken = sorted(counts.items(), reverse=True)
        some = (f"{n} process{'es take' if n > 1 else ' takes'} {images or 'none'}" for images, n in taken)
        shares.append(f"of {size} images {' and '.join(some)}")
    if not shares:
        return None
    most = min(sizes) // block
    gain = f"; more than {most} devices gain nothing there" if world > most else ""
    return (
        f"each batch is spread over the {world} processes as evenly as it goes, and its update is that of one "
        f"process: {'; '.join(shares)}{gain}"
    )


def choices(recipe: Path, args: list[str]) -> list[Path]:
    """The recipes among which the number of devices chooses: this one, and the authors' `*<n>gpu.yaml` beside it.

    None where a --config chooses.
    """
    if any(word in ("-c", "--config") or word.startswith("--config=") for word in args):
        return []
    return [recipe, *sorted(recipe.parent.glob("*gpu.yaml"))]


def preset(recipe: Path, args: list[str]) -> Path | None:
    """The authors' settings for as many devices as the arguments name.

    None where a --config chooses, where --trainer.devices is not named or is one, whatever devices the machine has,
    or where the authors published none.
    """
    given = dict(word.partition("=")[::2] for word in args if "=" in word) | dict(pairwise(args))
    if "--trainer.devices" not in given:
        return None
    keys = {name: f"--trainer.{name}" for name in ("devices", "accelerator", "num_nodes")}
    n = processes({name: given[key] for name, key in keys.items() if key in given})
    found = [p for p in choices(recipe, args)[1:] if re.fullmatch(rf"(.*\D)?{n}gpu", p.stem)]
    return found[0] if n > 1 and found else None


def check_choice(chosen: str, among: list[Path], base_of: Callable[[str], Path]) -> None:
    """Refuse to begin from scratch by the recipe that the number of devices has chosen, where a run by another of
    them may be meant, since it may go on with any number of devices.

    Args:
        chosen: the recipe's name.
        among: as `choices` says.
        base_of: of a recipe's name what its runs' folders are called, but for their numbers.

    Raises:
        ValueError: naming that run and the option for either way.
    """
    runs = {recipe: last_checkpoint(base_of(recipe.stem)) for recipe in among}
    own = next((recipe for recipe in among if recipe.stem == chosen), None)
    others = {recipe: path for recipe, path in runs.items() if path}
    if own is not None and runs[own] is None and others:
        other, path = max(others.items(), key=lambda one: one[1].stat().st_mtime)
        raise ValueError(
            f"--trainer.devices chooses the recipe {chosen}, which has no run to go on with, but there is {path}: "
            f"give --config {other} to go on with that one, or --config {own} to begin"
        )


def with_preset(recipe: Path, args: list[str]) -> list[str]:
    """The arguments, with a --config for the preset that their number of devices chooses, which is told."""
    if (chosen := preset(recipe, args)) is None:
        return args
    if rank_zero_only.rank == 0:
        n = re.findall(r"\d+", chosen.stem)[-1]
        otherwise = f"--config {recipe} trains that recipe's own batches instead"
        print(f"{n} devices: the authors' preset, {chosen}; {otherwise}")
    return ["--config", str(chosen), *args]
