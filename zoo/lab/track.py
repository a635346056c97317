"""The 2-D track: every paper and baseline by its own training step on the same points, measured, several seeds.

`zoo lab ring` trains, tells a table, draws, and with `--results` writes a row for each run into
`results/toy/<data>/<paper>-<seed>.json`, which `zoo leaderboard` shows in a table of its own.
"""

import copy
import itertools
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.plane import TARGETS, Target
from zoo.engine.failures import Diverged, NotFinite
from zoo.engine.gan import GAN
from zoo.lab.plane import N_SAMPLES, RADIUS, draw, measure, train
from zoo.lab.settings import SETTINGS, setting_of
from zoo.leaderboard.toys import Toy, write_toy
from zoo.options import bar
from zoo.pictures.plots import new_figure, save_figure, save_film

#: points on either side of the exact optimal transport: its cost grows with the cube
N_TRANSPORT = 1000


def reverse_kl(samples: Tensor, target: Target) -> float:
    """KL(samples || data) in nats over the modes, each sample counting for the nearest one; the data's are alike.

    0 where all modes are served alike, log(n_modes) where one gets everything; a mode without samples costs nothing
    by itself, as the direction has it.
    """
    nearest = torch.cdist(samples.float(), target.targets).argmin(1)
    share = torch.bincount(target.mode[nearest], minlength=target.n_modes).double() / len(samples)
    share = share[share > 0]
    return float((share * (share * target.n_modes).log()).sum())


