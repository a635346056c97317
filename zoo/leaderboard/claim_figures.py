"""Figures of the page of claims, drawn from the rows alone."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.leaderboard.claim_entries import read_claims
from zoo.leaderboard.claims import FOLDER, Evidence, Seen, evidence, short, values
from zoo.leaderboard.claims_page import FIGURES
from zoo.pictures.plots import new_figure, save_figure

#: shares of a spectrum that rows hold: zoo.evaluation.critics.QUANTILES
QUANTILES = tuple(k / 10 for k in range(11))
#: what is drawn of the disturbance study, and whether more is worse
DISTANCES = {
    "fd_random": True,
    "kid_random": True,
    "fwd-1": True,
    "swd_average": True,
    "coverage_random": False,
    "fd_efficientnet-lite0": True,
}


#: TTUR's games -> runs with two rates and with one
RATES = {
    "DCGAN": ("ttur/cifar10-pair", "ttur/cifar10-pair-orig"),
    "WGAN-GP": ("ttur/cifar10-wgangp-pair", "ttur/cifar10-wgangp-pair-orig"),
}


#: IntroVAE's three of one network
THREE = {"VAE": "introvae/faces-vae", "GAN": "introvae/faces-gan", "IntroVAE": "introvae/faces-intro"}


def draw(results_dir: Path) -> list[Path]:
    """Draw what there are rows for into `results_dir`/claims, and remove what there are none for; the files drawn.

    Raises:
        ValueError: without matplotlib, or without claims whose page would show them.
    """
    read_claims(results_dir / FOLDER / "claims.yaml")
    seen = evidence(results_dir)
    made = []
    for name in FIGURES:
        figure, path = DRAWN[name](seen), results_dir / "claims" / f"{name}.png"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            save_figure(figure, path)
            made.append(path)
    return made


# ---- curves of trainings: a line a seed, as the row's evaluations have it


def curve(one: Seen, *metrics: str, x: str = "kimg") -> tuple[list[float], ...]:
    """Thousands of images shown (or another `x`), and each of the metrics, at the evaluations that have all."""
    points = [at for at in one.history if at[x] is not None and set(metrics) <= set(at["metrics"])]
    return [at[x] for at in points], *([at["metrics"][metric] for at in points] for metric in metrics)


def with_curves(seen: Evidence, start: str, metric: str) -> list[str]:
    """Names of the runs that begin so and have evaluated the metric more than once."""
    names = sorted(name for name in seen if name.startswith(start))
    return [name for name in names if any(len(curve(one, metric)[0]) > 1 for one in seen[name])]


def seeds(axis: Any, lines: list[tuple[list[float], list[float]]], label: str, **style: Any) -> None:
    """A line a seed in one colour, named once."""
    for k, (x, y) in enumerate(lines):
        axis.plot(x, y, marker="o", markersize=3, label=label if not k else None, **style)


def modes(seen: Evidence) -> Any:
    """PGGAN's mode test: modes covered, and KL, against images shown."""
    runs = with_curves(seen, "pggan/modes-", "modes")
    if not runs:
        return None
    figure = new_figure(8, 3.2)
    for axis, metric in zip(figure.subplots(1, 2), ("modes", "modes_kl"), strict=True):
        for k, run in enumerate(runs):
            seeds(axis, [curve(one, metric) for one in seen[run]], short(run), color=f"C{k}")
        axis.set(xlabel="thousands of images shown", ylabel=metric)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=len(runs), fontsize=7)
    return figure


def few_labels(seen: Evidence) -> Any:
    """CT-GAN with 100 labels: errors in % on the test images against epochs."""
    runs = with_curves(seen, "ctgan_ssl/mnist", "test_accuracy_last")
    if not runs:
        return None
    figure = new_figure(4.5, 3.2)
    axis = figure.subplots()
    for k, run in enumerate(runs):
        lines = []
        for one in seen[run]:
            x, y = curve(one, "test_accuracy_last")
            lines.append(([1000 * kimg / one.n_images for kimg in x], [100 - right for right in y]))
        seeds(axis, lines, short(run), color=f"C{k}")
    axis.set(xlabel="epochs", ylabel="errors on test images, %", ylim=(0, None))
    axis.legend(fontsize=7)
    return figure


