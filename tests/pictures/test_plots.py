"""Figures and their errors."""

import sys
from pathlib import Path

import pytest

from zoo.pictures.plots import FILMS, check_figure, new_figure, save_figure


def test_a_figure_is_written_into_a_new_folder(tmp_path):
    figure = new_figure(2, 1)
    figure.subplots().plot([0, 1])
    save_figure(figure, tmp_path / "a" / "b.svg")
    assert "<svg" in (tmp_path / "a" / "b.svg").read_text()
    with pytest.raises(ValueError, match="nonsense"):
        save_figure(figure, tmp_path / "b.nonsense")


def test_without_matplotlib_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for need in (
        lambda: new_figure(2, 1),
        lambda: check_figure(Path("a.png")),
        lambda: check_figure(Path("a.gif"), kinds=FILMS),
    ):
        with pytest.raises(ValueError, match=r"pip install 'gan-zoo\[plots\]'"):
            need()
