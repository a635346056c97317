"""What a model keeps in its checkpoints beside weights and optimizers, and what is told of its training."""

import inspect
from typing import TYPE_CHECKING

from zoo.engine.devices import hardware

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def get_extra_state(gan: "GAN") -> dict:
    """Counters and random streams: part of every checkpoint's state_dict."""
    return {
        "nimg": gan.nimg,
        "steps": gan.steps,
        "seed": gan.seed,
        "train_seconds": gan.clock.seconds,
        "latent_rng": gan.latent_rng.get_state(),
    }


def set_extra_state(gan: "GAN", state: dict) -> None:
    """Take over what `get_extra_state` has told."""
    gan.nimg, gan.seed, gan.clock.seconds = state["nimg"], state["seed"], state["train_seconds"]
    gan.steps = state.get("steps", gan.nimg // gan.images_per_step)  # older files have none
    gan.latent_rng.set_state(state["latent_rng"].cpu())


def on_save_checkpoint(gan: "GAN", checkpoint: dict) -> None:
    """Add what rebuilds the model: paper, hyperparameters and conditions."""
    known = inspect.signature(type(gan).__init__).parameters
    checkpoint["zoo"] = {
        "paper": type(gan).__name__.lower(),
        "hparams": {k: v for k, v in gan.hparams.items() if k in known},
        "conditions": gan.conditions,
    }


def conditions(gan: "GAN") -> dict:
    """Seed, precision, number of processes and hardware of the training, for the results row."""
    if gan._trainer is None:
        return gan._conditions  # of a loaded model
    return {
        "seed": gan.seed,
        "precision": str(gan.trainer.precision),
        "world_size": gan.world_size,
        "hardware": hardware(gan.device),
    }
