"""What Roth et al. 2017 say of their regulariser, on their mixture in space: against none, and against real noise.

Networks, rates and the saturating loss are the authors' (`zoo.lab.settings.PUBLISHED`); all models of a seed are
then set against each other: does the discriminator of one still judge the generator of another?
"""

from collections.abc import Iterator

import torch

from zoo.data.plane import Target
from zoo.engine.gan import GAN
from zoo.lab.plane import N_SAMPLES, measure, train
from zoo.lab.track import N_TRANSPORT, wasserstein

#: name -> arguments of RothGAN over the toy's setting; gamma 0.1 is the authors' for the toy
METHODS: dict[str, dict] = {
    "none": {"regularizer": "none"},
    "noise": {"regularizer": "noise", "annealing": 1.0},
    "js": {"annealing": 1.0},
    "js-annealed": {},
    "noise-annealed": {"regularizer": "noise"},
}
CROSS = tuple(f"D-{d}-G-{g}" for d in METHODS for g in METHODS)
VARIANTS = (*METHODS, *CROSS)


def judged(D: torch.nn.Module, fakes: torch.Tensor, target: Target, seed: int) -> dict[str, float]:
    """Shares of fakes and of new points of the target that D takes for what they are (logit below, above 0)."""
    real = target.draw(len(fakes), torch.Generator().manual_seed(seed))
    with torch.no_grad():
        on_fakes, on_reals = (D(fakes) < 0).float().mean().item(), (D(real) > 0).float().mean().item()
    return {"fakes_found": on_fakes, "reals_found": on_reals, "accuracy": (on_fakes + on_reals) / 2}


def play(seed: int, kimg: float, wanted: list[str]) -> Iterator[tuple[str, dict[str, float], dict]]:
    """(variant, metrics, settings): `measure` and `w1` of each method, `judged` of each pair. All are trained."""
    models: dict[str, GAN] = {}
    for name, options in METHODS.items():
        models[name], target = train("rothgan", "submanifold", kimg, seed, options)
        samples = models[name].sample(N_SAMPLES, seed=seed)
        off = samples - target.lift(target.flatten(samples))
        real = target.draw(N_TRANSPORT, torch.Generator().manual_seed(2**31 + seed))
        metrics = measure(samples, target) | {"off_plane": off.norm(dim=1).mean().item()}
        yield name, metrics | {"w1": wasserstein(samples[:N_TRANSPORT], real)}, options
    for d, judge in models.items():
        for g, maker in models.items():
            yield f"D-{d}-G-{g}", judged(judge.D, maker.sample(N_SAMPLES, seed=seed), target, seed), {}
