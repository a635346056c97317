"""Points instead of images: a ring and a grid of Gaussians, a swiss roll, and Roth's submanifold mixture.

The first three are those of igul222/improved_wgan_training @ fa66c57, gan_toy.py ("I"), the last that of
`zoo.data.mixture`.
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


def submanifold() -> Target:
    """Seven Gaussians on a circle in a tilted plane of space (Roth et al. 2017; see `zoo.data.mixture`)."""
    centres = mixture.embed(mixture.centres()).float()
    return Target(mixture.submanifold_mixture, centres, torch.arange(len(centres)), mixture.embed, mixture.project)


#: name on the command line -> the distribution
TARGETS = {"ring": ring, "grid": grid, "swissroll": swissroll, "submanifold": submanifold}


class Batches(IterableDataset):
    """Endless batches (points (n, dim), None); batch k is a pure function of (seed, k)."""

    def __init__(self, target: Target, n: int, seed: int, start: int = 0) -> None:
        self.target, self.n, self.seed, self.start = target, n, seed, start

    def __iter__(self) -> Iterator[tuple[Tensor, None]]:
        k = self.start
        while True:
            yield self.target.draw(self.n, torch.Generator().manual_seed(seed_of("points", self.seed, k))), None
            k += 1


class Points(L.LightningDataModule):
    """Fresh points in every batch, for the same LightningModules that train on images.

    Args:
        target: one of `TARGETS`.
        batch_size: points of a training step.
        seed: names the points.

    Raises:
        ValueError: for a name that is not there.
    """

    n_classes = 0

    def __init__(self, target: str, batch_size: int, seed: int = 0) -> None:
        super().__init__()
        if target not in TARGETS:
            raise ValueError(f"there is no data set {target!r} of points; choose one of {', '.join(TARGETS)}")
        self.name, self.target = target, TARGETS[target]()
        self.batch_size, self.seed = batch_size, seed

    def train_dataloader(self) -> DataLoader:
        start = self.trainer.lightning_module.nimg // self.batch_size if self.trainer else 0
        return DataLoader(Batches(self.target, self.batch_size, self.seed, start), batch_size=None)
