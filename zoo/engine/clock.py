"""Seconds of training alone: samples, evaluations and checkpoints do not count."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts `seconds` from one `tick` to the next; what is spent in `paused` does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last: float | None = None

    @property
    def running(self) -> bool:
        return self._last is not None

    def start(self) -> None:
        self._last = time.perf_counter()

    def tick(self) -> None:
        now = time.perf_counter()
        if self._last is not None:
            self.seconds += now - self._last
        self._last = now

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.tick()
        try:
            yield
        finally:
            self.start()
