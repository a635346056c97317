"""What the commands of the laboratory tell: tables of the Dirac-GAN and of spectra, beside their pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from zoo.engine.gan import GAN
from zoo.lab.dirac import method, simulate
from zoo.lab.eigen import EXACT, Game, check_game, game_of, spectrum
from zoo.lab.figures import animate_dirac, draw_dirac, draw_notebook, plane_panel, rounds_of
from zoo.lab.plane import train, untrained
from zoo.lab.settings import SETTINGS
from zoo.lab.spectrum import (
    JUDGED,
    Verdict,
    eigenvalues,
    envelope_slope,
    jacobian,
    judge,
    jump,
    largest_step,
    radius,
)
from zoo.options.bar import track
from zoo.pictures.plots import new_figure, save_figure


def number(x: complex) -> str:
    return f"{x.real:.4g}{x.imag:+.4g}i" if abs(x.imag) > 1e-12 else f"{x.real:.4g}"


LARGEST = 1e12  # of an update's matrix: beyond it, axes of a picture fail


def dirac(
    name: str,
    numbers: dict[str, float],
    clip: float | None,
    h: tuple[float, float],
    scheme: str,
    n_d: int,
    start: tuple[float, float],
    steps: int,
    out: Path,
    animate: Path | None,
) -> str:
    """Play one method, draw it into `out` and tell its numbers as a table.

    Raises:
        ValueError: for a method or a number that is not there, for sizes that are none, and for what the method
            or the scheme does not heed.
    """
    if steps < 1 or n_d < 1 or min(h) <= 0:
        raise ValueError("the Dirac-GAN needs at least one step, one discriminator step and positive step sizes")
    of = method(name, **numbers, **({} if clip is None else {"clip": clip}))
    if clip is not None and of.clip is None:
        raise ValueError(f"--clip does nothing with --method {name}: leave it out, for it goes with wgan_clip")
    if scheme == "sim" and n_d > 1:
        raise ValueError("--n_d does nothing with --scheme sim: leave it out, for it goes with alt_gd and alt_dg")
    with np.errstate(all="ignore"):  # what is not finite is refused
        path = simulate(of, start, h, steps, scheme, n_d)
        rounds = rounds_of(of, h, scheme, n_d)
    if not np.isfinite(path).all() or any(not np.abs(matrix).max() < LARGEST for matrix in rounds.values()):
        raise ValueError(
            f"steps of {h[0]:g} and {h[1]:g} lead out of what can be drawn: give a smaller --h or --h_d"
        )
    draw_dirac(of, path, rounds, out)
    r = np.hypot(*path.T)
    lines = ["| what | value |", "| --- | --- |", f"| method | {of.name} {numbers or ''} |"]
    if not jump(of.field):
        values = eigenvalues(jacobian(of.field))
        lines.append(f"| eigenvalues of the Jacobian | {', '.join(map(number, values))} |")
        lines.append(f"| simultaneous steps converge for h below | {largest_step(values):.4g} |")
    for title, matrix in rounds.items():
        lines.append(f"| eigenvalues of a round, {title} | {', '.join(map(number, eigenvalues(matrix)))} |")
        lines.append(f"| spectral radius, {title} | {radius(matrix):.6f} |")
    lines.append(f"| distance from the equilibrium | {r[0]:.4g} at first, {r[-1]:.4g} after {steps} rounds |")
    lines.append(f"| log of the envelope, a round | {envelope_slope(path):.4g} |")
    if animate:
        animate_dirac(of, path, animate)
    return "\n".join([*lines, f"drawn: {out}" + (f", {animate}" if animate else "")])


def verdicts(h: float | None, out: Path | None) -> str:
    """The table of `spectrum.JUDGED`.

    Args:
        h: step size of both players where the table has one for both; None takes the table's own.
        out: a picture of the notebook's methods to draw too.

    Raises:
        ValueError: for steps that lead out of all bounds.
    """
    head = "| method | eigenvalues | radius sim | alt | n_d 5 | r_500 sim | alt | n_d 5 | converges | why |"
    lines = [head, "| --- " * 10 + "|"]
    for title, (name, numbers, own) in track(JUDGED.items(), len(JUDGED), what="methods"):
        step = own if h is None or isinstance(own, tuple) else h
        lines.append(line_of(title, judge(method(name, **numbers), step)))
    if out:
        draw_notebook("alt_gd", 1, out, h or 0.2)
        lines.append(f"drawn: {out}")
    return "\n".join(lines)


def line_of(title: str, v: Verdict) -> str:
    values = "none" if v.values is None else ", ".join(map(number, v.values))
    rates = " | ".join("none" if np.isnan(x) else f"{x:.5f}" for x in (v.sim, v.alt, v.alt5))
    ends = " | ".join(f"{x:.3g}" for x in v.ends)
    return f"| {title} | {values} | {rates} | {ends} | {'yes' if v.converges else 'no'} | {v.why} |"


# ---- eigenvalues of networks


def eigen(subject: str, data: str, kimg: float | None, n: int | None, k: int, seed: int, out: Path) -> str:
    """Spectra of a checkpoint, or of a name on points before and after training, drawn and as a table.

    Raises:
        FileNotFoundError, ValueError: for a subject that is neither, or whose D gives no logits.
    """
    games = (
        on_points(subject, data, kimg, n or 512, seed)
        if subject in SETTINGS
        else of_checkpoint(subject, n or 16, seed)
    )
    games |= {
        f"{when}, without its pull": replace(game, consensus=0.0) for when, game in games.items() if game.consensus
    }
    figure = new_figure(4.4 * len(games), 4)
    lines = ["| game | parameters | how | eigenvalues | Re >= 0 | largest Re | largest Im |", "| --- " * 7 + "|"]
    panels = zip(figure.subplots(1, len(games), squeeze=False)[0], games.items(), strict=True)
    for axes, (when, game) in track(panels, len(games), what="spectra"):
        values, size = spectrum(game, k), len(game.parameters)
        plane_panel(axes, values, when)
        how = "exact" if size <= EXACT else "Arnoldi, largest real parts"
        lines.append(
            f"| {when} | {size} | {how} | {len(values)} | {(values.real >= 0).sum()} | {values.real.max():.4g} | "
            f"{np.abs(values.imag).max():.4g} |"
        )
    save_figure(figure, out)
    for missing in sorted({game.left_out for game in games.values()} - {()}):
        lines.append(f"not in these games: {', '.join(missing)}")
    return "\n".join([*lines, f"drawn: {out}"])


def on_points(paper: str, data: str, kimg: float | None, n: int, seed: int) -> dict[str, Game]:
    check_game(untrained(paper, data, kimg, seed)[0])
    one_step, _ = train(paper, data, 1e-3, seed)
    trained, target = train(paper, data, kimg, seed)
    real = target.draw(n, torch.Generator().manual_seed(seed))
    label = torch.zeros(n, dtype=torch.int64)  # of the one class that points have for a conditional model
    return {
        "after one step": game_of(one_step, real, label, seed),
        f"after {trained.steps} steps": game_of(trained, real, label, seed),
    }


def of_checkpoint(path: str, n: int, seed: int) -> dict[str, Game]:

    from zoo.options.yamls import config_in
    from zoo.training.loading import load
    from zoo.training.run import data_of

    checkpoint = Path(path)
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{path} is no checkpoint, and no name of {', '.join(SETTINGS)}")
    gan: GAN = load(checkpoint)
    if gan.only_G:
        raise ValueError(f"{path} holds G alone, and a game has two: give the checkpoint it was exported from")
    config = checkpoint.resolve().parents[1] / "config.yaml"
    if not config.is_file():
        raise FileNotFoundError(f"{checkpoint} lies in no run's folder: there is no {config}")
    data = data_of(config_in(config))
    data.enter(gan.trained_stage)
    data.prepare_data()
    data.setup("fit")
    if n > len(data):
        raise ValueError(f"--n {n} is more than the {len(data)} images of {data.name}: take fewer")
    images, label = data.opened[torch.arange(n)]
    real = gan.to_native(images.float() / 127.5 - 1)
    return {f"{checkpoint.stem} at {gan.nimg / 1000:g} kimg": game_of(gan, real, label, seed)}
