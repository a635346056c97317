"""Learning from demonstrations: GAIL, VAIL, AIRL and VAIRL, and the mazes they are tried in.

The other half of the Variational Discriminator Bottleneck (Peng et al. 2019, arXiv 1810.00821).
"""

import importlib

#: name -> (module in zoo.imitation, class)
ALGORITHMS = {
    "airl": ("vairl", "AIRL"),
    "gail": ("vail", "GAIL"),
    "vail": ("vail", "VAIL"),
    "vairl": ("vairl", "VAIRL"),
}


def algorithm_class(name: str) -> type:
    """The LightningModule of an algorithm by its name.

    Raises:
        ValueError: for a name this room does not have.
    """
    if name not in ALGORITHMS:
        raise ValueError(f"no imitation learning {name!r} in the zoo; there are {', '.join(sorted(ALGORITHMS))}")
    module, cls = ALGORITHMS[name]
    return getattr(importlib.import_module(f"zoo.imitation.{module}"), cls)
