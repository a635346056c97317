"""The base of every paper: networks, the average of G, the image counter, latents, updates and sampling.

It holds no training step; a paper's own file does. Progress is counted in images shown to D over all ranks
(`nimg`), never in Lightning's `global_step`, which counts optimizer steps.
"""

import copy
import inspect
import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from zoo.data.stage import Stage
from zoo.engine import batches
from zoo.engine.checks import check_batches, check_classes, chosen_labels
from zoo.engine.clock import Clock
from zoo.engine.ema import EMA, move
from zoo.engine.hub import OnHub
from zoo.engine.latents import indexed_latents, normal
from zoo.engine.pixels import Pixels
from zoo.engine.reporting import offer, show
from zoo.networks.modes import evaluating


class GAN(L.LightningModule, OnHub):
    """Base of the papers' LightningModules (manual optimization).

    A paper's `__init__` calls this, then `save_hyperparameters()`; its batch sizes, over all ranks, are arguments
    whose names begin with `batch_size`. It defines `configure_optimizers`
    returning `[optimizer of G, optimizer of D]` and a `training_step` that ends with `report(...)`. A growing model
    overrides `stage_at`, and `generate` so that samples have the side of `trained_stage`.

    Args:
        G: `G(z, label=None) -> (N, 3, R, R)` in [-1, 1], or as `pixels` says.
        D: `D(x, label=None) -> (N,)` raw logits.
        resolution: R, in pixels.
        latent_dim: length of z.
        n_classes: 0 for an unconditional model.
        images_per_step: real images one `training_step` consumes, over all ranks together.
        total_kimg: training ends after so many thousand real images.
        ema: how the average of G is kept; None keeps none.
        pixels: colours and range of G's and D's images; None for three colours in [-1, 1].
    """

    #: what `nimg` counts, in thousands and one by one, and the command that shows a model: words for callbacks and
    #: errors
    unit, things, shown_by = "kimg", "img", "zoo evaluate"
    #: settings in kimg that a resumed run may not change: all that came before would have been otherwise
    fixed_kimg: tuple[str, ...] = ()
    #: what makes the prior of N(0, 1); set by a paper with another
    prior = staticmethod(normal)
    #: equal parts that a step splits a process's images into
    parts: int = 1
    #: images of a group of D's minibatch stddev, which must divide them too; None or 0 for none
    group: int | None = None

    def __init__(
        self,
        G: nn.Module,
        D: nn.Module,
        *,
        resolution: int,
        latent_dim: int,
        images_per_step: int,
        total_kimg: float,
        n_classes: int = 0,
        ema: EMA | None = None,
        pixels: Pixels | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # channels_last is the layout of the fast convolution kernels; the mathematics is the same
        self.G, self.D = (net.to(memory_format=torch.channels_last) for net in (G, D))
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False) if ema else None
        self.ema = ema
        self.resolution, self.latent_dim, self.n_classes = resolution, latent_dim, n_classes
        self.total_kimg, self.pixels = total_kimg, pixels or Pixels()
        self._stage = Stage(resolution, images_per_step)
        self.nimg = 0  # plain number: a buffer on the GPU would cost a synchronisation at every read
        self.steps = 0  # training steps; not nimg / images_per_step where the batch grows
        self._nimg_before = 0  # the last step
        self._shown: int | None = None  # images of the running step where a loader other than the zoo's chose them
        self._seen = False  # whether the first batch was looked at
        self.clock = Clock()
        self.seed = torch.initial_seed()
        self.latent_rng = torch.Generator().manual_seed(self.seed)
        self.scalars: dict[str, Tensor] = {}
        self._conditions: dict = {}  # of a loaded model
        self._own_networks = False
        self.chosen: str | None = None  # how its checkpoint was picked out of its run; None for the newest
        self.origin: dict = {}  # of imported weights: "imported", and "networks" where they differ

    def use_networks(self, G: nn.Module, D: nn.Module, latent_dim: int) -> None:
        """Put own networks in the place of the paper's, before training: same step, same losses.

        D needs what the paper's step asks of it: CT-GAN `features` and `score`, VGAN `logits_and_kl`. `load` does
        not rebuild such a model: it knows the paper's networks only.
        """
        self.G, self.D, self._own_networks = G, D, True
        self.G_ema = copy.deepcopy(G).eval().requires_grad_(False) if self.ema else None
        self.latent_dim = latent_dim

    # ---- state: part of every checkpoint's state_dict

    def get_extra_state(self) -> dict:
        return {
            "nimg": self.nimg,
            "steps": self.steps,
            "seed": self.seed,
            "train_seconds": self.clock.seconds,
            "latent_rng": self.latent_rng.get_state(),
        }

    def set_extra_state(self, state: dict) -> None:
        self.nimg, self.seed, self.clock.seconds = state["nimg"], state["seed"], state["train_seconds"]
        self.steps = state.get("steps", self.nimg // self.images_per_step)  # older files have none
        self.latent_rng.set_state(state["latent_rng"].cpu())

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        known = inspect.signature(type(self).__init__).parameters
        checkpoint["zoo"] = {
            "paper": type(self).__name__.lower(),
            "hparams": {k: v for k, v in self.hparams.items() if k in known},
            "conditions": self.conditions,
            "chosen": self.chosen,
            **self.origin,
        }

    @property
    def conditions(self) -> dict:
        """Seed, precision, number of processes and hardware of the training, for the results row."""
        if self._trainer is None:
            return self._conditions
        from zoo.engine.devices import hardware

        return {
            "seed": self.seed,
            "precision": str(self.trainer.precision),
            "world_size": self.world_size,
            "hardware": hardware(self.device),
        }

    # ---- progress

    def stage_at(self, nimg: int) -> Stage:
        """Resolution and images of the step that begins at `nimg` images; always the same if not overridden."""
        return self._stage

    @property
    def stage(self) -> Stage:
        """The stage of the running or next training step."""
        return self.stage_at(self.nimg)

    @property
    def trained_stage(self) -> Stage:
        """The stage of the last training step: samples and evaluations show it."""
        return self.stage_at(max(self.nimg - 1, 0))

    @property
    def images_per_step(self) -> int:
        """Real images that the running or next training step consumes, over all ranks: as shown, if it runs."""
        return self.stage.images_per_step if self._shown is None else self._shown

    # ---- what a training step is made of

    @property
    def world_size(self) -> int:
        return self._trainer.world_size if self._trainer else 1

    @property
    def opt_g(self) -> LightningOptimizer:
        return self.optimizers()[0]

    @property
    def opt_d(self) -> LightningOptimizer:
        return self.optimizers()[1]

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), or what `prior` makes of it, (n, latent_dim). One stream serves all ranks and each takes
        every world-th row, so the ranks' latents differ, and together they are those of a single process."""
        z = torch.randn(n * self.world_size, self.latent_dim, generator=self.latent_rng)
        return self.prior(z[self.global_rank :: self.world_size].to(self.device, self.dtype))

    def uniform(self, n: int) -> Tensor:
        """U[0, 1) per image, (n,), from the latents' stream and split over the ranks as they are."""
        u = torch.rand(n * self.world_size, generator=self.latent_rng)
        return u[self.global_rank :: self.world_size].to(self.device, self.dtype)

    def random_labels(self, n: int) -> Tensor | None:
        """Uniform classes (n,) int64 from the same stream as the latents; None for an unconditional model."""
        if not self.n_classes:
            return None
        y = torch.randint(self.n_classes, (n * self.world_size,), generator=self.latent_rng)
        return y[self.global_rank :: self.world_size].to(self.device)

    def seed_step(self) -> None:
        """Make what a training step draws from torch's global stream (dropout, noise) a function of its place in
        training: seeds that stream from the latents' own. Ranks get streams of their own."""
        seed = torch.randint(2**62, (), generator=self.latent_rng)
        torch.manual_seed(int(seed) + self.global_rank)

    def update(
        self, optimizer: LightningOptimizer, loss: Tensor | Iterable[Tensor], clip: float | None = None
    ) -> None:
        """One step of `optimizer` down `loss`; with a step of G its average follows.

        Args:
            loss: a scalar, or several whose gradients add up: each is taken, and its graph freed, in turn.
            clip: bound on the total gradient norm; None for none.
        """
        optimizer.zero_grad()
        for part in [loss] if isinstance(loss, Tensor) else loss:
            self.manual_backward(part)
        self.apply_gradients(optimizer, clip)

    def apply_gradients(self, optimizer: LightningOptimizer, clip: float | None = None) -> None:
        """The second half of `update`, for steps whose gradients one backward pass gives to both networks."""
        if clip is not None:
            self.clip_gradients(optimizer, gradient_clip_val=clip, gradient_clip_algorithm="norm")
        name = "grad/g" if optimizer is self.opt_g else "grad/d"
        if self.report_due:
            grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
            self.scalars[name] = nn.utils.get_total_norm([g for g in grads if g is not None])
        averaged = self.ema is not None and optimizer is self.opt_g
        if averaged and self.ema.before_step:
            self.update_ema()
        optimizer.step()
        if averaged and not self.ema.before_step:
            self.update_ema()

    def update_ema(self) -> None:
        """Move the average of G towards G; buffers (batch norm statistics) are copied."""
        move(self.G_ema, self.G, self.ema.beta(self.nimg, self.images_per_step))

    def set_lr(self, optimizer: LightningOptimizer, lr: float) -> None:
        """Set the learning rate of every parameter group, as a paper's schedule over `nimg` asks for."""
        for group in optimizer.param_groups:
            group["lr"] = lr

    def forget(self) -> None:
        """Let both optimizers start anew: no moments, no step count."""
        for optimizer in self.optimizers():
            optimizer.optimizer.state.clear()

    def report(self, scalars: dict[str, Tensor | float]) -> None:
        """End a training step: count its images and hand its scalars to the loggers and the progress bar.

        Names are `loss/d`, `loss/g`, `logits/real`, `logits/fake`, `penalty/...`; `grad/d`, `grad/g`, `kimg`,
        `hours` and `speed/images_per_s` are added. Values are this step's, of rank 0, every `log_every_n_steps`
        steps.
        """
        due = self.report_due
        self._nimg_before, self.nimg, self.steps = self.nimg, self.nimg + self.images_per_step, self.steps + 1
        self._shown = None
        self.scalars |= {k: v.detach() if isinstance(v, Tensor) else v for k, v in scalars.items()}
        offer(self.trainer, self.scalars | {"kimg": self.nimg / 1000})
        self.clock.tick()
        if due:
            images, seconds = self.nimg - self._reported[0], self.clock.seconds - self._reported[1]
            self._reported = (self.nimg, self.clock.seconds)
            self.scalars["speed/images_per_s"] = images / max(seconds, 1e-9)
            self.log_scalars(self.scalars)
            show(self.trainer, self.scalars)

    def log_scalars(self, scalars: dict[str, Tensor | float]) -> None:
        """Write scalars to every logger, beside `kimg` and the `hours` of training; training steps are the step."""
        values = {"kimg": self.nimg / 1000, "hours": self.clock.seconds / 3600}
        values |= {k: float(v) for k, v in scalars.items()}
        for logger in self.trainer.loggers:
            logger.log_metrics(values, step=self.steps)
            logger.save()

    @property
    def report_due(self) -> bool:
        """Whether the running step's scalars go to the loggers: every `log_every_n_steps` training steps."""
        return (self.steps + 1) % self.trainer.log_every_n_steps == 0

    def passed(self, kimg: float | None) -> bool:
        """Whether the last step reached or crossed a multiple of `kimg` thousand images; False for None or 0."""
        if not kimg:
            return False
        images = kimg * 1000
        return math.floor(self.nimg / images) > math.floor(self._nimg_before / images)

    @property
    def finished(self) -> bool:
        """Whether `total_kimg` thousand images have been shown."""
        return self.nimg >= self.total_kimg * 1000

    @property
    def train_seconds(self) -> float:
        """Seconds of training, without sampling, evaluation and checkpoints."""
        return self.clock.seconds

    def off_the_clock(self) -> AbstractContextManager[None]:
        """Time spent inside is not training time."""
        return self.clock.paused()

    @property
    def started(self) -> bool:
        """Whether the first training step may have begun: what fails before is the user's to mend."""
        return self.clock.running

    # ---- hooks

    def on_fit_start(self) -> None:
        """Refuse what cannot work before anything is computed.

        Raises:
            ValueError: if the batch does not divide over the ranks, or the data lacks the model's classes.
        """
        check_batches(self)
        check_classes(self)

    def on_train_start(self) -> None:
        batches.check_last_batch(self)
        self._seen, self._shown = False, None
        self.clock.start()
        self._reported = (self.nimg, self.clock.seconds)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Any loader's batch as (images, labels or None) of the running stage, counted as it is shown."""
        if not batches.foreign(self) or not self.trainer.training:
            return batch
        images, labels = batches.unpacked(batch)
        self._shown = batches.shown(self, images)
        return batches.shrunk(self, images), labels

    def on_train_batch_start(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        """Refuse what the step cannot take; values are looked at once, since that waits for the device.

        Raises:
            ValueError: naming what was found and the mend.
        """
        if self._own_networks and batch[0].ndim == 2:
            return  # points: what own networks take, they know
        if not self._seen:
            batches.check_values(self, *batch)
            self._seen = True
        batches.check_shape(self, batch[0])

    # ---- sampling

    @contextmanager
    def prepared(self, truncation: float | None, ema: bool, seed: int) -> Iterator[dict]:
        """Entered once before samples are scored and left after. A paper whose G needs something first (BigGAN's
        standing statistics) overrides this, puts things back on the way out, and yields what it did: those entries
        stand in the results row's conditions. What it draws must depend on `seed` alone, not on the rank."""
        yield {}

    def indexed_latents(
        self, n: int, seed: int = 0, start: int = 0, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """`zoo.engine.latents.indexed_latents` of this model: z and, with classes, labels, or None."""
        z, y = indexed_latents(n, self.latent_dim, self.n_classes, seed, start, truncation)
        return self.prior(z.to(self.device, self.dtype)), y.to(self.device) if self.n_classes else None

    def own_metrics(self, data: L.LightningDataModule) -> dict[str, float | str]:
        """What the paper measures beside its samples, for the results row: a number, or why there is none.

        Called on every rank, in any train or eval mode; what it draws from the global stream is put back.
        """
        return {}

    def own_pictures(self, data: L.LightningDataModule) -> dict[str, tuple[Tensor, int]]:
        """What the paper shows beside its samples: name -> images (N, 3, R, R) in [-1, 1] and how many make a row.

        Drawn whenever samples are, on rank 0, and for the results row.
        """
        return {}

    def to_native(self, images: Tensor) -> Tensor:
        """Images (N, 3, R, R) in [-1, 1] as D sees them."""
        return self.pixels.native(images)

    def generate(self, G: nn.Module, z: Tensor, label: Tensor | None, truncation: float | None) -> Tensor:
        """Images of `G`. Truncation has already acted on z; a paper that truncates elsewhere overrides this."""
        return self.pixels.shown(G(z, label))

    @torch.no_grad()
    def sample(
        self,
        n: int,
        label: Tensor | int | None = None,
        truncation: float | None = None,
        ema: bool = True,
        seed: int = 0,
        start: int = 0,
    ) -> Tensor:
        """Images (n, 3, R, R) in [-1, 1], image i a pure function of (weights, seed, start + i).

        Args:
            label: class of every image, or (n,) classes; None draws them uniformly.
            truncation: bound on |z| (the truncation trick of BigGAN); None for none.
            ema: use the average of G when there is one.
            seed, start: name the latents; the same numbers give the same faces on any number of ranks.

        Raises:
            ValueError: for labels of an unconditional model, labels out of range, or truncation <= 0.
        """
        z, y = self.indexed_latents(n, seed, start, truncation)
        return self.decode(z, y if label is None else chosen_labels(self, label, n), truncation, ema)

    @torch.no_grad()
    def decode(
        self, z: Tensor, label: Tensor | None = None, truncation: float | None = None, ema: bool = True
    ) -> Tensor:
        """Images (N, 3, R, R) in [-1, 1] of latents (N, latent_dim), by G (or its average) in eval mode."""
        G = self.G_ema if ema and self.G_ema is not None else self.G
        with evaluating(G):
            return self.generate(G, z, label, truncation)
