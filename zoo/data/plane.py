"""Points instead of images: rings and a grid of Gaussians, a swiss roll, lines, a circle, Roth's mixture in space.

`ring`, `grid` and `swissroll` are those of igul222/improved_wgan_training @ fa66c57, gan_toy.py ("I").
`submanifold` is `zoo.data.mixture`'s, `ring-m17` that of "The Numerics of GANs" (LMescheder/TheNumericsOfGANs @
68d915f, its notebook of eigenvalues), `ring-nk17` that of Nagarajan and Kolter (locuslab/gradient_regularized_gan @
c1f6127). Lines and circle carry no noise, as the targets of
"Which Training Methods" do; with a normal blob and one line they are its four examples (recalled; sizes are ours).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from zoo.data import mixture
from zoo.data.order import seed_of
from zoo.options.checked import Checked
from zoo.options.ranges import BatchSize, ClassCount, Seed


def same(points: Tensor) -> Tensor:
    return points


@dataclass(frozen=True)
class Target:
    """One distribution of points, and where its mass lies.

    Args:
        draw: (n, generator) -> float32 points (n, dim).
        targets: (M, dim), points that a good sample is close to: centres, or a curve.
        mode: (M,) int64, the mode or the piece of the curve that each target stands for.
        lift: a point of the picture's plane (N, 2) as a point of the data's space (N, dim).
        flatten: the opposite, (N, dim) -> (N, 2); what sticks out of the plane is lost.
    """

    draw: Callable[[int, torch.Generator], Tensor]
    targets: Tensor
    mode: Tensor
    lift: Callable[[Tensor], Tensor] = same
    flatten: Callable[[Tensor], Tensor] = same

    @property
    def dim(self) -> int:
        return self.targets.shape[1]

    @property
    def n_modes(self) -> int:
        return int(self.mode.max()) + 1


def gaussians(centres: Tensor, std: float) -> Target:
    """Equally likely normal blobs of deviation `std` around `centres` (M, 2)."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(centres), (n,), generator=generator)
        return centres[which] + std * torch.randn(n, 2, generator=generator)

    return Target(draw, centres, torch.arange(len(centres)))


def ring() -> Target:
    """Eight Gaussians on a circle of radius 2, deviation 0.02, all divided by 1.414 (I)."""
    angle = 2 * math.pi * torch.arange(8) / 8
    return gaussians(2 * torch.stack([angle.cos(), angle.sin()], 1) / 1.414, 0.02 / 1.414)


def ring_m17() -> Target:
    """Eight Gaussians on the unit circle, deviation 0.01; sample k of a batch is of mode k mod 8."""
    angle = 2 * math.pi * torch.arange(8) / 8
    target = gaussians(torch.stack([angle.cos(), angle.sin()], 1), 0.01)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return target.targets[torch.arange(n) % 8] + 0.01 * torch.randn(n, 2, generator=generator)

    return Target(draw, target.targets, target.mode)


def ring_nk17() -> Target:
    """Eight Gaussians at (2 sin, 2 cos), deviation 0.02, as in unrolled GANs."""
    angle = 2 * math.pi * torch.arange(8) / 8
    return gaussians(2 * torch.stack([angle.sin(), angle.cos()], 1), 0.02)


def grid() -> Target:
    """25 Gaussians on {-4, -2, 0, 2, 4}^2, deviation 0.05, all divided by 2.828 (I)."""
    line = torch.arange(-4.0, 5.0, 2.0)
    return gaussians(torch.cartesian_prod(line, line) / 2.828, 0.05 / 2.828)


def swissroll(pieces: int = 25) -> Target:
    """Two coordinates of scikit-learn's swiss roll with noise 0.25, divided by 7.5 (I); `pieces` equal parts of it.

    The roll is (t cos t, t sin t) with t uniform from 1.5 pi to 4.5 pi.
    """

    def curve(u: Tensor) -> Tensor:
        t = 1.5 * math.pi * (1 + 2 * u)
        return t[:, None] * torch.stack([t.cos(), t.sin()], 1)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        points = curve(torch.rand(n, generator=generator))
        return (points + 0.25 * torch.randn(n, 2, generator=generator)) / 7.5

    u = (torch.arange(40 * pieces) + 0.5) / (40 * pieces)
    return Target(draw, curve(u) / 7.5, (u * pieces).long())


