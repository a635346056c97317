"""Small experiments behind the papers' claims, by name: `zoo lab trial NAME` makes the rows that are missing."""

import importlib
import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from zoo.lab.track import transport
from zoo.leaderboard.trials import Trial, path_of, write_trial
from zoo.options.bar import track


@dataclass(frozen=True)
class Experiment:
    """What `zoo lab trial` can play.

    Args:
        module: of this room, with `VARIANTS` and `play(seed, kimg, wanted)`, which yields (variant, metrics,
            settings) of at least the wanted ones.
        kimg: thousands of real points or images that each variant is shown by default; 0 where nothing is trained.
        about: one line for people.
        play: name of the function.
        points: whether its points are measured by optimal transport, which needs POT.
    """

    module: str
    kimg: float
    about: str
    play: str = "play"
    points: bool = False


EXPERIMENTS = {
    "methods-2d": Experiment(
        "methods", 192, "R1GAN section 5.1: penalties on four 2-D targets by Wasserstein-1", points=True
    ),
    "noise-2d": Experiment(
        "noise", 512, "Roth: regulariser, real noise and none on the mixture; cross-testing", points=True
    ),
    "disturbances": Experiment("disturbances", 0, "TTUR: distances against growing disturbance"),
    "disturbances-net": Experiment("disturbances", 0, "the same over a trained network", "play_net"),
}


def variants(name: str) -> tuple[str, ...]:
    """What an experiment makes rows of."""
    return importlib.import_module(f"zoo.lab.{EXPERIMENTS[name].module}").VARIANTS


def trial(name: str, seeds: int, kimg: float | None, results: Path) -> str:
    """Play an experiment with seeds 0, 1, ...; rows that are there are not made again. A line for each row.

    Raises:
        ValueError: for a name that is not there, no seed, rows of another length, a length where nothing is
            trained, or without a package that it needs.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    if seeds < 1:
        raise ValueError(f"an experiment needs at least one seed, not {seeds}")
    warnings.filterwarnings("ignore", module="lightning")
    for name_of_logger in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name_of_logger).setLevel(logging.WARNING)
    experiment = EXPERIMENTS[name]
    if experiment.points:
        transport()
    if kimg and not experiment.kimg:
        raise ValueError(f"--kimg does nothing with {name}, which trains nothing: leave it out")
    module = importlib.import_module(f"zoo.lab.{experiment.module}")
    kimg, lines = experiment.kimg if kimg is None else kimg, []
    paths = {(v, seed): path_of(results, name, v, seed) for seed in range(seeds) for v in variants(name)}
    for path in paths.values():
        if path.is_file() and (there := Trial.read(path).kimg) != kimg:
            mend = "give another --kimg or --results, or remove it"
            raise ValueError(f"{path} holds a row of {there:g} kimg, not of {kimg:g}: {mend}")
    for seed in range(seeds):
        wanted = [v for v in variants(name) if not paths[v, seed].is_file()]
        start = time.process_time()
        played = getattr(module, experiment.play)(seed, kimg, wanted) if wanted else ()
        for variant, metrics, settings in track(played, len(wanted), what=f"variants, seed {seed}"):
            now = time.process_time()
            made = Trial(name, variant, seed, metrics, kimg, settings, round(now - start, 1))
            lines.append(f"{write_trial(made, results)}: {', '.join(f'{k} {v:.4g}' for k, v in metrics.items())}")
            print(lines[-1], flush=True)
            start = time.process_time()
    return f"{len(lines)} new rows of {name}"
