"""What is scored, as every metric sees it: fakes named by index, reals in the data's order, dealt to ranks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.evaluation.distributed import gather, rank_and_world, round_robin
from zoo.evaluation.extractors import Extractor
from zoo.evaluation.protocols import ROUNDING

KEEP_BYTES = 2 * 2**30  # of drawn images kept on a rank for the metrics that look at them again


def to_uint8(images: Tensor, rounding: str = "round") -> Tensor:
    """Images in [-1, 1] as bytes, by the rule `rounding` of `protocols.ROUNDING`; uint8 images pass unchanged.

    Raises:
        ValueError: for another rule.
    """
    if rounding not in ROUNDING:
        raise ValueError(f"rounding must be one of {', '.join(ROUNDING)}, not {rounding!r}")
    if images.dtype == torch.uint8:
        return images
    levels = images.float() * 127.5 + 127.5
    if rounding == "round":
        levels = levels.round()
    return levels.clamp(0, 255).to(torch.uint8)


@dataclass
class Subject:
    """A generator under evaluation and the data it is compared with.

    Image i of the fakes is a pure function of (weights, seed, i). Work is dealt to ranks in blocks of `batch_size`
    that do not depend on their number, and nothing is padded or repeated, so neither does any result.

    Attributes:
        gan: a `zoo.engine.gan.GAN`, or a function `(n, seed, start) -> images`.
        data: the data module.
        seed, truncation, ema, rounding, batch_size: see `evaluate`.
        device: where networks of metrics compute; None for the device of the samples.
        n_real: reals that distances count; None for all.
        n_fake: fakes that distances count; extras should not draw more where the source is a folder.
        keep: keep drawn bytes (up to `KEEP_BYTES`) so that a second look does not draw them again.
        broken: fakes of this rank that were not finite.
        extractors: what the fakes were looked at by.
        features: features and logits of the fakes by an extractor's name, on rank 0.
        cache_dir: folder of reference features.
        classes: what a metric is within each class, on rank 0.
        absent: why single metrics of an extra that found others could not be had, by name, on rank 0.
    """

    gan: Any
    data: Any
    seed: int = 0
    truncation: float | None = None
    ema: bool = True
    rounding: str = "round"
    batch_size: int = 128
    device: torch.device | str | None = None
    n_fake: int = 50_000
    n_real: int | None = None
    keep: bool = False
    broken: int = 0
    extractors: list[Extractor] = field(default_factory=list)
    features: dict[str, tuple[Tensor | None, Tensor | None]] = field(default_factory=dict)
    cache_dir: str | Path | None = None
    classes: dict[str, dict[int, float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    _kept: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not hasattr(self.gan, "sample") and self.truncation is not None:
            raise ValueError("truncation is an option of a GAN's sample method; a plain function has none")
        self._size = tuple(self.data.images(torch.tensor([0])).shape[1:])

    def prepared(self) -> AbstractContextManager[dict]:
        """The model's own preparation for sampling (standing statistics); enter it before `fakes`."""
        if hasattr(self.gan, "prepared"):
            return self.gan.prepared(self.truncation, self.ema, self.seed)
        return nullcontext({})

    @property
    def compute_device(self) -> torch.device | str:
        return self.device if self.device is not None else getattr(self.gan, "device", "cpu")

    def blocks(self, n: int, size: int | None = None) -> Iterator[tuple[int, int]]:
        """This rank's (start, stop) of 0..n in blocks of `size` (`batch_size`); `gather` what belongs to them."""
        (rank, world), size = rank_and_world(), size or self.batch_size
        for start in range(rank * size, n, world * size):
            yield start, min(start + size, n)

    def gather(self, rows: Tensor | None, size: int | None = None) -> Tensor | None:
        """Rows of this rank's `blocks` (None for none) as one tensor in index order, on rank 0; None elsewhere."""
        parts = [part for part in gather(rows) or [] if part is not None]
        return round_robin(parts, size or self.batch_size) if parts else None

    def fakes(self, n: int) -> Iterator[tuple[int, Tensor]]:
        """(start, uint8 images (m, 3, R, R)) of this rank's blocks of the fakes 0..n.

        Raises:
            ValueError: if samples have another size than the data.
        """
        for start, stop in self.blocks(n):
            yield start, self._block(start, stop)

    def all_fakes(self, n: int) -> Iterator[Tensor]:
        """The fakes 0..n in batches, whole on the rank that asks: for metrics that cannot be shared out."""
        for start in range(0, n, self.batch_size):
            yield self._block(start, min(start + self.batch_size, n))

    def all_reals(self, n: int) -> Iterator[Tensor]:
        """n reals, a fixed random choice, in batches, whole on the rank that asks."""
        for images, _ in self.data.batches(self.batch_size, limit=n):
            yield images

    def _block(self, start: int, stop: int) -> Tensor:
        images = self._kept.get(start)
        if images is None or len(images) < stop - start:
            images = self._draw(start, stop - start)
        return images[: stop - start]

    def reals(self, n: int | None = None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """(uint8 images, labels) of this rank's share of n reals (None: all), to be gathered by `gather_reals`."""
        rank, world = rank_and_world()
        yield from self.data.batches(self.batch_size, rank=rank, world=world, limit=n)

    @staticmethod
    def gather_reals(rows: Tensor | None) -> Tensor | None:
        """Rows of this rank's `reals` as one tensor in the data's order, on rank 0; None elsewhere."""
        parts = [part for part in gather(rows) or [] if part is not None]
        return round_robin(parts) if parts else None

    def labels(self, n: int) -> Tensor | None:
        """Classes (n,) of the fakes 0..n, or None for a model without classes."""
        if not getattr(self.gan, "n_classes", 0):
            return None
        return self.gan.indexed_latents(n, self.seed, 0, self.truncation)[1].cpu()

    def _draw(self, start: int, n: int) -> Tensor:
        if hasattr(self.gan, "sample"):
            images = self.gan.sample(n, truncation=self.truncation, ema=self.ema, seed=self.seed, start=start)
        else:
            images = self.gan(n, seed=self.seed, start=start)
        if tuple(images.shape[1:]) != self._size:
            raise ValueError(
                f"samples are {_px(images.shape)} and images of {self.data.name} are {_px(self._size)}: "
                "a distance between two sizes means nothing, so evaluate at one resolution"
            )
        if images.is_floating_point():
            self.broken += int((~images.isfinite()).flatten(1).any(1).sum())
            images = to_uint8(images.nan_to_num(), self.rounding)
        if self.keep and (1 + len(self._kept)) * images.numel() <= KEEP_BYTES:
            self._kept[start] = images.cpu()
        return images


def _px(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]} px"
