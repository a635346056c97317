"""How far a gradient penalty in bfloat16 is from the same in float32: its value, and its gradient."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.engine.speed import half_error
from zoo.objectives.penalties import r1, wgan_gp
from zoo.options.bar import track

PENALTIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"R1": r1, "WGAN-GP": wgan_gp}


def gradients(gan: GAN, penalty: str, x: Tensor, label: Tensor | None, half: bool) -> tuple[Tensor, Tensor]:
    """A penalty's value (scalar) and its gradient at D's weights (numbers,), with D under autocast or not.

    Args:
        x: images (N, 3, R, R).
    """
    torch.manual_seed(0)  # dropout, and what a bottleneck draws
    D, x = copy.deepcopy(gan.D), x.clone().requires_grad_()  # a pass moves the iterations of spectral norm
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=half):
        value = PENALTIES[penalty](D(x, label), x)
    weights = [p for p in D.parameters() if p.requires_grad]
    found = torch.autograd.grad(value, weights, allow_unused=True)
    flat = [torch.zeros_like(p) if g is None else g for p, g in zip(weights, found, strict=True)]
    return value.detach(), torch.cat([g.flatten() for g in flat]).double()


def errors(gan: GAN, n: int) -> dict[str, dict[str, float]]:
    """For each penalty the relative errors of its `value` and of its `gradient`, and the gradients' `cosine`.

    D has its first weights; images are uniform noise, the same for both.
    """
    generator = torch.Generator().manual_seed(0)
    side = gan.resolution
    x = torch.rand(n, 3, side, side, generator=generator) * 2 - 1
    label = torch.arange(n) % gan.n_classes if gan.n_classes else None
    found = {}
    for name in PENALTIES:
        (value, exact), (other, rough) = (gradients(gan, name, x, label, half) for half in (False, True))
        found[name] = {
            "value": float((other - value).abs() / value.abs()),
            "gradient": float((rough - exact).norm() / exact.norm()),
            "cosine": float(F.cosine_similarity(rough, exact, 0)),
        }
    return found


def run(recipes: list[Path], n: int = 4) -> str:
    """A Markdown table of `errors` for recipes' discriminators; see `zoo bench penalties --help`."""
    from zoo.bench.step import model_options
    from zoo.training.loading import model_class

    lines = ["| D of | penalty | value | gradient | cosine |", "| --- | --- | --- | --- | --- |"]
    read = [(recipe, model_options(recipe, n)) for recipe in recipes]
    for recipe, (paper, options) in track(read, len(read), what="recipes"):
        torch.manual_seed(0)
        for name, e in errors(model_class(paper)(**options), n).items():
            where = f"{paper}/{recipe.stem}"
            lines.append(f"| {where} | {name} | {e['value']:.2%} | {e['gradient']:.2%} | {e['cosine']:.5f} |")
    if (error := half_error(n)) > 0.1:
        lines += [
            "",
            f"This processor gets second derivatives of convolutions in bfloat16 wrong at {n} images, by "
            f"{error:.0%}: --n 16 shows what rounding does.",
        ]
    return "\n".join(lines)
