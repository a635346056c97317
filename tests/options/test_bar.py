"""The bar of what takes long: after two seconds, one at a time, lines where there is no terminal."""

import io
import sys
import time

import pytest
from PIL import Image

from zoo.commands import data, lab
from zoo.options import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [0.0]
    monkeypatch.setattr(bar.time, "perf_counter", lambda: now[0])
    return now


def slow_terminal(monkeypatch) -> Terminal:
    """A terminal on which everything is long; not a fixture, since pytest puts back stderr after those."""
    monkeypatch.setattr(bar, "SHORT", -1.0)
    monkeypatch.setattr(sys, "stderr", made := Terminal())
    return made


def consumed(clock, seconds: float, items: int = 4, **options) -> list[int]:
    found = []
    for item in bar.track(range(items), items, **options):
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
    assert bar.shown == []


def test_a_bar_within_a_bar_is_not_drawn(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(bar, "shown", ["training's"])
    consumed(clock, 3.0, what="samples")
    assert "samples" not in sys.stderr.getvalue()


def test_without_a_terminal_a_line_every_half_minute(clock, capsys):
    consumed(clock, 20.0, what="samples")
    assert capsys.readouterr().err.splitlines() == ["samples 2 of 4, 40 s left", "samples 4 of 4, 0 s left"]


def test_a_long_item_shows_a_bar_before_it_ends(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(bar, "SHORT", 0.01)
    for item in bar.track(range(2), 2, what="figures"):
        if item == 0:
            time.sleep(0.4)
            assert "figures" in sys.stderr.getvalue()
    assert bar.shown == []


def test_one_item_alone_has_none(monkeypatch):
    terminal = slow_terminal(monkeypatch)
    assert list(bar.track([5], 1, what="papers")) == [5]
    assert terminal.getvalue() == ""


def test_data_are_prepared_and_looked_at_with_bars(monkeypatch, tmp_path):
    terminal = slow_terminal(monkeypatch)
    for i in range(80):
        Image.new("RGB", (8, 8), (i, 255 - i, 3 * i)).save(tmp_path / f"{i}.png")
    data.prepare("folder", tmp_path, tmp_path / "made.zip", resolution=8)
    assert "made.zip" in terminal.getvalue()
    data.inspect(tmp_path / "made.zip", tmp_path / "sheet.png")
    assert "images looked at" in terminal.getvalue()


def test_the_laboratory_has_bars(monkeypatch, tmp_path):
    terminal = slow_terminal(monkeypatch)
    lab.saddle(tmp_path / "saddle.png", steps=20, runs=2)
    lab.plane("r1gan,wgan", out=tmp_path / "plane.png", kimg=0.05)
    for word in ("settings", "papers"):
        assert word in terminal.getvalue()
