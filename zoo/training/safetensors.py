"""Models as safetensors: tensors and a JSON of settings, in which nothing can hide that would run."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.whole import replacing
from zoo.engine.gan import GAN

SUFFIX = ".safetensors"
KEY = "zoo"  # of the metadata


def about(gan: GAN) -> dict:
    """The `zoo` section of the model's checkpoints."""
    checkpoint: dict = {}
    gan.on_save_checkpoint(checkpoint)
    return checkpoint["zoo"]


def save(gan: GAN, path: Path, what: str | None = None) -> Path:
    """Write a model with its settings.

    Args:
        what: "G" for the generator that draws (the average of G where there is one), "D" for D; None for all.
    """
    from safetensors.torch import save_file

    state = dict(gan.state_dict())
    extra = dict(state.pop("_extra_state"))
    if what is not None:
        net = drawing(gan) if what == "G" else gan.D
        state = {f"{what}.{name}": tensor for name, tensor in net.state_dict().items()}
    else:
        state["latent_rng"] = extra["latent_rng"]
    extra.pop("latent_rng")
    told = {**about(gan), "extra": extra, "what": what}
    tensors = {n: t.detach().cpu().contiguous().clone() for n, t in state.items() if isinstance(t, Tensor)}
    with replacing(path) as part:
        save_file(tensors, part, metadata={KEY: json.dumps(told), "format": "pt"})
    return path


def drawing(gan: GAN) -> torch.nn.Module:
    """The generator that samples come from."""
    return gan.G if gan.G_ema is None else gan.G_ema


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(`zoo` section, whose `what` is that of `save`, and state dict) of a file that `save` wrote, without what it
    left out.

    Raises:
        ValueError: if it is damaged, or of another kind.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})[KEY])
            state: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        told["hparams"] = numbered(told["hparams"])
        extra = dict(told.pop("extra"))
        if told["what"] not in (None, "G", "D"):
            raise ValueError
    except Exception as error:
        raise ValueError(
            f"{path} is not a safetensors file of this project, or it is damaged: take another"
        ) from error
    if told["what"] is None:
        if "latent_rng" not in state:
            raise ValueError(f"{path} is damaged: latent_rng is missing; take another")
        extra["latent_rng"] = state.pop("latent_rng")
    return told, state | {"_extra_state": extra}


def completed(state: dict[str, Any], gan: GAN) -> dict[str, Any]:
    """The state of a file that holds G alone, with `gan`'s own for what is neither G nor its average."""
    own = gan.state_dict()
    average = {f"G_ema.{name.removeprefix('G.')}": value for name, value in state.items() if name != "_extra_state"}
    rest = {name: value for name, value in own.items() if not name.startswith(("G.", "G_ema."))}
    whole = rest | state | (average if gan.G_ema is not None else {})
    whole["_extra_state"] = own["_extra_state"] | state["_extra_state"]
    return whole


def numbered(value: Any) -> Any:
    """JSON knows names only: dictionaries of numbers, such as a batch size for each resolution, get them back."""
    if isinstance(value, list):
        return [numbered(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {int(k) if k.isdigit() else k: numbered(v) for k, v in value.items()}
