"""The end of training, and interruptions."""

import signal

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback

from zoo.engine.gan import GAN


class Interrupted(Exception):
    """A signal came while samples were drawn or scored: that is left to the resumed run."""


class Stop(Callback):
    """Ends training at `total_kimg`, or cleanly after the running step at the first signal.

    What is owed at that step is left to the resumed run, so that a time limit is not spent on it; with one process,
    what is being drawn or scored when the signal comes is left too.

    Args:
        requeue: name of the signal by which a cluster's time limit is told ahead, such as SIGUSR1; None for none.
    """

    def __init__(self, requeue: str | None = "SIGUSR1") -> None:
        self.signal: str | None = None
        self.requeue = requeue
        self.interrupted = False
        self.warned = False  # whether it was by the signal of a time limit
        self.breakable = False  # whether the signal may break off what runs
        self.handlers: dict = {}
        self.early = False  # whether somebody else calls `listen` first and `restore` last

    def listen(self) -> None:
        """Take the signals over; again, if Lightning has taken them meanwhile."""
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.Signals[self.requeue]] if self.requeue else [])]
        for number in numbers:
            try:
                before = signal.signal(number, self.heed)
            except ValueError:  # not in the main thread
                return
            self.handlers.setdefault(number, before)

    def heed(self, number: int, frame: object) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number).name
        if self.breakable:
            self.breakable = False
            raise Interrupted

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        self.listen()
        self.look(trainer, gan)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        self.look(trainer, gan)

    def look(self, trainer: L.Trainer, gan: GAN) -> None:
        agree = trainer.strategy.reduce_boolean_decision
        self.interrupted = agree(self.signal is not None, all=False)
        if self.interrupted:
            self.warned = agree(self.signal is not None and self.signal == self.requeue, all=False)
        if self.interrupted or gan.finished:
            trainer.should_stop = True

    def restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def teardown(self, trainer: L.Trainer, gan: GAN, stage: str) -> None:
        if not self.early:
            self.restore()  # not before the checkpoint is saved: a second signal would lose it

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        if not self.early:
            self.restore()


def stop_of(trainer: L.Trainer) -> Stop | None:
    """The callback that ends this training early, if it has one."""
    return next((c for c in trainer.callbacks if isinstance(c, Stop)), None)


def interrupted(trainer: L.Trainer) -> bool:
    """Whether training is being stopped before its end, so that what is owed waits for the resumed run."""
    stop = stop_of(trainer)
    return stop is not None and stop.interrupted
