"""Redraws the figures of "Which Training Methods" and "The Numerics of GANs" from the theory and from short runs.

The papers' texts were not at hand: numbers of figures are not known; what a figure shows is known
from the released notebooks (LMescheder/GAN_stability @ c1f64c9, LMescheder/TheNumericsOfGANs @ 68d915f).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from zoo.data.whole import write_whole
from zoo.lab.dirac import method, simulate
from zoo.lab.eigen import game_of
from zoo.lab.figures import (
    circle_panel,
    draw_notebook,
    draw_r1_path,
    draw_rates,
    field_panel,
    plane_panel,
)
from zoo.lab.plane import draw, setting_of, train
from zoo.lab.spectrum import eigenvalues, jacobian
from zoo.options.bar import track
from zoo.pictures.plots import new_figure, save_figure

#: thousands of points that the ring's short runs see, 500 steps of 512, at ten times the notebook's rate
RING_KIMG, RING_LR = 256, 1e-3
NUMBERS = "numbers.yaml"  # beside rows of the 2-D track, which are JSON


@dataclass(frozen=True)
class Figure:
    """One picture: what of the papers it is, what agrees, what differs, and who draws it.

    `draw` writes the picture and returns numbers that the page tells.
    """

    of: str
    agrees: str
    differs: str
    draw: Callable[[Path], dict[str, float]]


def counterexample(out: Path) -> dict[str, float]:
    """D's slope pushes the generator past the data and comes back too late: minimax at four moments."""
    figure = new_figure(10, 2.8)
    path = simulate(method("gan"), h=0.02, steps=700)
    x = np.linspace(-2, 2, 3)
    for axes, step in zip(figure.subplots(1, 4, sharey=True), (0, 100, 350, 600), strict=True):
        theta, psi = path[step]
        axes.plot(x, psi * x, color="tab:blue", label="D")
        axes.axvline(0, color="black", linestyle=":", label="data")
        axes.axvline(theta, color="tab:orange", label="generator")
        axes.set(title=f"t = {0.02 * step:g}", xlim=(-2, 2), ylim=(-2, 2), xlabel="x")
    axes.legend(fontsize=7)
    save_figure(figure, out)
    return {"radius at the start": float(np.hypot(*path[0])), "at the end": float(np.hypot(*path[-1]))}


def unit_ball(out: Path) -> dict[str, float]:
    """Eigenvalues of the minimax game and of consensus under steps of two sizes, with the unit circle."""
    figure = new_figure(9, 5)
    for axes, h in zip(figure.subplots(1, 2), (0.2, 1.5), strict=True):
        groups = {"simultaneous gradient": 1 + h * np.array(eigenvalues(jacobian(method("gan").field)))}
        for g in (0.5, 1.0, 2.0):
            values = eigenvalues(jacobian(method("gan_conopt", gamma=g).field))
            groups[f"consensus {g:g}"] = 1 + h * np.array(values)
        circle_panel(axes, groups, 1.6)
        axes.set_title(f"1 + h lambda, h = {h:g}")
    save_figure(figure, out)
    return {}


def ring(out: Path) -> dict[str, float]:
    """M17's ring after 500 steps by simultaneous gradients and by consensus: samples and level sets of D."""
    figure = new_figure(8, 4.4)
    told = {}
    for axes, way in zip(figure.subplots(1, 2), ("simgd", "conopt"), strict=True):
        gan, target = train("conopt", "ring-m17", RING_KIMG, options={"method": way, "lr": RING_LR})
        scores = draw(axes, gan, target, setting_of("conopt", "ring-m17").judge)
        axes.set_title(f"{way}: {scores['modes']}/8 modes, {scores['near']:.0%} within 0.1", fontsize=9)
        told |= {f"modes of {way}": scores["modes"], f"near of {way}": scores["near"]}
    save_figure(figure, out)
    return told


