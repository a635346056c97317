"""A checkpoint scored again, as its run scored it or otherwise: `zoo evaluate`."""

from pathlib import Path
from typing import Any

from zoo.evaluation.folders import absences
from zoo.evaluation.protocols import OPTIONS
from zoo.leaderboard.rows import check_writable
from zoo.training import truncation as curves
from zoo.training.evaluate import Evaluate
from zoo.training.history import history_of
from zoo.training.loading import load
from zoo.training.run import config_to_score, data_to_score


def rescore(
    checkpoint: Path, given: dict[str, Any], results_dir: Path | None, device: str, data: str | None
) -> None:
    """Print what could not be had and write a results row, or of a range of truncations the whole curve.

    Args:
        given: options of `Evaluate`; None leaves the run's, or with a protocol the protocol's. A `truncation` of
            text is a range, see `truncation.bounds`.
        results_dir: None writes no row.
        data: what to score against instead of the run's data, see `run.data_given`.
    """
    bound = given["truncation"]
    values = curves.bounds(bound) if isinstance(bound, str) else None
    given = given | {"truncation": None if values else bound}
    if results_dir:
        check_writable(results_dir)
    gan = load(checkpoint, device)
    if gan.only_G:  # the model's own metrics and some extras ask the other networks
        raise ValueError(f"{checkpoint} holds G alone, which is not scored: give the checkpoint it came from")
    config, folder, run = config_to_score(checkpoint, gan, data)
    images = data_to_score(config, gan)
    kept = {k: v for k, v in config["evaluation"].items() if not (given["protocol"] and k in OPTIONS)}
    options = kept | {k: v for k, v in given.items() if v is not None}
    options |= {"results_dir": str(results_dir) if results_dir else None, "every_extras": ()}
    about = {"model": config["model"], "data": config["data"]}
    callback = Evaluate(**options | ({"truncation": values[0]} if values else {}))
    callback.check(gan, images)
    if values:
        out = folder / f"truncation-kimg-{gan.nimg / 1000:09.1f}"
        curves.curve(gan, images, options, values, about, run, out)
        return
    callback.config, callback.run = about, run
    callback.history = history_of(checkpoint, gan.nimg)
    result = callback.score(gan, images)
    if all(v is None for k, v in given.items() if k != "threads"):  # scored as the run itself scores
        callback.note(gan, result)
    for line in absences(result):
        print(line)
    if results_dir:
        callback.write(gan, images, result)
