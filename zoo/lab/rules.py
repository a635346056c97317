"""Which game a model plays: its losses as functions of logits, its slope penalties, and what of it is left out.

Losses come from the model where it keeps them as `loss_d` and `loss_g`, else from `LOSSES` by its class: never by a
guess, for a spectrum of another game says nothing.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from zoo.engine.gan import GAN
from zoo.objectives.divergences import f_gan_d, f_gan_g
from zoo.objectives.losses import ADVERSARIAL

#: model without losses of its own -> their name in `ADVERSARIAL`, or the option that says it and what it says
LOSSES: dict[str, str | tuple[str, dict[str, str]]] = {
    "BigGAN": "hinge",
    "CGAN": "nonsaturating",
    "CTGAN": "wasserstein",
    "DCGAN": "nonsaturating",
    "StyleGAN": ("objective", {"logistic_r1": "nonsaturating", "wgan_gp": "wasserstein"}),
    "TTUR": ("game", {"dcgan": "nonsaturating", "wgan-gp": "wasserstein"}),
    "WGAN": "wasserstein",
    "WGAN_GP": "wasserstein",
}
#: f-GANs -> the options of a penalty that is no slope of the logits, and what each says where there is none
F_GANS: dict[str, dict[str, Any]] = {"FGAN": {"gamma": 0}, "RothGAN": {"gamma": 0, "regularizer": "none"}}
#: model -> why its loss of D is no function of logits alone
NO_GAME = {
    "GAN_QP": "its critic pays for squared differences within pairs",
    "WGAN_Div": "its critic pays for a power of its slope at points of its own",
}
BETWEEN = "the slope between real and fake"
#: model -> option -> what of the training is not in the game where the option is neither 0, None nor "none"
BEYOND: dict[str, dict[str, str]] = {
    "BigGAN": {"ortho": "G's orthogonality", "ortho_d": "D's orthogonality"},
    "CTGAN": {"lambda_gp": BETWEEN, "lambda_ct": "the consistency term", "n_classes": "the classifier's losses"},
    "PGGAN": {"lambda_gp": BETWEEN, "drift": "the drift term", "n_classes": "the classifier's losses"},
    "SNGAN": {"penalty": "the penalty on D", "clip": "clipping"},
    "WGAN": {"clip": "clipping"},
    "WGAN_GP": {"lambda_gp": BETWEEN, "n_classes": "the classifier's losses"},
}


def losses(gan: GAN) -> tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """D's and G's loss, without penalties.

    Raises:
        ValueError: for a model whose game is not one of logits.
    """
    name, h = type(gan).__name__, dict(gan.hparams)
    if hasattr(gan, "loss_d") and hasattr(gan, "loss_g"):
        return gan.loss_d, gan.loss_g
    if name in F_GANS:
        if all(h[option] != none for option, none in F_GANS[name].items()):
            raise ValueError(f"{name}'s penalty is no slope of its logits: its game is told without one alone")
        return partial(f_gan_d, gan.divergence), partial(f_gan_g, gan.divergence, saturating=gan.saturating)
    if name not in LOSSES:
        why = NO_GAME.get(name, "it keeps no loss_d and loss_g, and zoo/lab/rules.py does not name it")
        raise ValueError(f"{name}'s game cannot be told from its logits: {why}")
    told = LOSSES[name]
    loss_d, loss_g = ADVERSARIAL[told if isinstance(told, str) else told[1][h[told[0]]]]
    weight = getattr(gan, "weight_d", 1.0)  # CGAN's half
    return (loss_d if weight == 1 else lambda real, fake: weight * loss_d(real, fake)), loss_g


def slopes(gan: GAN, lod: float) -> tuple[float, float]:
    """gamma of R1 and of R2: half of each times the mean squared slope on real and on fake is in D's loss.

    Args:
        lod: of a growing model's last step; StyleGAN's penalty is divided by 4 for each whole level.
    """
    name, h = type(gan).__name__, dict(gan.hparams)
    if name == "StyleGAN":
        return (h["gamma"] / 4 ** math.floor(lod), 0.0) if h["objective"] == "logistic_r1" else (0.0, 0.0)
    held = h["penalty"].split("+") if name in ("R1GAN", "VGAN") else ()
    return h["gamma"] if "r1" in held else 0.0, h["gamma"] if "r2" in held else 0.0


def left_out(gan: GAN) -> tuple[str, ...]:
    """What this model trains with beyond the losses and slopes above."""
    name, h = type(gan).__name__, dict(gan.hparams)
    beyond = BEYOND.get(name, {}).items()  # PGGAN sets weights to 0 beside what its options say
    found = [what for option, what in beyond if getattr(gan, option, h.get(option)) not in (0, None, "none")]
    if name in ("R1GAN", "VGAN") and h["penalty"].startswith("wgan_gp") and h["gamma"]:
        found.append(BETWEEN)
    if name == "VGAN" and h["bottleneck"] == "gaussian":
        found.append("the bottleneck's KL")
    if (name == "TTUR" and h["game"] == "wgan-gp" and h["lambda_gp"]) or (
        name == "StyleGAN" and h["objective"] == "wgan_gp"
    ):
        found.append(BETWEEN)
    if name == "ConOpt" and h["method"] in ("smooth", "clip"):
        found.append(f"method {h['method']}")
    return tuple(found)
