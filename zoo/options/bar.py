"""How far a command is, for the terminal."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
SHORT = 2.0  # seconds that need no bar
shown: list[object] = []  # bars on the terminal: two at once would write over each other


def track(items: Iterable[T], total: int, size: Callable[[T], int] = lambda item: 1, what: str = "") -> Iterator[T]:
    """`items` one by one; after two seconds with a bar and the time left where there is a terminal, else with a
    line every half minute. A bar that is there already stays the only one, and a single item has none.

    Args:
        total: the sum of all sizes.
        size: how much of it an item is.
        what: a word or two before the bar.
    """
    if total == 1:
        yield from items
        return
    started = told = time.perf_counter()
    done = 0
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(waiting(what, total)) if sys.stderr.isatty() and not shown else None
        for item in items:
            yield item
            done += size(item)
            now = time.perf_counter()
            if bar:
                bar(done, now - started > SHORT)
            elif now - told > 30:
                told = now
                left = (now - started) / done * (total - done)
                print(f"{what} {done} of {total}, {left:.0f} s left".lstrip(), file=sys.stderr, flush=True)


@contextlib.contextmanager
def waiting(what: str, total: int) -> Iterator[Callable[[int, bool], None]]:
    """A bar that appears after two seconds, also within a long item; to be called with what is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    timer = threading.Timer(SHORT, bar.start)
    timer.daemon = True

    def at(done: int, late: bool) -> None:
        bar.update(task, completed=done)
        if late:
            bar.start()

    shown.append(bar)
    timer.start()
    try:
        yield at
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
        shown.remove(bar)
