"""Drawings of the Dirac-GAN and of spectra: fields with trajectories, eigenvalues with the unit circle."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.lab.dirac import Method, field_on, method, simulate
from zoo.lab.spectrum import eigenvalues, jacobian, jump, update_matrix
from zoo.pictures.plots import new_figure, save_figure, save_film

#: title -> name and numbers of the nine pictures of the released notebook (DiracGAN.ipynb)
NOTEBOOK: dict[str, tuple[str, dict[str, float]]] = {
    "standard GAN": ("gan", {}),
    "non-saturating GAN": ("nsgan", {}),
    "WGAN, clip 1": ("wgan_clip", {"clip": 1.0}),
    "WGAN-GP 0.7": ("wgan_gp", {"gamma": 0.7, "target": 1.0}),
    "instance noise 0.7": ("gan_instnoise", {"sigma": 0.7}),
    "gradient penalty 0.3": ("gan_r1", {"gamma": 0.3}),
    "gradient penalty 1 (critical)": ("gan_r1", {"gamma": 1.0}),
    "consensus 1": ("gan_conopt", {"gamma": 1.0}),
    "non-saturating, penalty 0.3": ("nsgan_r1", {"gamma": 0.3}),
}
WINDOW = 2.0


def field_panel(axes: Any, of: Method, path: np.ndarray, window: float = WINDOW) -> None:
    """The vector field on a 10x10 grid and one trajectory (T + 1, 2) from its red start to its blue end."""
    line = np.linspace(-window, window, 10)
    thetas, psis = np.meshgrid(line, line)
    v = field_on(of, thetas, psis)
    axes.quiver(thetas, psis, v[..., 0], v[..., 1], color="0.6", width=0.004)
    axes.plot(*path.T, color="tab:orange", linewidth=0.8, marker=".", markersize=2)
    axes.plot(*path[0], "o", color="tab:red", markersize=5)
    axes.plot(*path[-1], "o", color="tab:blue", markersize=5)
    axes.plot(0, 0, "k+", markersize=9)
    if of.clip is not None:
        for edge in (-of.clip, of.clip):
            axes.axhline(edge, color="black", linewidth=0.6, linestyle=":")
    axes.set(xlim=(-window, window), ylim=(-window, window), aspect="equal", xlabel="theta", ylabel="psi")


def circle_panel(axes: Any, groups: dict[str, Sequence[complex]], span: float = 1.3) -> None:
    """Eigenvalues of updates in the complex plane with the unit circle: inside it, training converges."""
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color="black", linewidth=0.8)
    axes.fill(np.cos(angle), np.sin(angle), color="0.93")
    axes.axhline(0, color="0.8", linewidth=0.6)
    axes.axvline(0, color="0.8", linewidth=0.6)
    for (label, values), marker in zip(groups.items(), "o^s*Dv", strict=False):
        values = np.asarray(values)
        axes.plot(values.real, values.imag, marker, label=label, markersize=6, fillstyle="none")
    axes.set(xlim=(-span, span), ylim=(-span, span), aspect="equal", xlabel="real part", ylabel="imaginary part")
    axes.legend(fontsize=8, loc="lower left")


def plane_panel(axes: Any, values: np.ndarray, title: str) -> None:
    """A spectrum in the complex plane; red is what has no negative real part."""
    bad = values.real >= 0
    axes.axvline(0, color="black", linewidth=0.8)
    axes.plot(values.real[~bad], values.imag[~bad], ".", color="tab:blue", markersize=4)
    axes.plot(values.real[bad], values.imag[bad], ".", color="tab:red", markersize=4)
    axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_title(f"{title}\nlargest real part {values.real.max():.3g}", fontsize=9)
    axes.tick_params(labelsize=6)


def draw_dirac(of: Method, path: np.ndarray, rounds: dict[str, np.ndarray], out: Path) -> None:
    """Field with trajectory, distance from the equilibrium, and eigenvalues of a round where there is a Jacobian.

    Args:
        path: (T + 1, 2).
        rounds: title -> matrix (2, 2) of a round of updates; empty where the field jumps.
        out: the picture to write.
    """
    figure = new_figure(12, 4)
    left, middle, right = figure.subplots(1, 3)
    field_panel(left, of, path, max(WINDOW, 1.1 * min(float(np.abs(path).max()), 4.0)))
    left.set_title(of.name)
    middle.plot(np.maximum(np.hypot(*path.T), 1e-300), color="tab:orange", linewidth=0.9)
    middle.set(yscale="log", xlabel="step", title="distance from the equilibrium")
    if rounds:
        circle_panel(right, {title: eigenvalues(matrix) for title, matrix in rounds.items()})
        right.set_title("eigenvalues of an update")
    else:
        right.text(0.5, 0.5, "no Jacobian:\nthe field jumps at the equilibrium", ha="center", va="center")
        right.set_axis_off()
    save_figure(figure, out)


def animate_dirac(of: Method, path: np.ndarray, out: Path, frames: int = 100) -> None:
    """The trajectory step by step as an animated GIF, at most `frames` pictures."""
    figure = new_figure(4, 4)
    axes = figure.subplots()
    ends = np.unique(np.linspace(1, len(path) - 1, frames).astype(int))

    def draw(end: int) -> list:
        axes.clear()
        field_panel(axes, of, path[: end + 1])
        axes.set_title(f"{of.name}, step {end}", fontsize=9)
        return []

    save_film(figure, draw, ends, out, fps=20)


def draw_notebook(scheme: str, n_d: int, out: Path, h: float = 0.2, steps: int = 500) -> dict[str, float]:
    """The notebook's nine methods under one scheme; title -> distance at the end."""
    figure = new_figure(9.6, 10)
    ends = {}
    for axes, (title, (name, numbers)) in zip(figure.subplots(3, 3).flat, NOTEBOOK.items(), strict=True):
        of = method(name, **numbers)
        path = simulate(of, h=h, steps=steps, scheme=scheme, n_d=n_d)
        field_panel(axes, of, path)
        ends[title] = float(np.hypot(*path[-1]))
        axes.set_title(f"{title}\nend {ends[title]:.2g}", fontsize=9)
        axes.tick_params(labelsize=6)
        axes.set(xlabel="", ylabel="")
    save_figure(figure, out)
    return ends


