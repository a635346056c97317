"""The papers, one file each."""

import importlib

#: name -> class name in zoo/papers/<name>.py
PAPERS = {
    "biggan": "BigGAN",
    "ctgan": "CTGAN",
    "ctgan_ssl": "CTGAN_SSL",
    "introvae": "IntroVAE",
    "pggan": "PGGAN",
    "r1gan": "R1GAN",
    "rothgan": "RothGAN",
    "sngan": "SNGAN",
    "stylegan": "StyleGAN",
    "ttur": "TTUR",
    "vgan": "VGAN",
}
#: networks that others trained and released, which no recipe trains: name in a checkpoint -> module, class
RELEASED = {"biggandeeprelease": ("biggan_deep_release", "BigGANDeepRelease")}


def paper_class(name: str) -> type:
    """The LightningModule of a paper by its name in the zoo.

    Raises:
        ValueError: for a name the zoo does not have.
    """
    if name in RELEASED:
        module, released = RELEASED[name]
        return getattr(importlib.import_module(f"zoo.papers.{module}"), released)
    if name not in PAPERS:
        raise ValueError(f"no paper {name!r} in the zoo; there are {', '.join(sorted(PAPERS))}")
    return getattr(importlib.import_module(f"zoo.papers.{name}"), PAPERS[name])
