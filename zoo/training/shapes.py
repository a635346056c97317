"""What a checkpoint must hold, held against what it holds: what is wrong in it is told by name."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from zoo.options.ranges import shown

WHOLE, NUMBER = "a whole number of at least 0", "a number of at least 0"
#: place in a checkpoint -> what stands there
PLACES = {
    "zoo": "a mapping",
    "zoo.paper": "a name",
    "zoo.hparams": "a mapping",
    "zoo.conditions": "a mapping",
    "state_dict": "a mapping",
    "state_dict._extra_state": "a mapping",
    "state_dict._extra_state.nimg": WHOLE,
    "state_dict._extra_state.seed": WHOLE,
    "state_dict._extra_state.train_seconds": NUMBER,
}


def _fits(value: Any, what: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return {
        "a mapping": isinstance(value, Mapping),
        "a name": isinstance(value, str),
        WHOLE: number and isinstance(value, int),
        NUMBER: number,
    }[what]


def check_checkpoint(path: Path, checkpoint: Any) -> None:
    """Refuse a file that is no whole checkpoint of the zoo.

    Raises:
        ValueError: naming the file and the first place that is wrong.
    """
    for place, what in PLACES.items():
        value = checkpoint
        for key in place.split("."):
            if not isinstance(value, Mapping) or key not in value:
                raise ValueError(f"{path} is not a checkpoint of this project, or it is damaged: it has no {place}")
            value = value[key]
        if not _fits(value, what):
            raise ValueError(
                f"{path} is damaged: its {place} is {shown(value)}, not {what}; take another checkpoint"
            )
    if not all(isinstance(key, str) for key in checkpoint["zoo"]["hparams"]):
        raise ValueError(f"{path} is damaged: its zoo.hparams have names that are no text; take another checkpoint")


def check_finite(path: Path, state: Mapping[str, Any]) -> None:
    """Refuse weights among which a number is not finite.

    Raises:
        ValueError: naming the file and the first weight that is wrong.
    """
    floats = ((n, t) for n, t in state.items() if isinstance(t, Tensor) and t.is_floating_point())
    if bad := [name for name, tensor in floats if not tensor.isfinite().all()]:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise ValueError(f"{path}: {bad[0]} holds numbers that are not finite{more}; take another checkpoint")


def check_weights(path: Path, state: Mapping[str, Any], model: L.LightningModule) -> None:
    """Refuse weights that are not those of a model: other names, other shapes, numbers that are not finite.

    Raises:
        ValueError: naming the file and the first weight that is wrong.
    """
    own = model.state_dict()
    wrong = [(name, "is missing") for name in own if name not in state]
    wrong += [(name, "is none of this model's") for name in state if name not in own]
    for name in own.keys() & state.keys():
        mine, its = own[name], state[name]
        if isinstance(mine, Tensor) and not isinstance(its, Tensor):
            wrong.append((name, f"is {shown(its)}, no tensor"))
        elif isinstance(mine, Tensor) and mine.shape != its.shape:
            wrong.append((name, f"has the shape {tuple(its.shape)}, not {tuple(mine.shape)}"))
    if not wrong:
        check_finite(path, state)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ValueError(
            f"{path} does not fit these networks: {wrong[0][0]} {wrong[0][1]}{more}; take another checkpoint, or "
            "the settings and the version of the zoo that it was made with"
        )


def check_training(path: Path, checkpoint: Mapping[str, Any], model: L.LightningModule) -> None:
    """Refuse a checkpoint that training cannot go on from exactly.

    Raises:
        ValueError: naming the file and what is missing.
    """
    check_weights(path, checkpoint["state_dict"], model)
    wanted, states = model.configure_optimizers(), checkpoint.get("optimizer_states")
    if not isinstance(states, list) or len(states) != len(wanted):
        found = len(states) if isinstance(states, list) else "none"
        raise ValueError(
            f"{path} holds the states of {found} optimizers, this paper has {len(wanted)}: it cannot be gone on "
            "with, so take another checkpoint"
        )
    for number, (optimizer, state) in enumerate(zip(wanted, states, strict=True), 1):
        sizes = [len(group["params"]) for group in optimizer.param_groups]
        try:
            same = sizes == [len(group["params"]) for group in state["param_groups"]]
            same = same and isinstance(state["state"], dict)
        except (TypeError, KeyError):
            same = False
        if not same:
            raise ValueError(
                f"{path} is damaged: its optimizer {number} is not that of these networks; take another"
            )


def check_data(path: Path, data: Any) -> None:
    """Refuse other data than a checkpoint was trained on.

    Raises:
        ValueError: naming the file and the data.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    saved = checkpoint.get(type(data).__qualname__)
    if not isinstance(saved, Mapping) or not {"seed", "fingerprints"} <= saved.keys():
        others = [k for k, v in checkpoint.items() if isinstance(v, Mapping) and "fingerprints" in v]
        why = "the place in the data is missing from it"
        if others:
            why = f"it was trained on {others[0]}, not on {type(data).__name__}"
        raise ValueError(f"{path} cannot be gone on with: {why}; take another checkpoint, or give --data as it was")
    known = saved["fingerprints"]
    if not isinstance(known, Mapping) or known.get(data.resolution, data.fingerprint) != data.fingerprint:
        raise ValueError(
            f"{path} was trained on other data than {data.name}, as the fingerprints of the images tell: give the "
            "run's own data, or leave out --ckpt_path"
        )
