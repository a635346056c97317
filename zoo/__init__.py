"""zoo: GAN papers as code, trained, scored and compared under one roof.

import zoo
gan = zoo.load("last.ckpt")
images = gan.sample(64)  # (64, 3, R, R) in [-1, 1]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.engine.gan import GAN
    from zoo.training.cards import model_card, save_folder
    from zoo.training.importing import import_weights
    from zoo.training.loading import load

#: what the public door hands out -> where it lies; imported when it is first asked for (PEP 562)
_DOOR = {
    "GAN": "zoo.engine.gan",
    "import_weights": "zoo.training.importing",
    "load": "zoo.training.loading",
    "model_card": "zoo.training.cards",
    "save_folder": "zoo.training.cards",
}

__all__ = ["GAN", "import_weights", "load", "model_card", "save_folder"]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}; it has {', '.join(sorted(_DOOR))}")
    return getattr(import_module(_DOOR[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_DOOR})
