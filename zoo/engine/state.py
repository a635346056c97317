"""What of a model is in every checkpoint beside its weights, and what a checkpoint says of itself."""

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import lightning.pytorch as L
import torch

from zoo.data.stage import Stage
from zoo.engine.devices import hardware
from zoo.options.checked import defaults

if TYPE_CHECKING:
    from zoo.engine.gan import GAN


def save_hyperparameters(self: "GAN") -> None:
    """To be called in a paper's `__init__`: every option's value, those left at their defaults too."""
    caller = inspect.currentframe().f_back
    L.LightningModule.save_hyperparameters(self, frame=caller)
    L.LightningModule.save_hyperparameters(self, defaults(type(self)) | dict(self.hparams))


def get_extra_state(self: "GAN") -> dict:
    return {
        "nimg": self.nimg,
        "nimg_before": self._nimg_before,
        "steps": self.steps,
        "seed": self.seed,
        "train_seconds": self.clock.seconds,
        "latent_rng": self.latent_rng.get_state(),
        "scalars": {name: float(value) for name, value in self.scalars.items()},  # of the last step
    }


def set_extra_state(self: "GAN", state: dict) -> None:
    self.nimg, self.seed, self.clock.seconds = state["nimg"], state["seed"], state["train_seconds"]
    self.steps = state.get("steps", self.nimg // self.images_per_step)  # older files have none
    self._nimg_before = state.get("nimg_before", self.nimg)  # older files owe nothing
    self.scalars = dict(state.get("scalars", {}))
    self.latent_rng.set_state(state["latent_rng"].cpu())


def pickled(self: "GAN") -> dict[str, Any]:
    """What a pickle holds. The stream of latents goes as bytes: of a torch.Generator a process that is spawned gets
    a file that is closed by then."""
    state = L.LightningModule.__getstate__(self)
    return state | {"latent_rng": self.latent_rng.get_state().numpy().tobytes()}


def unpickled(self: "GAN", state: dict[str, Any]) -> None:
    rng = torch.Generator()
    rng.set_state(torch.frombuffer(bytearray(state["latent_rng"]), dtype=torch.uint8))
    L.LightningModule.__setstate__(self, state | {"latent_rng": rng})


def on_save_checkpoint(self: "GAN", checkpoint: dict) -> None:
    checkpoint["zoo"] = {
        "paper": type(self).__name__.lower(),
        "hparams": {k: v for k, v in self.hparams.items() if k in defaults(type(self))},
        "conditions": self.conditions,
        "chosen": self.chosen,
        **self.origin,
    }


def conditions(self: "GAN") -> dict:
    """Seed, precision, number of processes and hardware of the training, for the results row."""
    if self._trainer is None:
        return self._conditions
    return {
        "seed": self.seed,
        "precision": str(self.trainer.precision) + (", penalties too" if self.half_penalties else ""),
        "world_size": self.world_size,
        "hardware": hardware(self.device),
    }


def as_imported(gan: "GAN", stage: Stage) -> Stage:
    """An imported network stays at the lod of its file, and its pictures have the full side."""
    lod = gan.origin.get("imported", {}).get("lod")
    return replace(stage, lod=lod, resolution=gan.resolution) if lod else stage