def ring_eigenvalues(out: Path) -> dict[str, float]:
    """Spectra of J and of J - 10 J^T J on M17's ring before and after 500 steps of consensus."""
    figure = new_figure(8, 6.6)
    rows = figure.subplots(2, 2)
    told: dict[str, float] = {}
    for column, kimg in enumerate((0.512, RING_KIMG)):  # one step, and all
        gan, target = train("conopt", "ring-m17", kimg, options={"lr": RING_LR})
        real = target.draw(512, torch.Generator().manual_seed(0))
        j = replace(game_of(gan, real), consensus=0.0).jacobian().detach()
        for row, consensus in enumerate((0.0, 10.0)):
            values = np.linalg.eigvals((j - consensus * j.T @ j).numpy())
            when = ("after one step", "after 500 steps")[column]
            what = "J" if not consensus else "J - 10 J^T J"
            plane_panel(rows[row, column], values, f"{what}, {when}")
            told[f"largest real part of {what}, {when}"] = float(values.real.max())
    save_figure(figure, out)
    return told


def notebook(scheme: str, n_d: int) -> Callable[[Path], dict[str, float]]:
    return lambda out: {f"end of {name}": r for name, r in draw_notebook(scheme, n_d, out).items()}


def silent(draw_one: Callable[[Path], Any]) -> Callable[[Path], dict[str, float]]:
    def drawn(out: Path) -> dict[str, float]:
        draw_one(out)
        return {}

    return drawn


def two_bugs(out: Path) -> dict[str, float]:
    """Consensus as the notebook has it and exact, from a start where it matters."""
    figure = new_figure(8, 4.2)
    told = {}
    for axes, name in zip(figure.subplots(1, 2), ("gan_conopt_notebook", "gan_conopt"), strict=True):
        of = method(name)
        path = simulate(of, (2.0, -2.0))
        field_panel(axes, of, path, 4.0)
        told[f"end of {name}"] = float(np.hypot(*path[-1]))
        axes.set_title(f"{name}: end {told[f'end of {name}']:.2g}", fontsize=9)
    save_figure(figure, out)
    return told


SAME_FIELD = (
    "Trajectories equal the released notebook's to 1e-9 (golden vectors), those of WGAN and WGAN-GP over the first "
    "100 steps, since where they cross a jump of the field the last bit decides; but for two: consensus (below) "
    "and instance noise, which is exact where the notebook draws 1,000 numbers for each evaluation."
)
BUG = (
    "Consensus: the notebook halves the terms with f'' in the gradient of |v|^2/2 (gans.py:146-153); ours is "
    "exact, so that trajectory differs away from the equilibrium."
)
FIGURES = {
    "m18-counterexample": Figure(
        "M18's figure (number not known) of the Dirac-GAN's two players at several moments",
        "The generator passes the data while D still points away, and nothing brings the two nearer.",
        "Moments, step size and axis ranges are ours; the paper shows two moments.",
        counterexample,
    ),
    "m18-alternating": Figure(
        "M18's figure (number not known) of trajectories under alternating descent, n_d = 1",
        SAME_FIELD,
        BUG,
        notebook("alt_gd", 1),
    ),
    "m18-alternating-5": Figure(
        "M18's appendix (number not known): trajectories under alternating descent, n_d = 5",
        SAME_FIELD,
        BUG + " It escapes with five D steps where the notebook's converges.",
        notebook("alt_gd", 5),
    ),
    "m18-simultaneous": Figure(
        "M18's appendix (number not known): trajectories under simultaneous descent",
        SAME_FIELD,
        BUG,
        notebook("sim", 1),
    ),
    "m18-eigenvalues": Figure(
        "M18's eigenvalue figure (number not known): spectrum of R1 as gamma grows",
        "On the circle of radius f'(0) = 1/2 up to gamma = 1, then real with product 1/4.",
        "The notebook labels its end points `2 gamma_critical` and plots up to gamma = 1.5; ours go on to 2, where "
        "the eigenvalues are -1.866 and -0.134. The right panel is ours.",
        silent(draw_r1_path),
    ),
    "rates": Figure(
        "No figure of the papers: rates over gamma and step size",
        "Of simultaneous steps the borders are h = 4 gamma up to gamma = 1 and M17's bound.",
        "Ours.",
        silent(draw_rates),
    ),
    "m17-unit-ball": Figure(
        "M17's figure (number not known) of eigenvalues of 1 + h lambda and the unit circle",
        "A purely imaginary eigenvalue leaves the circle at every h; consensus brings it inside for small h.",
        "The eigenvalues are the Dirac-GAN's.",
        unit_ball,
    ),
    "m17-ring": Figure(
        "M17's ring of Gaussians (number not known): simultaneous gradients and consensus",
        "Under consensus D has a hill at every mode and samples lie around the whole ring; without it they are "
        "one cloud.",
        "500 steps at rate 1e-3 instead of 50,000 at 1e-4: neither is on the modes yet; one seed.",
        ring,
    ),
    "m17-ring-eigenvalues": Figure(
        "M17's eigenvalues on the ring (number not known) before and after training",
        "J has eigenvalues on either side of the imaginary axis; with consensus no real part exceeds "
        "1 / (4 gamma) = 0.025.",
        "The notebook's builder appends only the last row of each variable, so its plot cannot be repeated; ours "
        "has all rows, on one batch of 512 instead of the mean over 10, after 500 steps.",
        ring_eigenvalues,
    ),
    "consensus-bug": Figure(
        "No figure of the papers: the notebook's consensus and the exact one from (2, -2)",
        "Near the equilibrium both are the same, and both converge from here.",
        BUG,
        two_bugs,
    ),
}


