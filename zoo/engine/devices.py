"""Devices by name, and what they are."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch


def device_here(name: str) -> torch.device:
    """The device of that name; `cuda` under torchrun is the process's own.

    Raises:
        ValueError: if this machine has none.
    """
    own = os.environ.get("LOCAL_RANK", "")
    there = torch.cuda.device_count() if name == "cuda" and own.isdigit() else 0
    try:
        one = torch.empty(1, device=f"cuda:{int(own) % there}" if there else name)
        one.cpu()  # `meta` has no numbers to give back
        return one.device
    except (RuntimeError, AssertionError) as error:  # no driver; PyTorch without CUDA
        raise ValueError(
            f"there is no device {name} here: leave out --device, or give cpu, cuda or cuda:1"
        ) from error


def hardware(device: torch.device | str) -> str:
    """Name of the processor behind `device`."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _cpu() if device.type == "cpu" else device.type


@cache
def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """PyTorch on n CPU threads; None leaves them."""
    before = torch.get_num_threads()
    try:
        if n is not None:
            torch.set_num_threads(n)
        yield
    finally:
        torch.set_num_threads(before)
