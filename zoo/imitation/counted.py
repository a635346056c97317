"""What the engine's callbacks know a training by: counter, clock, loggers, and what a checkpoint says of itself.

As `zoo.engine.gan.GAN` has them, for modules without images: what is counted here are steps of environments.
"""

import inspect
from contextlib import AbstractContextManager

import lightning.pytorch as L
import torch

from zoo.data.stage import Stage
from zoo.engine.clock import Clock
from zoo.engine.devices import hardware
from zoo.options.checked import Checked


class Counted(Checked, L.LightningModule):
    """Counts `nimg` (the callbacks' name) environment steps and `steps` iterations up to `total_kimg` thousand.

    Args:
        total_ksteps: thousands of environment steps until the end.
        steps_per_iteration: of the environments, in one training step.
    """

    #: words for the engine's callbacks and the resume check, as in `zoo.engine.gan.GAN`
    unit, things, shown_by = "ksteps", "steps", "zoo lab play"
    #: settings in ksteps that a resumed run may not change
    fixed_kimg: tuple[str, ...] = ()

    def __init__(self, total_ksteps: float, steps_per_iteration: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.total_kimg, self.steps_per_iteration = total_ksteps, steps_per_iteration
        self.nimg = self.steps = self._nimg_before = 0
        self.clock, self.scalars = Clock(), {}
        self.seed = torch.initial_seed()
        self.rng = torch.Generator().manual_seed(self.seed)
        self._conditions: dict = {}  # of a loaded model
        self.computed: dict = {}  # what decides beside the settings what is computed, as a checkpoint keeps it

    def get_extra_state(self) -> dict:
        return {
            "nimg": self.nimg,
            "nimg_before": self._nimg_before,
            "steps": self.steps,
            "seed": self.seed,
            "train_seconds": self.clock.seconds,
            "rng": self.rng.get_state(),
        }

    def set_extra_state(self, state: dict) -> None:
        self.nimg, self.steps, self.seed = state["nimg"], state["steps"], state["seed"]
        self._nimg_before = state.get("nimg_before", self.nimg)  # older files owe nothing
        self.clock.seconds = state["train_seconds"]
        self.rng.set_state(state["rng"].cpu())

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        # a thin subclass settles options of the class between: they are not its own
        classes = (type(self), next(c for c in type(self).__mro__ if Counted in c.__bases__))
        known = {name for c in classes for name in inspect.signature(c.__init__).parameters} - {"options"}
        checkpoint["zoo"] = {
            "paper": type(self).__name__.lower(),
            "hparams": {k: v for k, v in self.hparams.items() if k in known},
            "conditions": self.conditions,
            "computed": {"seed_everything": self.seed, **self.computed},
        }

    @property
    def conditions(self) -> dict:
        """Seed and hardware of the training, for the results row."""
        if self._trainer is None:
            return self._conditions
        return {"seed": self.seed, "precision": "32-true", "world_size": 1, "hardware": hardware("cpu")}

    @property
    def stage(self) -> Stage:
        """One stage, of no pixels: what the progress bar asks a growing model for."""
        return Stage(0, self.steps_per_iteration)

    @property
    def finished(self) -> bool:
        """Whether all steps have been made."""
        return self.nimg >= self.total_kimg * 1000

    def passed(self, ksteps: float | None) -> bool:
        """Whether the last iteration reached or crossed a multiple of `ksteps` thousand; False for None or 0."""
        return bool(ksteps) and self.nimg // (ksteps * 1000) > self._nimg_before // (ksteps * 1000)

    @property
    def train_seconds(self) -> float:
        return self.clock.seconds

    @property
    def started(self) -> bool:
        """Whether the first iteration may have begun."""
        return self.clock.running

    def off_the_clock(self) -> AbstractContextManager[None]:
        """Time spent inside is not training time."""
        return self.clock.paused()

    def on_train_start(self) -> None:
        self.clock.start()

    def count(self, scalars: dict[str, float]) -> None:
        """End an iteration: count its steps and hand its scalars to the loggers and the progress bar."""
        every = self.trainer.log_every_n_steps  # 0 for never
        due = every and (self.steps + 1) % every == 0
        self._nimg_before, self.nimg, self.steps = self.nimg, self.nimg + self.steps_per_iteration, self.steps + 1
        self.scalars = scalars
        self.clock.tick()
        if due:
            values = {self.unit: self.nimg / 1000, "hours": self.clock.seconds / 3600, **scalars}
            for logger in self.trainer.loggers:
                logger.log_metrics(values, step=self.steps)
                logger.save()
