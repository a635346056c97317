"""Devices, processes and precision."""

import torch


def strategy_for(trainer: dict) -> str:
    """DDP that tolerates parameters without gradients (G while D trains) when there is more than one process."""
    devices = trainer.get("devices", "auto")
    if devices in ("auto", -1, "-1"):
        several = trainer.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.device_count() > 1
    elif isinstance(devices, str) and "," not in devices:
        if not devices.isdigit():
            raise ValueError(f"--trainer.devices takes a number, or a list of devices such as 0,1, not {devices}")
        several = int(devices) > 1
    else:
        several = devices > 1 if isinstance(devices, int) else len(str(devices).strip(",").split(",")) > 1
    several = several or int(trainer.get("num_nodes") or 1) > 1
    return "ddp_find_unused_parameters_true" if several else "auto"