def draw_r1_path(out: Path) -> None:
    """Eigenvalues of R1's Jacobian as gamma grows to twice the critical weight, and of alternating updates."""
    figure = new_figure(9, 4.2)
    left, right = figure.subplots(1, 2)
    angle = np.linspace(np.pi / 2, 3 * np.pi / 2, 200)
    left.plot(0.5 * np.cos(angle), 0.5 * np.sin(angle), color="0.7", linewidth=0.8)
    gammas = np.linspace(0, 2, 201)
    values = np.array([eigenvalues(jacobian(method("gan_r1", gamma=g).field)) for g in gammas])
    points = left.scatter(values.real, values.imag, c=np.stack([gammas, gammas], 1), s=5, cmap="viridis")
    for g in (0.0, 1.0, 1.5, 2.0):
        value = eigenvalues(jacobian(method("gan_r1", gamma=g).field))[0]
        left.annotate(f"{g:g}", (value.real, value.imag), fontsize=7, xytext=(3, 4), textcoords="offset points")
    left.axvline(0, color="black", linewidth=0.6)
    left.set(title="Jacobian of R1, gamma from 0 to 2", xlabel="real part", ylabel="imaginary part", aspect="equal")
    figure.colorbar(points, ax=left, label="gamma")
    groups = {
        f"gamma {g:g}": eigenvalues(update_matrix(jacobian(method("gan_r1", gamma=g).field), 0.2, "alt_gd"))
        for g in (0.0, 0.3, 0.95, 1.0)
    }
    circle_panel(right, groups)
    right.set(title="an alternating round, h = 0.2", xlim=(0.82, 1.06), ylim=(-0.12, 0.12))
    save_figure(figure, out)


def draw_rates(out: Path) -> None:
    """Spectral radius of a round over gamma and h, three schemes; black where it does not converge."""
    gammas, hs = np.linspace(0.02, 3, 60), np.linspace(0.02, 3, 60)
    schemes = {"simultaneous": ("sim", 1), "alternating": ("alt_gd", 1), "alternating, 5 D steps": ("alt_gd", 5)}
    figure = new_figure(11, 6.4)
    rows = figure.subplots(2, 3, sharex=True, sharey=True)
    for line, (name, number) in zip(rows, (("gan_r1", "gamma"), ("gan_conopt", "gamma")), strict=True):
        js = [jacobian(method(name, **{number: g}).field) for g in gammas]
        for axes, (title, (scheme, n_d)) in zip(line, schemes.items(), strict=True):
            z = np.array([[max(map(abs, eigenvalues(update_matrix(j, h, scheme, n_d)))) for h in hs] for j in js])
            mesh = axes.pcolormesh(hs, gammas, np.where(z < 1, z, np.nan), vmin=0, vmax=1, cmap="viridis")
            axes.set_facecolor("black")
            axes.set_title(f"{name}, {title}", fontsize=9)
            axes.set(xlabel="h", ylabel="gamma")
    figure.colorbar(mesh, ax=rows, label="spectral radius")
    save_figure(figure, out)


def rounds_of(of: Method, h: float | tuple[float, float], scheme: str, n_d: int) -> dict[str, np.ndarray]:
    """Matrices of a simultaneous round and of the one that is played; none where the field jumps."""
    if jump(of.field):
        return {}
    j = jacobian(of.field)
    rounds = {"simultaneous": update_matrix(j, h)}
    return rounds if scheme == "sim" else rounds | {f"{scheme}, n_d {n_d}": update_matrix(j, h, scheme, n_d)}
