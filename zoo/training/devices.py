"""Devices, processes, and the authors' presets for a number of them."""

import re
from itertools import pairwise
from pathlib import Path

import torch


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


def strategy_for(trainer: dict) -> str:
    """DDP that tolerates parameters without gradients (G while D trains) when there is more than one process."""
    return "ddp_find_unused_parameters_true" if processes(trainer) > 1 else "auto"


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
