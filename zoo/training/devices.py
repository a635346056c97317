"""Devices, processes, and the authors' presets for a number of them."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy, Strategy

from zoo.engine.checks import reached
from zoo.engine.gan import GAN
from zoo.ranks.share import Share


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
            dist.broadcast(tensor.detach(), 0)


def strategy_for(trainer: dict) -> Strategy | str:
    """`OneSum` when there is more than one process."""
    return OneSum() if processes(trainer) > 1 else "auto"


def about_spread(gan: GAN, world: int) -> str | None:
    """How batches that do not divide are spread over the processes; None where all do.

    A growing model's stages that the run does not reach say nothing.
    """
    sizes = {stage.images_per_step // stage.parts for stage in reached(gan)}
    sizes |= {size for name, size in gan.hparams.items() if name == "batch_size_g" and isinstance(size, int)}
    shares = []
    for size in sorted(s for s in sizes if s % (world * gan.stage.block)):
        counts = Counter(len(Share(size, rank, world, gan.stage.block)) for rank in range(world))
        some = " and ".join(f"{n} processes take {images or 'none'}" for images, n in sorted(counts.items())[::-1])
        shares.append(f"of {size} images {some}")
    if not shares:
        return None
    gain = min(sizes) // gan.stage.block
    more = f"; more than {gain} devices gain nothing for {min(sizes)} images" if world > gain else ""
    return f"a batch is spread evenly and its update is that of one process: {'; '.join(shares)}{more}"


def preset(recipe: Path, args: list[str]) -> Path | None:
    """The authors' settings for as many devices as the arguments name: `*<n>gpu.yaml` beside the recipe.

    None where a --config chooses, where one device or none is named, or where the authors published none.
    """
    if any(word in ("-c", "--config") or word.startswith("--config=") for word in args):
        return None
    given = dict(word.partition("=")[::2] for word in args if "=" in word) | dict(pairwise(args))
    keys = {name: f"--trainer.{name}" for name in ("devices", "accelerator", "num_nodes")}
    n = processes({name: given[key] for name, key in keys.items() if key in given})
    found = [p for p in recipe.parent.glob("*gpu.yaml") if re.fullmatch(rf"(.*\D)?{n}gpu", p.stem)]
    return found[0] if n > 1 and found else None


def about_preset(chosen: Path, recipe: Path) -> str:
    """What is told of a preset that was chosen for the user."""
    n = re.findall(r"\d+", chosen.stem)[-1]
    return f"{n} devices: the authors' preset, {chosen}; --config {recipe} trains that recipe's own batches instead"
