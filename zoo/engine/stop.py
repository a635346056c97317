"""The end of training, and interruptions."""

import signal

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback

from zoo.engine.gan import GAN


class Stop(Callback):
    """Ends training at `total_kimg`, or cleanly after the running step at the first Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self.interrupted = False
        self.handlers: dict = {}

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        def handle(number: int, frame) -> None:
            if self.signal and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.signal = signal.Signals(number).name

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.handlers[number] = signal.signal(number, handle)
            except ValueError:  # not in the main thread
                return

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        stop = trainer.strategy.reduce_boolean_decision(self.signal is not None, all=False)
        self.interrupted = stop and not gan.finished
        if stop or gan.finished:
            trainer.should_stop = True

    def restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def teardown(self, trainer: L.Trainer, gan: GAN, stage: str) -> None:
        self.restore()  # not before the checkpoint is saved: a second signal would lose it

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        self.restore()
