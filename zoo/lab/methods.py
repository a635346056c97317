"""Which penalty serves 2-D points best, after "Which Training Methods for GANs do actually Converge?", section 5.

Four training methods on four targets by R1GAN's own step, scored by the Wasserstein-1 distance of samples to the
target. The paper's comparison is recalled (four targets, RMSProp among its optimizers); its networks,
rates and sizes are not known and the released code has none of it, so those here are ours, one setting for all.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.data.plane import Target
from zoo.engine.gan import GAN
from zoo.lab.plane import train
from zoo.lab.track import N_TRANSPORT, wasserstein

DATA = ("gaussian", "line", "circle", "lines")
#: name -> arguments of R1GAN over its setting; gamma counts half, so 20 is the critic's penalty of weight 10
METHODS: dict[str, dict] = {
    "none": {"penalty": "none"},
    "wgan-gp": {"loss": "wasserstein", "penalty": "wgan_gp", "gamma": 20.0},
    "r1": {"penalty": "r1", "gamma": 1.0},
    "r2": {"penalty": "r2", "gamma": 1.0},
}
COMMON = {"optimizer": "rmsprop", "lr": 5e-4, "batch_size": 128}


def distance(gan: GAN, target: Target, seed: int, ema: bool) -> float:
    """W_1 of `N_TRANSPORT` samples to as many new points of the target."""
    real = target.draw(N_TRANSPORT, torch.Generator().manual_seed(2**31 + seed))
    return wasserstein(gan.sample(N_TRANSPORT, ema=ema, seed=seed), real)


def slope_at_data(gan: GAN, target: Target, seed: int) -> float:
    """Mean norm of D's gradient at points of the target: zero where D is flat around the data."""
    x = target.draw(N_TRANSPORT, torch.Generator().manual_seed(seed)).requires_grad_()
    (gradient,) = torch.autograd.grad(gan.D(x).sum(), x)
    return float(norms(gradient).mean())


def norms(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).norm(dim=1)


VARIANTS = tuple(f"{data}-{method}" for data in DATA for method in METHODS)


def play(seed: int, kimg: float, wanted: list[str]) -> Iterator[tuple[str, dict[str, float], dict]]:
    """(variant, metrics, settings) of each wanted variant: `w1`, `w1_ema` of the averaged G, `w1_data`, `slope`."""
    for variant in wanted:
        data, _, method = variant.partition("-")
        options = COMMON | METHODS[method]
        gan, target = train("r1gan", data, kimg, seed, options)
        draws = (target.draw(N_TRANSPORT, torch.Generator().manual_seed(2**32 + seed + k)) for k in range(2))
        metrics = {
            "w1": distance(gan, target, seed, ema=False),
            "w1_ema": distance(gan, target, seed, ema=True),
            "w1_data": wasserstein(*draws),
            "slope": slope_at_data(gan, target, seed),
        }
        yield variant, metrics, options
