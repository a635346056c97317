"""The papers' training steps on points of the plane: samples, level sets of D, its gradient, and modes covered.

Each paper's own LightningModule trains here, with multilayer perceptrons in the place of its networks
(`GAN.use_networks`) and points in the place of images.
"""

import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from zoo.data.plane import Points, Target
from zoo.engine.failures import NotFinite
from zoo.engine.gan import GAN
from zoo.engine.progress import Progress
from zoo.engine.stop import Stop
from zoo.lab.settings import SETTINGS, setting_of
from zoo.options.bar import track
from zoo.pictures.plots import new_figure, save_figure
from zoo.training.loading import model_class
from zoo.training.recipes import shortened

#: a sample within this distance of a target is good; Roth's toy is measured so (ours: it published pictures)
RADIUS = 0.1
N_SAMPLES = 5000


def build(paper: str, options: dict[str, Any]) -> GAN:
    """The paper's LightningModule from arguments that are checked as the command line checks them.

    Raises:
        ValueError: naming an argument that is wrong.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(model_class(paper), "model")
    try:
        arguments = parser.parse_object({"model": options}).model
    except ArgumentError as error:
        raise ValueError(f"{paper}: {' '.join(str(error).split())}") from error
    return model_class(paper)(**arguments.as_dict())


class Watch(L.Callback):
    """Calls `look(gan, target)` about `frames` times in a run, evenly over its images."""

    def __init__(self, frames: int, look: Callable[[GAN, Target], None], target: Target) -> None:
        self.frames, self.look, self.target = frames, look, target

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *_: Any) -> None:
        if gan.passed(gan.total_kimg / self.frames):
            self.look(gan, self.target)


def untrained(
    paper: str, data: str, kimg: float | None = None, seed: int = 0, options: dict[str, Any] | None = None
) -> tuple[GAN, Points]:
    """The model and the points it is to be trained on; arguments and errors as those of `train`."""
    setting = setting_of(paper, data)
    torch.manual_seed(seed)
    length = {} if kimg is None else {"total_kimg": kimg}
    gan = build(paper, shortened(setting.options | (options or {}), length) | length)
    points = Points(data, gan.images_per_step, seed, gan.n_classes)
    dim = points.target.dim
    gan.use_networks(setting.generator(dim), setting.critic(dim), setting.latent_dim)
    if setting.encoder:
        gan.E = setting.encoder(dim)
    return gan, points


def train(
    paper: str,
    data: str,
    kimg: float | None = None,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    watch: tuple[int, Callable[[GAN, Target], None]] | None = None,
) -> tuple[GAN, Target]:
    """The trained model and the distribution that it was trained on.

    Args:
        paper: one of `SETTINGS`.
        data: one of `zoo.data.plane.TARGETS`.
        kimg: thousands of points shown to D; None takes the setting's.
        seed: of weights, latents and points.
        options: arguments of the paper's LightningModule over the setting's, such as another penalty.
        watch: how often to look at the model during training, and with what.

    Raises:
        ValueError: for a paper, a data set or an option that is not there.
        Diverged: by the model's own watch, or for weights that are not finite any more.
    """
    gan, points = untrained(paper, data, kimg, seed, options)
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=-1,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Progress(), stop := Stop(), *([Watch(*watch, points.target)] if watch else [])],
    )
    torch.set_flush_denormal(True)  # units that have died leave numbers that cost a CPU ten times as much
    try:
        trainer.fit(gan, datamodule=points)
    finally:
        torch.set_flush_denormal(False)
    if stop.interrupted:
        raise KeyboardInterrupt
    gan.eval()
    if not all(p.isfinite().all() for p in gan.parameters()):
        raise NotFinite(
            f"{paper} on {data}: a weight is not finite any more; lower lr by --options of zoo lab plane"
        )
    return gan, points.target


def measure(samples: Tensor, target: Target) -> dict[str, float]:
    """How well samples (N, dim) lie where the mass is.

    Returns:
        `modes`, of `n_modes`: those with at least 1 % of the samples within `RADIUS`; `near`: share of samples
        within `RADIUS` of any target; `distance`: mean distance to the nearest target.
    """
    distance, nearest = torch.cdist(samples.float(), target.targets).min(1)
    near = distance <= RADIUS
    counts = torch.bincount(target.mode[nearest[near]], minlength=target.n_modes)
    return {
        "modes": int((counts >= 0.01 * len(samples)).sum()),
        "n_modes": target.n_modes,
        "near": near.float().mean().item(),
        "distance": distance.mean().item(),
    }


def field_of(gan: GAN, judge: Callable, target: Target, x: Tensor) -> tuple[Tensor, Tensor]:
    """D's logits at points of the picture's plane x (N, 2), and their gradient there, (N,) and (N, 2)."""
    x = x.clone().requires_grad_()
    value = judge(gan, target.lift(x))
    (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def draw(axes: Any, gan: GAN, target: Target, judge: Callable, seed: int = 0) -> dict[str, float]:
    """One panel: D's level sets and gradient, samples orange, real points black; returns the samples' `measure`."""
    real = target.flatten(target.draw(1000, torch.Generator().manual_seed(seed)))
    samples = gan.sample(N_SAMPLES, seed=seed)
    scores = measure(samples, target)
    span = 1.35 * target.flatten(target.targets).abs().max().item()
    fine, coarse = torch.linspace(-span, span, 120), torch.linspace(-span, span, 20)
    value, _ = field_of(gan, judge, target, torch.cartesian_prod(fine, fine))
    where = torch.cartesian_prod(coarse, coarse)
    _, gradient = field_of(gan, judge, target, where)
    arrows = gradient / gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)
    axes.contourf(fine, fine, value.view(120, 120).T, levels=20, cmap="RdBu_r", alpha=0.6)
    axes.contour(fine, fine, value.view(120, 120).T, levels=20, colors="white", linewidths=0.4)
    axes.quiver(*where.T, *arrows.T, color="black", alpha=0.35, scale=40, width=0.002)
    axes.scatter(*target.flatten(samples[:1000]).T, s=3, c="darkorange", linewidths=0)
    axes.scatter(*real.T, s=1.5, c="black", alpha=0.5, linewidths=0)  # on top: good samples would hide them
    axes.set(xlim=(-span, span), ylim=(-span, span), xticks=[], yticks=[], aspect="equal")
    return scores


def lab(
    papers: str,
    data: str,
    out: Path,
    kimg: float | None = None,
    seed: int = 0,
    options: dict[str, Any] | None = None,
) -> str:
    """Train each paper on `data` and draw them side by side into `out`; a table of their numbers.

    Args:
        papers: names with commas between them, or "all".
        data, kimg, seed, options: as `train`.

    Raises:
        ValueError: as `train`; without matplotlib, or for a picture's ending that it does not know.
    """
    names = list(SETTINGS) if papers == "all" else papers.split(",")
    for name in names:  # all of them before the first is trained
        untrained(name, data, kimg, seed, options)
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    figure = new_figure(4 * len(names), 4.4)
    axes = figure.subplots(1, len(names), squeeze=False)
    lines = [
        "| paper | data | modes | within 0.1 | mean distance | thousand points | CPU seconds |",
        "| --- " * 7 + "|",
    ]
    seconds: list[float] = []
    for name, axis in track(zip(names, axes[0], strict=True), len(names), what="papers"):
        start = time.process_time()
        gan, target = train(name, data, kimg, seed, options)
        seconds.append(time.process_time() - start)
        s = draw(axis, gan, target, setting_of(name, data).judge, seed)
        axis.set_title(f"{name}: {s['modes']}/{s['n_modes']} modes, {s['near']:.0%} within {RADIUS}", fontsize=10)
        lines.append(
            f"| {name} | {data} | {s['modes']} of {s['n_modes']} | {s['near']:.3f} | {s['distance']:.3f} | "
            f"{gan.nimg / 1000:g} | {seconds[-1]:.0f} |"
        )
    save_figure(figure, out)
    return "\n".join([*lines, f"{out}, after {sum(seconds):.0f} CPU seconds of training"])
