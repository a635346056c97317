"""The bar of what takes long: after two seconds, one at a time, lines where there is no terminal."""

import io
import sys

import pytest

from zoo.engine import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def consumed(clock, seconds: float, items: int = 4, **options) -> list[int]:
    found = []
    for item in progress.track(range(items), items, **options):
        found.append(item)
        clock[0] += seconds
    return found


def test_what_is_short_shows_nothing(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert consumed(clock, 0.4) == [0, 1, 2, 3]
    assert sys.stderr.getvalue() == ""


def test_what_is_long_shows_a_bar_with_the_time_left(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert consumed(clock, 3.0, what="samples") == [0, 1, 2, 3]
    assert "samples" in sys.stderr.getvalue()
    assert progress._shown == []


def test_a_bar_within_a_bar_is_not_drawn(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "_shown", ["training's"])
    consumed(clock, 3.0, what="samples")
    assert "samples" not in sys.stderr.getvalue()


def test_without_a_terminal_a_line_every_half_minute(clock, capsys):
    consumed(clock, 20.0, what="samples")
    assert capsys.readouterr().err.splitlines() == ["samples 2 of 4, 40 s left", "samples 4 of 4, 0 s left"]
