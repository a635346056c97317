"""How far seeds alone move each distance, in the page on evaluation."""

import pytest
from board import add

from zoo.leaderboard import lottery
from zoo.leaderboard.marked import begin, end
from zoo.leaderboard.render import check, render
from zoo.leaderboard.rows import read_rows


def seeds(folder, recipe, *values, name="fd_random", **changes):
    for seed, value in enumerate(values):
        add(folder, recipe, metrics={name: value, "is_mean": 2.0}, training__seed=seed, **changes)


def rows_of(folder):
    return [row for _, row in read_rows(folder)]


def test_the_factor_is_of_the_newest_rows_of_each_seed_and_of_distances_alone(tmp_path):
    seeds(tmp_path, "long", 4.0, 5.0, 3.0)
    seeds(tmp_path, "long", 2.0, date="2025-01-01T00:00:00+00:00")  # newer
    seeds(tmp_path, "long", 9.0, date="2026-01-01T00:00:00+00:00", training__nimg=1000)  # a checkpoint on the way
    seeds(tmp_path, "alone", 4.0)
    seeds(tmp_path, "long-others", 1.0, 9.0, paper="real")
    assert lottery.factors(rows_of(tmp_path)) == {"fd_random": {"sngan/long": pytest.approx(5 / 2)}}


def test_quantiles_over_recipes_stand_in_the_page(tmp_path):
    results, page = tmp_path / "results", tmp_path / lottery.PAGE
    page.parent.mkdir(parents=True)
    page.write_text(f"above\n{begin(lottery.NAME)}{end(lottery.NAME)}\nbelow\n")
    for i in range(lottery.LEAST - 1):
        seeds(results, f"r{i}", 1.0, 1.1 + i / 10)
    render(results)
    assert "No distance" in page.read_text()
    seeds(results, "last", 6.0, 3.0)
    assert not check(results)
    render(results)
    assert check(results)
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "| FD random | 10 | 1.55x | 1.91x | 2.00x | `sngan/last` |" in text
