"""Models from checkpoints."""

from pathlib import Path

import torch

from zoo.engine.devices import device_here
from zoo.engine.encoders import check_encoder
from zoo.engine.gan import GAN
from zoo.networks.channels import as_rgb
from zoo.training import safetensors


def build(about: dict) -> GAN:
    """The untrained model of a checkpoint's `zoo` section."""
    from zoo.networks.stylegan import Parts
    from zoo.papers import paper_class

    model = paper_class(about["paper"])(**about["hparams"])
    if networks := about.get("networks"):  # what the paper's own settings cannot say
        made = {}
        for name, options in networks.items():
            if isinstance(options.get("parts"), dict):
                options = options | {"parts": Parts(**options["parts"])}
            made[name] = type(getattr(model, name))(**options)
        G, D = made.get("G", model.G), made.get("D", model.D)
        if (channels := networks.get("G", {}).get("channels", 3)) != 3:
            as_rgb(G, D, channels)
        model.use_networks(G, D, model.latent_dim)
    model.origin = {key: about[key] for key in ("imported", "networks") if key in about}
    return model


def load(path: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, or of a safetensors file of `zoo export`, in eval mode on `device`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not of this project.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; runs keep theirs in runs/<paper>/<run>/checkpoints")
    if path.suffix == safetensors.SUFFIX:
        about, state = safetensors.read(path)
    else:
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
            about, state = checkpoint["zoo"], checkpoint["state_dict"]
        except Exception as error:
            raise ValueError(
                f"{path} is not a checkpoint of this project, or it is damaged: take another"
            ) from error
    device = device_here(device)
    model = build(about)
    own = model.state_dict()
    if path.suffix == safetensors.SUFFIX:  # which may hold one network only
        state = own | {name: value for name, value in state.items() if name in own}
        state["_extra_state"] = own["_extra_state"] | state["_extra_state"]
    model.load_state_dict(state)
    model._conditions = about["conditions"]
    return model.eval().to(device)


def load_encoder(checkpoint: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, as `zoo.training.loading.load`, if it can encode.

    Raises:
        FileNotFoundError, ValueError: if there is no checkpoint, or its model has no encoder.
    """
    gan = load(checkpoint, device)
    check_encoder(gan)
    return gan
