"""How a run ends before its end: a signal, a cluster's time limit."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch.distributed as dist
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.stop import Stop
from zoo.training import cluster

#: options under --trainer that end training, whatever --model.total_kimg says
LIMITS = ("max_steps", "max_epochs", "max_time")


def tell_early(trainer: L.Trainer, options: Any) -> None:
    """Say that training has ended before its end, and by what: one of Lightning's options, or a callback."""
    given = [f"--trainer.{name} {options[name]}" for name in LIMITS if options.get(name) not in (None, -1)]
    if given:
        again = f"the same command without {' and '.join(given)}, and with --ckpt_path last"
        tell_stop(trainer, " or ".join(given), again)
    else:
        tell_stop(trainer, "a callback")


def tell_stop(trainer: L.Trainer, reason: str, again: str = "the same command and --ckpt_path last") -> None:
    """Say where a run that can be gone on with was stopped, and how it goes on."""
    if trainer.is_global_zero:
        model, last = trainer.lightning_module, Path(trainer.default_root_dir, "checkpoints", "last.ckpt")
        at = next((c.saved_at for c in trainer.callbacks if isinstance(c, Checkpoints)), -1)
        saved = f"saved {last}" if at == model.nimg else "but could not save"
        print(f"stopped by {reason} at {model.nimg / 1000:.1f} {model.unit}, {saved}")
        print(f"go on with: {again}")


@contextmanager
def watched() -> Iterator[tuple[Stop, ExitStack]]:
    """Signals heeded from before the run's first step, and what a run holds let go of, whatever happens."""
    stop = Stop()
    stop.early = True
    stop.listen()
    try:
        with ExitStack() as held:
            yield stop, held
    finally:
        stop.restore()


def part() -> None:
    """Let go of the other processes: gloo's threads may abort one that ends while it still holds them."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def leave(stop: Stop, held: ExitStack) -> None:
    """End a run that was stopped, after it was put back in the queue where a time limit did it.

    Raises:
        SystemExit: 128 and the signal's number.
    """
    held.close()  # the job may be ended before this line's end, and the next one finds the folder free
    if stop.warned and cluster.job() and rank_zero_only.rank == 0:
        print(cluster.requeue(), flush=True)
    raise SystemExit(128 + signal.Signals[stop.signal or "SIGTERM"])
