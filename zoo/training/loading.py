"""Models from checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from zoo.engine.devices import device_here
from zoo.engine.encoders import check_encoder
from zoo.engine.gan import GAN
from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.imitation.base import Imitation
from zoo.networks.channels import as_rgb
from zoo.networks.growing import as_grown
from zoo.options.folders import as_path
from zoo.training import safetensors
from zoo.training.shapes import check_checkpoint, check_weights


def model_class(name: str) -> type[GAN]:
    """The LightningModule of a paper or of a baseline by its name in the zoo.

    Raises:
        ValueError: for a name the zoo does not have.
    """
    from zoo.baselines import BASELINES, baseline_class
    from zoo.papers import PAPERS, RELEASED, paper_class

    if name not in {*PAPERS, *RELEASED, *BASELINES}:
        raise ValueError(
            f"no paper {name!r} in the zoo; there are {', '.join(sorted(PAPERS))}, and the baselines "
            f"{', '.join(sorted(BASELINES))}"
        )
    return baseline_class(name) if name in BASELINES else paper_class(name)


def build(about: dict) -> GAN:
    """The untrained model of a checkpoint's `zoo` section."""
    from zoo.networks.stylegan import Parts

    model = model_class(about["paper"])(**about["hparams"])
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
    if lod := about.get("imported", {}).get("lod"):
        as_grown(lod, model.D, *filter(None, (model.G, model.G_ema)))
    model.origin = {key: about[key] for key in ("imported", "networks", "ancestor") if key in about}
    return model


def _built(path: Path, make: Callable[[dict], Any], about: dict) -> Any:
    """The model of a checkpoint's `zoo` section, as `make` makes it.

    Raises:
        ValueError: naming the file, for settings that the paper does not have or take.
    """
    try:
        return make(about)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        said = " ".join(str(error).split()).replace(
            "__init__() got an unexpected keyword argument", "has no setting"
        )
        raise ValueError(f"{path} holds settings of {about['paper']} that make no model: {said}") from error


def load(path: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, or of a safetensors file of `zoo export`, in eval mode on `device`.

    Of a file of G alone the other networks are untrained, and the model's `only_G` says so.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for no path, or if the file is not a checkpoint of this project, that of a policy, or one of D
            alone.
    """
    path = as_path("load", path)
    checkpoint = read(path)
    about = checkpoint["zoo"]
    if about["paper"] in ALGORITHMS:
        raise ValueError(
            f"{path} is a policy that {about['paper'].upper()} has trained, which makes no images: play it with "
            f"`zoo lab play {path}`"
        )
    if about.get("what") == "D":
        raise ValueError(f"{path} holds D alone, which draws nothing: give the checkpoint it was exported from")
    device = device_here(device)
    model = _built(path, build, about)
    model.only_G = about.get("what") == "G"
    if model.only_G:
        checkpoint["state_dict"] = safetensors.completed(checkpoint["state_dict"], model)
    check_weights(path, checkpoint["state_dict"], model)
    model.load_state_dict(checkpoint["state_dict"])
    model._conditions, model.chosen = about["conditions"], about.get("chosen")
    return model.eval().to(device)


def load_policy(path: str | Path) -> Imitation:
    """The imitation algorithm of a checkpoint, its policy and its reward, in eval mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a checkpoint of this project, or that of a model of images.
    """
    path = as_path("load_policy", path)
    checkpoint = read(path)
    about = checkpoint["zoo"]
    if about["paper"] not in ALGORITHMS:
        raise ValueError(
            f"{path} is a model of images by {about['paper']}, not a policy: `zoo sample {path}` shows it"
        )
    model = _built(path, lambda about: algorithm_class(about["paper"])(**about["hparams"]), about)
    check_weights(path, checkpoint["state_dict"], model)
    model.load_state_dict(checkpoint["state_dict"])
    model._conditions = about["conditions"]
    return model.eval()


def read(path: str | Path, mmap: bool = False) -> dict:
    """What a checkpoint, or a safetensors file of the zoo, holds; with `mmap` weights stay on the disk until used.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a checkpoint of this project.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; runs keep theirs in runs/<paper>/<run>/checkpoints")
    if path.suffix == safetensors.SUFFIX:
        about, state = safetensors.read(path)
        checkpoint = {"zoo": about, "state_dict": state}
    else:
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
        except Exception as error:
            raise ValueError(
                f"{path} is not a checkpoint of this project, or it is damaged: take another"
            ) from error
    check_checkpoint(path, checkpoint)
    return checkpoint


def load_encoder(checkpoint: str | Path, device: str = "cpu") -> GAN:
    """The model of a checkpoint, as `zoo.training.loading.load`, if it can encode.

    Raises:
        FileNotFoundError, ValueError: if there is no checkpoint, or its model has no encoder.
    """
    gan = load(checkpoint, device)
    check_encoder(gan)
    return gan
