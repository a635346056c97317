"""Methods that the papers are compared with, one file each."""

import importlib

#: name -> class name in zoo/baselines/<name>.py
BASELINES = {
    "conopt": "ConOpt",
    "nk17": "NK17",
}


def baseline_class(name: str) -> type:
    """The LightningModule of a baseline by its name in the zoo.

    Raises:
        ValueError: for a name the zoo does not have.
    """
    if name not in BASELINES:
        raise ValueError(f"no baseline {name!r} in the zoo; there are {', '.join(sorted(BASELINES))}")
    return getattr(importlib.import_module(f"zoo.baselines.{name}"), BASELINES[name])
