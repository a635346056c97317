"""Methods that the papers are compared with, one file each."""

import importlib

#: name -> class name in zoo/baselines/<name>.py
BASELINES = {
    "bigan": "BiGAN",
    "bigan_qp": "BiGAN_QP",
    "cgan": "CGAN",
    "conopt": "ConOpt",
    "dcgan": "DCGAN",
    "fgan": "FGAN",
    "gan_qp": "GAN_QP",
    "nk17": "NK17",
    "wgan": "WGAN",
    "wgan_div": "WGAN_Div",
    "wgan_gp": "WGAN_GP",
}


def baseline_class(name: str) -> type:
    """The LightningModule of a baseline by its name in the zoo.

    Raises:
        ValueError: for a name the zoo does not have.
    """
    if name not in BASELINES:
        raise ValueError(f"no baseline {name!r} in the zoo; there are {', '.join(sorted(BASELINES))}")
    return getattr(importlib.import_module(f"zoo.baselines.{name}"), BASELINES[name])
