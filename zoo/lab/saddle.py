"""The toy problem of Heusel et al. 2017 (TTUR): a saddle point, noisy gradients, and one or two learning rates.

f(x, y) = (1 + x^2)(100 - y^2) has its saddle at (0, 0), where f = 100. x goes down and y goes up, x first. Close to
the saddle a step multiplies x by 1 - 200 lr_x and y by 1 - 2 lr_y: x needs a hundredth of y's rate, and one rate
for both is too high for x or too low for y. After bioinf-jku/TTUR @ 73ab375,
Toy_Data_Example/ttur_example_saddle.ipynb.
"""

from pathlib import Path

import numpy as np

from zoo.options.bar import track
from zoo.pictures.plots import new_figure, save_figure

#: (lr_x, lr_y) of the four panels of the notebook
SETTINGS = {
    "one rate, high": (0.01, 0.01),
    "one rate, low": (0.001, 0.001),
    "TTUR, x slower": (0.0001, 0.01),
    "TTUR, y slower": (0.01, 0.0001),
}
START = (0.5, -0.4)


def objective(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """f(x, y) = (1 + x^2)(100 - y^2), element by element."""
    return (1 + x**2) * (100 - y**2)


def play(lr_x: float, lr_y: float, noise: np.ndarray, start: tuple[float, float] = START) -> np.ndarray:
    """Descend in x and ascend in y on noisy gradients; y's step sees the new x.

    Args:
        lr_x, lr_y: constant learning rates.
        noise: (T, ..., 2), added to the gradients of x and of y; the middle dimensions are runs of their own.
        start: first x and y, of all runs.

    Returns:
        (T + 1, ..., 2): x and y before the first step and after each.
    """
    path = np.empty((len(noise) + 1, *noise.shape[1:]))
    path[0] = start
    x, y = np.moveaxis(path[0], -1, 0)
    for t, (noise_x, noise_y) in enumerate(np.moveaxis(noise, -1, 1), 1):
        x = x - lr_x * (2 * x * (100 - y**2) + noise_x)
        y = y + lr_y * (-2 * y * (1 + x**2) + noise_y)
        path[t] = np.stack([x, y], -1)
    return path


def stationary_std(lr_x: float, lr_y: float) -> tuple[float, float]:
    """Standard deviations of x and y that the noise keeps up around the saddle, from the linearised steps.

    lr / sqrt(1 - m^2) with the multiplier m of each coordinate; infinite where |m| >= 1, as x has at lr_x >= 0.01.
    """

    def std(lr: float, m: float) -> float:
        return lr / (1 - m**2) ** 0.5 if 1 - m**2 > 1e-12 else float("inf")

    return std(lr_x, 1 - 200 * lr_x), std(lr_y, 1 - 2 * lr_y)


def summary(path: np.ndarray, near: float = 0.1, last: int = 1000) -> dict[str, float]:
    """What the paper's point is made of: how soon the saddle is near, and how close a run stays.

    Args:
        path: (T + 1, runs, 2).
        near: distance from the saddle that counts as near.
        last: number of steps at the end that the mean is taken over.

    Returns:
        first: the median over runs of the first step with a distance below `near`, infinite where most have none;
        mean, std: of the mean distance over the last steps, over runs; objective: median of f at the end.
    """
    norm = np.linalg.norm(path, axis=-1)
    below = norm < near
    first = np.where(below.any(0), below.argmax(0), np.inf)
    at_end = norm[-last:].mean(0)
    return {
        "first": float(np.median(first)),
        "mean": float(at_end.mean()),
        "std": float(at_end.std()),
        "objective": float(np.median(objective(*np.moveaxis(path[-1], -1, 0)))),
    }


def draw(paths: dict[str, np.ndarray], out: Path) -> None:
    """One column for each setting: objective, distance from the saddle, and the way through the plane.

    Args:
        paths: title -> (T + 1, 2), one run.
        out: the picture to write.
    """
    figure = new_figure(3.2 * len(paths), 7.5)
    rows = figure.subplots(3, len(paths), squeeze=False, sharey="row")
    lines = np.linspace(-1.05, 1.05, 201)
    for (title, path), (value, distance, plane) in zip(paths.items(), rows.T, strict=True):
        x, y = path.T
        value.plot(objective(x, y), linewidth=0.7)
        value.axhline(100, color="black", linewidth=0.8, linestyle=":")
        value.set_title(title)
        distance.plot(np.hypot(x, y), linewidth=0.7, color="tab:orange")
        distance.set(yscale="log", xlabel="step")
        levels = plane.contour(
            lines, lines, objective(*np.meshgrid(lines, lines)), 15, cmap="Greys", linewidths=0.6
        )
        levels.set_alpha(0.6)
        plane.plot(x, y, linewidth=0.5, color="tab:green")
        plane.plot(*path[0], "o", color="tab:red", markersize=4)
        plane.plot(0, 0, "k+", markersize=9)
        plane.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xlabel="x (down)")
    for axis, label in zip(rows[:, 0], ("f(x, y)", "distance from the saddle", "y (up)"), strict=True):
        axis.set_ylabel(label)
    save_figure(figure, out)


def lab(out: Path, steps: int, runs: int, seed: int) -> str:
    """Play all settings on the same noise, draw the first run of each, and tell the summaries as a table.

    Raises:
        ValueError: for fewer than one step or run.
    """
    if steps < 1 or runs < 1:
        raise ValueError(f"the saddle needs at least one step and one run, not {steps} and {runs}")
    noise = np.random.default_rng(seed).standard_normal((steps, runs, 2))
    paths = {
        f"{name}\n(lr of x {lr_x:g}, of y {lr_y:g})": play(lr_x, lr_y, noise)
        for name, (lr_x, lr_y) in track(SETTINGS.items(), len(SETTINGS), what="settings")
    }
    draw({title: path[:, 0] for title, path in paths.items()}, out)
    table = [f"{'':42} first step < 0.1   distance at the end   f at the end"]
    for title, path in paths.items():
        s, name = summary(path), title.replace("\n", " ")
        first = f"{s['first']:.0f}" if np.isfinite(s["first"]) else f"> {steps}"
        at_end = f"{s['mean']:.4f} ± {s['std']:.4f}"
        table.append(f"{name:42} {first:>16}   {at_end:>19}   {s['objective']:12.2f}")
    return "\n".join([*table, f"medians and means of {runs} runs, seed {seed}; drawn: the first, {out}"])
