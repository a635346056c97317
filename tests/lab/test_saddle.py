"""The saddle against its linearised steps, and the order of the four settings that is the paper's point."""

import numpy as np
import pytest
from PIL import Image

from zoo.__main__ import main
from zoo.lab.saddle import SETTINGS, objective, play, stationary_std, summary


def noise(steps: int, runs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((steps, runs, 2))


def test_without_noise_small_steps_shrink_by_the_multipliers_of_the_saddle():
    path = play(0.002, 0.01, np.zeros((50, 2)), start=(1e-4, 1e-4))
    np.testing.assert_allclose(path[1:] / path[:-1], np.tile([1 - 200 * 0.002, 1 - 2 * 0.01], (50, 1)), rtol=1e-6)


def test_y_goes_up_and_sees_the_new_x():
    path = play(0.001, 0.001, np.array([[0.3, -0.2]]))
    x = 0.5 - 0.001 * (2 * 0.5 * (100 - 0.16) + 0.3)
    np.testing.assert_allclose(path[1], [x, -0.4 + 0.001 * (0.8 * (1 + x**2) - 0.2)], rtol=1e-12)
    assert objective(*path[1]) < objective(*path[0])


def test_runs_of_one_array_are_those_of_their_own_arrays():
    draws = noise(20, 3)
    np.testing.assert_array_equal(play(0.001, 0.01, draws)[:, 1], play(0.001, 0.01, draws[:, 1]))


@pytest.mark.parametrize("name", ["one rate, low", "TTUR, x slower"])
def test_what_the_noise_keeps_up_around_the_saddle(name):
    path = play(*SETTINGS[name], noise(5000, 60))
    np.testing.assert_allclose(path[-1000:].std((0, 1)), stationary_std(*SETTINGS[name]), rtol=0.06)


def test_no_rate_below_the_limit_no_rest():
    assert stationary_std(0.01, 0.01)[0] == float("inf")


def test_two_rates_are_fastest_and_one_high_rate_never_settles():
    """The card's 200 runs: 87, 677, 2492 and more than 5000 steps; mean distances 0.040, 0.013, 0.63, 0.28."""
    told = {name: summary(play(*rates, noise(5000, 60))) for name, rates in SETTINGS.items()}
    high, low, slow_x, slow_y = told.values()
    assert slow_x["first"] < 120 < 500 < low["first"] < 900 < high["first"] < slow_y["first"] == np.inf
    assert low["mean"] == pytest.approx(0.013, rel=0.15)
    assert slow_x["mean"] == pytest.approx(0.040, rel=0.15)
    assert high["mean"] > 0.3
    assert high["objective"] > 105
    assert abs(low["objective"] - 100) < 0.01


def test_the_median_first_step_of_one_high_rate_is_not_settled_by_200_runs():
    """Ours of seed 0 is 3650, another program's 2492: 200 runs give both; of 4,000 it is 2790, 36 % never near."""
    path = play(*SETTINGS["one rate, high"], noise(5000, 1000, seed=1))
    below = np.linalg.norm(path, axis=-1) < 0.1
    first = np.where(below.any(0), below.argmax(0), np.inf)
    assert 1 - below.any(0).mean() == pytest.approx(0.36, abs=0.05)
    assert np.median(first) == pytest.approx(2790, rel=0.15)
    drawn = np.random.default_rng(0).choice(first, (500, 200))
    low, high = np.quantile(np.median(drawn, 1), [0.01, 0.99])
    assert low < 2492 < high
    assert high - low > 800


def test_the_command_draws_and_tells(tmp_path, capsys):
    out = tmp_path / "pictures" / "saddle.png"
    main(["lab", "saddle", "--out", str(out), "--steps", "50", "--runs", "2"])
    told = capsys.readouterr().out
    assert "TTUR, x slower (lr of x 0.0001, of y 0.01)" in told
    assert "> 50" in told
    assert Image.open(out).size[0] > 1000
    with pytest.raises(SystemExit):
        main(["lab", "saddle", "--out", str(out), "--runs", "0"])
    assert "runs takes a whole number from 1 to 1,000,000, not 0" in capsys.readouterr().err
