"""Metrics beyond those of features, by name: what they need is more than the extractors' outputs.

An extra is a function `metric(subject: Subject) -> dict[str, float]`. It is called on every rank, with the model
prepared for sampling, after the features were computed; what rank 0 returns enters the row's `metrics`. It takes
images from `subject.fakes(n)` and `subject.reals(n)`, the model from `subject.gan`, and indices from
`subject.blocks(n)`; `subject.gather(rows)` brings the rows of all ranks to rank 0 in index order. A `ValueError`
(raised on every rank) makes the metric absent with that sentence.

    def brightness(subject):
        mine = [images.float().mean((1, 2, 3)).cpu() for _, images in subject.fakes(1000)]
        rows = subject.gather(torch.cat(mine) if mine else None)
        return {} if rows is None else {"brightness": rows.mean().item()}

`EXTRAS` maps names to `module:function`, imported when asked for; a name of that form needs no entry. What belongs
to one model alone (reconstruction errors) is its method `own_metrics(data)`, which `callback.Evaluate` calls.
"""

import importlib
from collections.abc import Callable

from zoo.evaluation.subject import Subject

Extra = Callable[[Subject], dict[str, float]]

EXTRAS: dict[str, str] = {}


def find(name: str) -> Extra:
    """The extra called `name`.

    Raises:
        ValueError: if there is none.
    """
    module, _, function = EXTRAS.get(name, name).partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no extra metric is called {name!r}: choose from {', '.join(EXTRAS) or 'none'}, or say module:function"
        ) from error


def measure(subject: Subject, extras: dict[str, Extra]) -> tuple[dict[str, float], dict[str, str]]:
    """Values of the extras, and for each that cannot be had, why."""
    metrics: dict[str, float] = {}
    absent: dict[str, str] = {}
    for name, metric in extras.items():
        try:
            metrics |= metric(subject)
        except ValueError as error:
            absent[name] = str(error)
    return metrics, absent