def paper(out: Path, only: str = "all") -> str:
    """Draw figures into the folder `out`, and a README.md that says of all that lie there what agrees and differs.

    Args:
        only: names of `FIGURES` with commas between them, or all.

    Raises:
        ValueError: for a name that is not there, or without matplotlib.
    """
    names = list(FIGURES) if only == "all" else only.split(",")
    for name in names:
        if name not in FIGURES:
            raise ValueError(f"no figure {name!r}; there are {', '.join(FIGURES)}")
    out.mkdir(parents=True, exist_ok=True)
    lines = ["| figure | seconds | numbers |", "| --- | --- | --- |"]
    told = numbers_in(out)  # of figures that are not drawn anew
    for name in track(names, len(names), what="figures"):
        start = time.perf_counter()
        told[name] = {k: float(v) for k, v in FIGURES[name].draw(out / f"{name}.png").items()}
        lines.append(f"| {name} | {time.perf_counter() - start:.1f} | {in_words(told[name])} |")
        write_whole(out / NUMBERS, yaml.safe_dump({k: v for k, v in told.items() if v}))
        (out / "README.md").write_text(page(out), encoding="utf-8")
    return "\n".join([*lines, f"drawn into {out}"])


def numbers_in(out: Path) -> dict[str, dict[str, float]]:
    """What the figures of a folder told when they were drawn, by their names."""
    return yaml.safe_load((out / NUMBERS).read_text(encoding="utf-8")) if (out / NUMBERS).is_file() else {}


def in_words(numbers: dict[str, float]) -> str:
    return "; ".join(f"{name}: {value:.3g}" for name, value in numbers.items())


def page(out: Path) -> str:
    """The README.md of a folder of figures."""
    about = "Made by `zoo lab paper`; the theory: [zoo/lab](../../../zoo/lab/README.md)."
    told = numbers_in(out)
    text = [f"# Figures of the laboratory\n\n{about}\n"]
    for name, figure in FIGURES.items():
        if (out / f"{name}.png").is_file():
            text.append(f"## {name}\n\n{figure.of}.\n\n![{name}]({name}.png)\n")
            text.append(f"Agrees: {figure.agrees}\n\nDiffers: {figure.differs}\n")
            if told.get(name):
                text.append(f"Numbers: {in_words(told[name])}.\n")
    return "\n".join(text)
