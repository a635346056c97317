"""Figures of the page of claims, drawn from the rows alone."""

import statistics
from pathlib import Path

from zoo.leaderboard.claims import Evidence, evidence, short, values
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


def draw(results_dir: Path) -> list[Path]:
    """Draw what there are rows for into `results_dir`/claims; the files.

    Raises:
        ValueError: without matplotlib.
    """
    seen = evidence(results_dir)
    made = []
    for name, figure in (("spectra", spectra(seen)), ("disturbances", disturbances(seen))):
        if figure is not None:
            save_figure(figure, results_dir / "claims" / f"{name}.png")
            made.append(results_dir / "claims" / f"{name}.png")
    return made


def spectra(seen: Evidence):
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


def disturbances(seen: Evidence):
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