def transport() -> Any:
    """POT, the package that the Wasserstein distance needs.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import ot
    except ImportError as error:
        raise ValueError(
            "the Wasserstein distance needs POT: pip install 'gan-zoo[lab]', or pip install pot"
        ) from error
    return ot


def wasserstein(a: Tensor, b: Tensor, power: int = 1) -> float:
    """W_power between two samples of points (N, dim) and (M, dim), exact, by POT.

    Raises:
        ValueError: if POT is not installed.
    """
    ot = transport()
    cost = torch.cdist(a.double(), b.double()).pow(power).numpy()
    return max(0.0, ot.emd2([], [], cost, numItermax=1_000_000)) ** (1 / power)


def wasserstein2(a: Tensor, b: Tensor) -> float:
    """W_2, as `wasserstein`."""
    return wasserstein(a, b, 2)


def scores_of(gan: GAN, target: Target, seed: int = 0) -> dict[str, float]:
    """`measure` of 5,000 samples of the trained model, `reverse_kl`, and `w1` and `w2` to new points of the data.

    `w2_data` is the same distance between two draws of the data: no model gets below it by more than chance.

    Raises:
        NotFinite: for samples that have no distance.
    """
    samples = gan.sample(N_SAMPLES, seed=seed)
    if not samples.isfinite().all():
        raise NotFinite(f"{type(gan).__name__}: a sample is not finite any more")
    rng = torch.Generator().manual_seed(2**31 + seed)
    real, again = target.draw(N_TRANSPORT, rng), target.draw(N_TRANSPORT, rng)
    return measure(samples, target) | {
        "reverse_kl": reverse_kl(samples, target),
        "w1": wasserstein(samples[:N_TRANSPORT], real),
        "w2": wasserstein2(samples[:N_TRANSPORT], real),
        "w2_data": wasserstein2(again, real),
    }


def run(paper: str, data: str, seed: int, kimg: float | None = None, options: dict[str, Any] | None = None) -> Toy:
    """Train one paper on one data set with one seed, and measure it.

    Raises:
        ValueError: for names that are not there.
        Diverged: telling why there is nothing to measure.
    """
    start = time.process_time()
    gan, target = train(paper, data, kimg, seed, options)
    seconds = time.process_time() - start
    return Toy(
        paper=paper,
        data=data,
        seed=seed,
        metrics=scores_of(gan, target, seed),
        kimg=gan.nimg / 1000,
        steps=gan.steps,
        batch_size=gan.images_per_step,
        cpu_seconds=round(seconds, 1),
        radius=RADIUS,
        n_samples=N_SAMPLES,
        n_transport=N_TRANSPORT,
        options={k: v for k, v in gan.hparams.items() if k != "total_kimg"},
    )


def names_of(text: str, known: dict, what: str) -> list[str]:
    """`all`, or names with commas between them, each once.

    Raises:
        ValueError: naming one that is not there.
    """
    names = list(known) if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"no {what} {name!r} on points; choose of {', '.join(known)}, or all")
    return list(dict.fromkeys(names))


def table(toys: list[Toy]) -> str:
    """A line a paper and data set: means over the seeds with their standard deviations."""
    lines = [
        f"| paper | data | seeds | modes | within {RADIUS} | reverse KL | W2 (of data) | kimg | CPU seconds |",
        "| --- " * 9 + "|",
    ]
    groups: dict[tuple[str, str], list[Toy]] = {}
    for toy in toys:
        groups.setdefault((toy.data, toy.paper), []).append(toy)
    for (data, paper), group in groups.items():

        def spread(name: str, digits: int, group: list[Toy] = group) -> str:
            values = np.array([toy.metrics[name] for toy in group])
            return f"{values.mean():.{digits}f}" + (f" ± {values.std(ddof=1):.{digits}f}" if len(group) > 1 else "")

        lines.append(
            f"| {paper} | {data} | {len(group)} | {spread('modes', 1)} of {group[0].metrics['n_modes']} | "
            f"{spread('near', 3)} | {spread('reverse_kl', 3)} | {spread('w2', 3)} ({spread('w2_data', 3)}) | "
            f"{group[0].kimg:g} | {np.mean([toy.cpu_seconds for toy in group]):.0f} |"
        )
    return "\n".join(lines)


def known(path: Path, paper: str, data: str, kimg: float | None) -> Toy:
    """The row of a run that need not be computed again.

    Raises:
        ValueError: if the file is no row, or one of another length.
    """
    toy = Toy.read(path)
    asked = setting_of(paper, data).options["total_kimg"] if kimg is None else kimg
    if toy.kimg != math.ceil(asked * 1000 / toy.batch_size) * toy.batch_size / 1000:  # training ends with a step
        raise ValueError(
            f"{path} holds a run of {toy.kimg:g} kimg, not of {asked:g}: give --kimg {toy.kimg:g} or another "
            "--results, or remove it"
        )
    return toy


def track(papers: str, data: str, seeds: int, kimg: float | None, results: Path | None) -> tuple[str, list[str]]:
    """All papers on all data sets with seeds 0, 1, ...; rows that are there already are not computed again.

    Returns:
        the table, and which runs diverged; why is printed as it happens.

    Raises:
        ValueError: for names that are not there, no seed, rows of another length, or without POT.
    """
    if seeds < 1:
        raise ValueError(f"the track needs at least one seed, not {seeds}")
    transport()
    names, sets = names_of(papers, SETTINGS, "paper"), names_of(data, TARGETS, "data set")
    runs = list(itertools.product(range(seeds), sets, names))
    paths = {} if results is None else {r: results / "toy" / r[1] / f"{r[2]}-{r[0]}.json" for r in runs}
    there = {r: known(path, r[2], r[1], kimg) for r, path in paths.items() if path.is_file()}
    toys, diverged = [], []
    for seed, one, paper in bar.track(runs, len(runs), what="runs"):
        toy = there.get((seed, one, paper))
        if toy is None:
            try:
                toy = run(paper, one, seed, kimg)
            except Diverged as error:
                diverged.append(f"{paper}-{seed} on {one}")
                print(f"{diverged[-1]} diverged: {error}", flush=True)
                continue
            if paths:
                write_toy(toy, paths[seed, one, paper])
        toys.append(toy)
    return table(toys), diverged


def pictures(papers: str, data: str, kimg: float | None, out: Path) -> str:
    """Samples and D's level sets of seed 0, a row a data set and a column a paper."""
    names, sets = names_of(papers, SETTINGS, "paper"), names_of(data, TARGETS, "data set")
    figure = new_figure(3.2 * len(names), 3.5 * len(sets))
    panels = list(zip(itertools.product(sets, names), figure.subplots(len(sets), len(names), squeeze=False).flat,
                      strict=True))  # fmt: skip
    for (one, name), axes in bar.track(panels, len(panels), what="panels"):
        gan, target = train(name, one, kimg)
        scores = draw(axes, gan, target, setting_of(name, one).judge)
        axes.set_title(f"{name}: {scores['modes']}/{scores['n_modes']}, {scores['near']:.0%}", fontsize=10)
    save_figure(figure, out)
    return f"drawn: {out}"


def animation(papers: str, data: str, kimg: float | None, out: Path, frames: int = 30) -> str:
    """The first paper's training on the first data set as a GIF of about `frames` pictures."""
    name, one = names_of(papers, SETTINGS, "paper")[0], names_of(data, TARGETS, "data set")[0]
    figure, judge = new_figure(4, 4.3), setting_of(name, one).judge
    axes, seen = figure.subplots(), []

    def look(gan: GAN, target: Target) -> None:
        seen.append((gan.nimg, copy.deepcopy(gan.G), copy.deepcopy(gan.D), copy.deepcopy(gan.G_ema)))

    gan, target = train(name, one, kimg, watch=(frames, look))

    def draw_frame(frame: int) -> list:
        axes.clear()
        nimg, gan.G, gan.D, gan.G_ema = seen[frame]
        draw(axes, gan, target, judge)
        axes.set_title(f"{name}, {nimg / 1000:.0f} thousand points", fontsize=9)
        return []

    save_film(figure, draw_frame, range(len(seen)), out, fps=6)
    return f"drawn: {out}"
