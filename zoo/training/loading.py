"""Models from checkpoints."""

from pathlib import Path

import torch

from zoo.engine.devices import device_here
from zoo.engine.encoders import check_encoder
from zoo.engine.gan import GAN


def load(path: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, in eval mode on `device`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a checkpoint of this project.
    """
    from zoo.papers import paper_class

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; runs keep theirs in runs/<paper>/<run>/checkpoints")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        about = checkpoint["zoo"]
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of this project, or it is damaged: take another") from error
    device = device_here(device)
    model = paper_class(about["paper"])(**about["hparams"])
    model.load_state_dict(checkpoint["state_dict"])
    model._conditions, model.chosen = about["conditions"], about.get("chosen")
    return model.eval().to(device)


def load_encoder(checkpoint: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, as `zoo.training.loading.load`, if it can encode.

    Raises:
        FileNotFoundError, ValueError: if there is no checkpoint, or its model has no encoder.
    """
    gan = load(checkpoint, device)
    check_encoder(gan)
    return gan