def along(curve: Callable[[Tensor], Tensor], pieces: int) -> Target:
    """Mass spread evenly along `curve`, u in [0, 1) (N,) -> (N, 2), without noise; `pieces` equal parts of it."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return curve(torch.rand(n, generator=generator))

    u = (torch.arange(40 * pieces) + 0.5) / (40 * pieces)
    return Target(draw, curve(u), (u * pieces).long())


def lines() -> Target:
    """Four parallel segments from x = -1 to 1, at y = -1, -1/3, 1/3 and 1: each of five pieces."""

    def curve(u: Tensor) -> Tensor:
        which = (4 * u).floor()
        return torch.stack([2 * (4 * u - which) - 1, which / 1.5 - 1], 1)

    return along(curve, 20)


def gaussian() -> Target:
    """One normal blob of deviation 1 around the origin; good samples are near any of 2,000 of its points.

    Of new points of the blob itself 90 % are within 0.1.
    """

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    targets = draw(2000, torch.Generator().manual_seed(0))
    return Target(draw, targets, torch.zeros(len(targets), dtype=torch.int64))


def line() -> Target:
    """The segment from (-1, 0) to (1, 0), in ten pieces."""
    return along(lambda u: torch.stack([2 * u - 1, 0 * u], 1), 10)


def circle() -> Target:
    """The unit circle, in 24 pieces."""
    return along(lambda u: torch.stack([(2 * math.pi * u).cos(), (2 * math.pi * u).sin()], 1), 24)


def submanifold() -> Target:
    """Seven Gaussians on a circle in a tilted plane of space (Roth et al. 2017; see `zoo.data.mixture`)."""
    centres = mixture.embed(mixture.centres()).float()
    return Target(mixture.submanifold_mixture, centres, torch.arange(len(centres)), mixture.embed, mixture.project)


#: name on the command line -> the distribution
TARGETS = {
    "ring": ring,
    "ring-m17": ring_m17,
    "ring-nk17": ring_nk17,
    "grid": grid,
    "swissroll": swissroll,
    "gaussian": gaussian,
    "line": line,
    "lines": lines,
    "circle": circle,
    "submanifold": submanifold,
}


class Batches(IterableDataset):
    """Endless batches (points (n, dim), labels); batch k is a pure function of (seed, k).

    Labels are None; or all zero, (n,), for a model that cannot do without a class.
    """

    def __init__(self, target: Target, n: int, seed: int, start: int = 0, labelled: bool = False) -> None:
        self.target, self.n, self.seed, self.start = target, n, seed, start
        self.label = torch.zeros(n, dtype=torch.int64) if labelled else None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        k = self.start
        while True:
            rng = torch.Generator().manual_seed(seed_of("points", self.seed, k))
            yield self.target.draw(self.n, rng), self.label
            k += 1


class Points(Checked, L.LightningDataModule):
    """Fresh points in every batch, for the same LightningModules that train on images.

    Args:
        target: one of `TARGETS`.
        batch_size: points of a training step.
        seed: names the points.
        n_classes: 1 gives all points the label 0.

    Raises:
        ValueError: for a name that is not there.
    """

    def __init__(self, target: str, batch_size: BatchSize, seed: Seed = 0, n_classes: ClassCount = 0) -> None:
        super().__init__()
        self.n_classes = n_classes
        if target not in TARGETS:
            raise ValueError(f"there is no data set {target!r} of points; choose one of {', '.join(TARGETS)}")
        self.name, self.target = target, TARGETS[target]()
        self.batch_size, self.seed = batch_size, seed

    def train_dataloader(self) -> DataLoader:
        start = self.trainer.lightning_module.nimg // self.batch_size if self.trainer else 0
        batches = Batches(self.target, self.batch_size, self.seed, start, self.n_classes > 0)
        return DataLoader(batches, batch_size=None)
