"""The base of every paper: networks, the average of G, the image counter, latents, updates and sampling.

It holds no training step; a paper's own file does. Progress is counted in images shown to D over all ranks
(`nimg`), never in Lightning's `global_step`, which counts optimizer steps.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from zoo.data.stage import Stage
from zoo.engine import batches, checks, draws, reporting, sampling, speed, state, updates
from zoo.engine.clock import Clock
from zoo.engine.ema import EMA
from zoo.engine.hub import OnHub
from zoo.engine.latents import normal
from zoo.engine.pixels import Pixels
from zoo.options.checked import Checked


class GAN(Checked, L.LightningModule, OnHub):
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
        parts: equal batches that these images are, one behind the other, each spread over the ranks.
        block: consecutive images that stay on one rank.
        total_kimg: training ends after so many thousand real images.
        ema: how the average of G is kept; None keeps none.
        pixels: colours and range of G's and D's images; None for three colours in [-1, 1].
    """

    #: words for callbacks: what `nimg` counts, in thousands and one by one, and the command that shows a model
    unit, things, shown_by = "kimg", "img", "zoo evaluate"
    #: settings in kimg that a resumed run may not change: all that came before would have been otherwise
    fixed_kimg: tuple[str, ...] = ()
    #: what makes the prior of N(0, 1); set by a paper with another
    prior = staticmethod(normal)
    #: images of a group of D's minibatch stddev, which must divide them too; None or 0 for none
    group: int | None = None
    #: whether bf16-mixed holds for penalties too, as StyleGAN2-ADA's R1 does; and what `speed.begin` sets up
    half_penalties = compiled = checkpoint_activations = False

    def __init__(
        self,
        G: nn.Module,
        D: nn.Module,
        *,
        resolution: int,
        latent_dim: int,
        images_per_step: int,
        total_kimg: float,
        parts: int = 1,
        block: int = 1,
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
        self._stage = Stage(resolution, images_per_step, parts=parts, block=block)
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
        self.only_G = False  # loaded from a file of G alone: the other networks are untrained
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

    save_hyperparameters = state.save_hyperparameters
    get_extra_state = state.get_extra_state
    set_extra_state = state.set_extra_state
    on_save_checkpoint = state.on_save_checkpoint
    __getstate__ = state.pickled
    __setstate__ = state.unpickled
    conditions = property(state.conditions)

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
        return state.as_imported(self, self.stage_at(max(self.nimg - 1, 0)))

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

    share = draws.share
    latents = draws.latents
    uniform = draws.uniform
    random_labels = draws.random_labels
    seed_step = draws.seed_step

    manual_backward = updates.manual_backward
    update = updates.update
    apply_gradients = updates.apply_gradients
    update_ema = updates.update_ema
    set_lr = updates.set_lr
    forget = updates.forget
    differentiated_twice = speed.differentiated_twice
    as_written = speed.as_written

    report = reporting.report
    log_scalars = reporting.log_scalars
    passed = reporting.passed

    @property
    def report_due(self) -> bool:
        """Whether the running step's scalars go to the loggers: every `log_every_n_steps` steps, 0 for never."""
        every = self.trainer.log_every_n_steps
        return bool(every) and (self.steps + 1) % every == 0

    @property
    def finished(self) -> bool:
        """Whether `total_kimg` thousand images have been shown."""
        return self.nimg >= self.total_kimg * 1000

    @property
    def train_seconds(self) -> float:
        """Seconds of training, without sampling, evaluation and checkpoints."""
        return self.clock.seconds

    off_the_clock = speed.off_the_clock

    @property
    def started(self) -> bool:
        """Whether the first training step may have begun: what fails before is the user's to mend."""
        return self.clock.running

    # ---- hooks

    def check(self, data: L.LightningDataModule | None) -> None:
        """Refuse what cannot work with this data, before anything is computed or written.

        Raises:
            ValueError: if the data lacks the model's classes, or a batch does not split as the paper's step asks.
        """
        checks.check(self, data)

    def on_fit_start(self) -> None:
        self.check(self.trainer.datamodule)
        speed.begin(self, self.world_size)

    def on_train_start(self) -> None:
        batches.check_last_batch(self)
        self._seen, self._shown, self.only_G = False, None, False
        self.clock.start()
        self._reported = (self.nimg, self.clock.seconds)

    on_before_batch_transfer = batches.on_before_batch_transfer
    on_after_batch_transfer = batches.on_after_batch_transfer
    on_train_batch_start = batches.on_train_batch_start
    on_train_epoch_end = batches.on_train_epoch_end
    on_fit_end = batches.on_fit_end

    def bfloat16(self) -> "GAN":
        """As `half` and `double`, which Lightning counts in `dtype`; this one it forgets."""
        return self.to(torch.bfloat16)

    # ---- sampling

    @contextmanager
    def prepared(self, truncation: float | None, ema: bool, seed: int) -> Iterator[dict]:
        """Entered once before samples are scored and left after. A paper whose G needs something first (BigGAN's
        standing statistics) overrides this, puts things back on the way out, and yields what it did: those entries
        stand in the results row's conditions. What it draws must depend on `seed` alone, not on the rank."""
        yield {}

    indexed_latents = sampling.indexed_latents
    sample = sampling.sample
    decode = sampling.decode

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