def gap(seen: Evidence) -> Any:
    """CT-GAN on 1,000 images: the critic's mean score over that of fakes, of training and of held-out images."""
    runs = with_curves(seen, "ctgan/gap-", "d_gap")
    if not runs:
        return None
    figure = new_figure(5.5, 3.6)
    axis = figure.subplots()
    for k, run in enumerate(runs):
        train = [curve(one, "d_margin") for one in seen[run]]
        held = [curve(one, "d_margin", "d_gap") for one in seen[run]]
        held = [(x, [m - g for m, g in zip(y, gap, strict=True)]) for x, y, gap in held]
        seeds(axis, train, f"{short(run)}, training", color=f"C{k}")
        seeds(axis, held, f"{short(run)}, held out", color=f"C{k}", linestyle="--", markerfacecolor="none")
    axis.set(xlabel="thousands of images shown", ylabel="D's mean score over that of fakes")
    axis.legend(fontsize=7)
    return figure


def rates(seen: Evidence) -> Any:
    """TTUR: `fd_random` against updates of G and against hours, a line of panels a game."""
    games = {game: [run for run in runs if with_curves(seen, run, "fd_random")] for game, runs in RATES.items()}
    games = {game: runs for game, runs in games.items() if runs}
    if not games:
        return None
    figure = new_figure(8, 3 * len(games))
    for line, (game, runs) in zip(figure.subplots(len(games), 2, squeeze=False), games.items(), strict=True):
        for k, run in enumerate(runs):
            updates, hours = [], []
            for one in seen[run]:
                shown, y = curve(one, "fd_random", x="nimg")
                updates.append(([nimg / one.batch_size for nimg in shown], y))
                hours.append(curve(one, "fd_random", x="hours"))
            seeds(line[0], updates, short(run), color=f"C{k}")
            seeds(line[1], hours, short(run), color=f"C{k}")
        line[0].set(xlabel="updates of G", ylabel="fd_random", title=game, yscale="log")
        line[1].set(xlabel="hours of training", title=game, yscale="log")
        line[0].legend(fontsize=7)
    return figure


def sigmas(seen: Evidence) -> Any:
    """BigGAN at raised rates: the largest singular value of each raw weight against steps, dark to light from the
    first layer to the last; a line of panels a seed."""
    runs = [one for one in seen.get("biggan/collapse-cpu", []) if len(one.history) > 1 and _sigmas(one, "d")]
    if not runs:
        return None
    figure = new_figure(8, 2.8 * len(runs))
    for line, one in zip(figure.subplots(len(runs), 2, squeeze=False), runs, strict=True):
        for axis, net in zip(line, ("g", "d"), strict=True):
            layers = _sigmas(one, net)
            for k, layer in enumerate(layers):
                x, y = curve(one, layer)
                steps = [1000 * kimg / one.batch_size for kimg in x]
                axis.plot(steps, y, "o-", markersize=3, color=str(0.8 * k / max(len(layers) - 1, 1)))
            axis.set(xlabel="steps", title=f"{net.upper()}, seed {one.seed}", yscale="log")
        line[0].set_ylabel("largest singular value")
    return figure


def _sigmas(one: Seen, net: str) -> list[str]:
    """Names of a network's singular values in a run's evaluations, in the order of its layers."""
    return list(dict.fromkeys(k for at in one.history for k in at["metrics"] if k.startswith(f"sigma_{net}_")))


# ---- the end of trainings


def truncation(seen: Evidence) -> Any:
    """BigGAN: the distance, precision and recall against the bound on z, from `METRIC_at_BOUND` of rows."""
    panels = ("fd_random", "precision_random", "recall_random")
    runs = [
        name
        for name in sorted(seen)
        if name.startswith("biggan/") and any(_bounds(one, panels[0]) for one in seen[name])
    ]
    if not runs:
        return None
    figure = new_figure(9, 3)
    for axis, metric in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for k, run in enumerate(runs):
            lines = [_bounds(one, metric) for one in seen[run]]
            seeds(axis, [([x for x, _ in line], [y for _, y in line]) for line in lines], short(run), color=f"C{k}")
        axis.set(xlabel="bound on |z|", ylabel=metric)
    figure.axes[0].legend(fontsize=7)
    return figure


def _bounds(one: Seen, metric: str) -> list[tuple[float, float]]:
    found = {k.removeprefix(f"{metric}_at_"): v for k, v in one.metrics.items() if k.startswith(f"{metric}_at_")}
    return sorted((float(bound), value) for bound, value in found.items())


def three(seen: Evidence) -> Any:
    """IntroVAE's comparison: the first three lines of samples of each of the three runs' first seed."""
    files = [one.samples for run in THREE.values() for one in seen.get(run, [])[:1]]
    if len(files) < len(THREE) or not all(file and file.is_file() for file in files):
        return None
    figure = new_figure(9, 1.8)
    for axis, name, file in zip(figure.subplots(1, len(THREE)), THREE, files, strict=True):
        grid = np.asarray(Image.open(file))
        axis.imshow(grid[: len(grid) // 2])
        axis.set(title=name, xticks=[], yticks=[])
    return figure


def margin(seen: Evidence) -> Any:
    """IntroVAE: mean squared error of held-out faces against the margin, a dot a seed and a line a budget."""
    metric, found = "reconstruction_mse_heldout", {}
    for one in (one for name in sorted(seen) if name.startswith("introvae/faces-") for one in seen[name]):
        played = one.model.get("weight_rec", 0) > 0 and one.model.get("vae_kimg", 0) < one.kimg
        if played and metric in one.metrics and "margin" in one.model:
            found.setdefault(one.kimg, []).append((one.model["margin"], one.metrics[metric]))
    found = {kimg: points for kimg, points in found.items() if len({x for x, _ in points}) > 1}
    if not found:
        return None
    figure = new_figure(4.5, 3.2)
    axis = figure.subplots()
    for k, (kimg, points) in enumerate(sorted(found.items())):
        at = sorted({x for x, _ in points})
        axis.plot([x for x, _ in points], [y for _, y in points], "o", color=f"C{k}", markersize=4)
        means = [statistics.mean(y for x, y in points if x == m) for m in at]
        axis.plot(at, means, color=f"C{k}", label=f"{kimg:g} kimg")
    axis.set(xlabel="margin", ylabel=metric, xscale="log")
    shown = sorted({x for points in found.values() for x, _ in points})
    axis.set_xticks(shown, [f"{x:g}" for x in shown])
    axis.minorticks_off()
    axis.legend(fontsize=7)
    return figure


def spectra(seen: Evidence) -> Any:
    """Squared singular values of each of D's convolutions over the largest, a line a method of SNGAN's Table 2."""
    runs = [name for name in sorted(seen) if name.startswith("sngan/table2-") and values(seen, name, "sv_rank")]
    if not runs:
        return None
    known = {key.rsplit("_", 1)[0] for run in runs for key in seen[run][0].metrics if key.startswith("sv_convs")}
    layers = sorted(key.removeprefix("sv_") for key in known)
    figure = new_figure(2.2 * len(layers), 2.6)
    for axis, layer in zip(figure.subplots(1, len(layers), sharey=True, squeeze=False)[0], layers, strict=True):
        for run in runs:
            line = [statistics.mean(values(seen, run, f"sv_{layer}_{q:.1f}")) for q in QUANTILES]
            axis.plot(QUANTILES, line, label=short(run).removeprefix("table2-"))
        axis.set(title=layer, xlabel="share of the spectrum")
    figure.axes[0].set_ylabel("squared singular value / largest")
    figure.axes[0].legend(fontsize=7)
    return figure


def disturbances(seen: Evidence) -> Any:
    """Each distance over its own largest value against the level, a panel a kind, a line a distance."""
    variants = [name.partition("/")[2] for name in seen if name.startswith("disturbances/")]
    kinds = sorted({v.rpartition("-")[0] for v in variants} - {"none"})
    if not kinds or "none-0" not in variants:
        return None
    figure = new_figure(2.6 * len(kinds), 2.8)
    for axis, kind in zip(figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0], kinds, strict=True):
        found = {v.rpartition("-")[2] for v in variants if v.rpartition("-")[0] == kind}
        levels = ["0", *sorted(found, key=float)]
        for metric, more_is_worse in DISTANCES.items():
            source = "disturbances-net" if "net" in metric else "disturbances"
            rows = [values(seen, f"{source}/none-0", metric)]
            rows += [values(seen, f"{source}/{kind}-{level}", metric) for level in levels[1:]]
            if all(rows):
                line = [statistics.mean(row) for row in rows]
                line = line if more_is_worse else [1 - x for x in line]
                axis.plot([float(x) for x in levels], [x / max(map(abs, line)) for x in line], "o-", label=metric)
        axis.set(title=kind, xlabel="level")
    figure.axes[0].set_ylabel("over its largest value")
    figure.axes[-1].legend(fontsize=6)
    return figure


#: what draws each figure of the page, or gives None where there are no rows
DRAWN: dict[str, Callable[[Evidence], Any]] = {
    "modes": modes,
    "few-labels": few_labels,
    "gap": gap,
    "rates": rates,
    "disturbances": disturbances,
    "spectra": spectra,
    "truncation": truncation,
    "sigmas": sigmas,
    "three": three,
    "margin": margin,
}
