"""Schedules: plain functions of `nimg`, the number of real images shown to the discriminator so far."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from zoo.data.stage import Stage


def linear_decay(nimg: int, start_kimg: float, end_kimg: float) -> float:
    """Factor that is 1 until `start_kimg`, then falls linearly and is exactly 0 from `end_kimg` on.

    Args:
        nimg: images shown so far (images, not thousands).
        start_kimg, end_kimg: in thousands of images; equal values make a step.

    Returns:
        a factor in [0, 1].

    Raises:
        ValueError: if `end_kimg` lies before `start_kimg`.
    """
    if end_kimg < start_kimg:
        raise ValueError(f"linear decay ends ({end_kimg} kimg) before it starts ({start_kimg} kimg)")
    kimg = nimg / 1000
    if kimg >= end_kimg:
        return 0.0
    if kimg <= start_kimg:
        return 1.0
    return (end_kimg - kimg) / (end_kimg - start_kimg)


def exponential_decay(nimg: int, factor: float, end_kimg: float) -> float:
    """factor^(t / T): from 1 at the start to `factor` at `end_kimg`, and `factor` from there on.

    Args:
        nimg: images shown so far (images, not thousands).
        factor: value at the end, positive.
        end_kimg: in thousands of images; 0 or less gives `factor` at once.
    """
    progress = nimg / 1000 / end_kimg if end_kimg > 0 else 1.0
    return factor ** min(progress, 1.0)


def gaussian_rampup(nimg: int, kimg: float) -> float:
    """exp(-5 (1 - t)^2) with t = nimg / kimg thousand up to 1 (tkarras/progressive_growing_of_gans, branch
    original-theano-version, misc.py:79-85); 1 for kimg = 0."""
    return math.exp(-5 * (1 - nimg / 1000 / kimg) ** 2) if nimg < kimg * 1000 else 1.0


def linear_rampup(nimg: int, kimg: float) -> float:
    """min(nimg / kimg thousand, 1) (NVlabs/stylegan training/training_loop.py); 1 for kimg = 0."""
    return min(nimg / 1000 / kimg, 1.0) if kimg > 0 else 1.0


#: name in recipes -> factor of the learning rate
RAMPUPS = {"gaussian": gaussian_rampup, "linear": linear_rampup}


@dataclass(frozen=True)
class ProgressiveSchedule:
    """Growing: resolution, fade, minibatch and learning rate as functions of `nimg` (Karras et al. 2018).

    Each resolution trains for `train_kimg`, then the next one fades in over `transition_kimg`. Resolution,
    minibatch and rate are the new ones from the first image of a fade on. The schedule is looked up every `repeats`
    steps only, so it holds a little past each corner: `at` knows where those look-ups are
    (tkarras/progressive_growing_of_gans @ 2504c3f train.py:103-136, 219-231; NVlabs/stylegan @ 1e0d5c7
    training/training_loop.py:222-232).

    Args:
        resolution: of the finished network, a power of two.
        start_resolution: of the first stage.
        train_kimg, transition_kimg: thousands of images.
        batch_size: minibatch over all GPUs where `batch_size_at` has no other one for the resolution.
        lr: learning rate where `lr_at` has no other one for the resolution.
        repeats: steps between two look-ups (minibatch_repeats).
        num_gpus, max_per_gpu: the minibatch is a multiple of num_gpus, and at most max_per_gpu[resolution] each.
        rampup_kimg, rampup: the rate rises over so many thousand images, by a function of `RAMPUPS`.
    """

    resolution: int
    start_resolution: int = 4
    train_kimg: float = 600.0
    transition_kimg: float = 600.0
    batch_size: int = 16
    batch_size_at: Mapping[int, int] = field(default_factory=dict)
    lr: float = 0.001
    lr_at: Mapping[int, float] = field(default_factory=dict)
    repeats: int = 4
    num_gpus: int = 1
    max_per_gpu: Mapping[int, int] = field(default_factory=dict)
    rampup_kimg: float = 0.0
    rampup: str = "linear"

    def __post_init__(self) -> None:
        for name, size in (("resolution", self.resolution), ("start_resolution", self.start_resolution)):
            if size < 4 or size & (size - 1):
                raise ValueError(f"{name} must be a power of two from 4 on, not {size}")
        if self.start_resolution > self.resolution:
            raise ValueError(f"start_resolution {self.start_resolution} exceeds the resolution {self.resolution}")
        if self.train_kimg < 0 or self.transition_kimg < 0 or self.repeats < 1:
            raise ValueError("train_kimg and transition_kimg must not be negative, repeats at least 1")
        if min(self.batch(2**k) for k in range(2, self.resolution.bit_length())) < 1:
            raise ValueError(f"a batch size leaves no image for one of {self.num_gpus} GPUs")

    def lod(self, nimg: int) -> float:
        """Levels that are missing to the full resolution, 0 at the end."""
        kimg, phase = nimg / 1000, self.train_kimg + self.transition_kimg
        passed = math.floor(kimg / phase) if phase > 0 else 0
        lod = (self.resolution // self.start_resolution).bit_length() - 1 - passed
        if self.transition_kimg > 0:
            lod -= max(kimg - passed * phase - self.train_kimg, 0.0) / self.transition_kimg
        return max(lod, 0.0)

    def resolution_of(self, lod: float) -> int:
        """Side of the images at a lod."""
        return self.resolution >> math.floor(lod)

    def batch(self, resolution: int) -> int:
        """Minibatch over all GPUs at a resolution."""
        size = self.batch_size_at.get(resolution, self.batch_size)
        size -= size % self.num_gpus
        return min(size, self.max_per_gpu.get(resolution, size) * self.num_gpus)

    def rate(self, nimg: int, resolution: int) -> float:
        """Learning rate at an image count and the resolution of then."""
        return self.lr_at.get(resolution, self.lr) * RAMPUPS[self.rampup](nimg, self.rampup_kimg)

    @cached_property
    def stages(self) -> list[tuple[int, Stage]]:
        """(first image, stage) of every resolution, in order; lod and rate are those of the first image."""
        found, start = [], 0
        while True:
            resolution = self.resolution_of(self.lod(start))
            batch, end = self.batch(resolution), None
            if resolution < self.resolution:
                # the first look-up that finds another resolution: it only ever rises
                low, high = 0, 1
                while self.resolution_of(self.lod(start + high * self.repeats * batch)) == resolution:
                    low, high = high, 2 * high
                    if high > 2**60:
                        raise ValueError("this schedule never grows: set train_kimg and transition_kimg")
                while high - low > 1:
                    middle = (low + high) // 2
                    same = self.resolution_of(self.lod(start + middle * self.repeats * batch)) == resolution
                    low, high = (middle, high) if same else (low, middle)
                end = start + high * self.repeats * batch
            found.append((start, Stage(resolution, batch, end)))
            if end is None:
                return found
            start = end

    def at(self, nimg: int) -> Stage:
        """The stage that the step beginning at `nimg` images belongs to, as of its last look-up."""
        start, stage = next((s, stage) for s, stage in reversed(self.stages) if s <= nimg)
        block = self.repeats * stage.images_per_step
        seen = start + (nimg - start) // block * block
        return replace(stage, lod=self.lod(seen), lr=self.rate(seen, stage.resolution))

    def check_sides(self) -> None:
        """Refuse a batch or a rate for a side that no stage of any resolution has.

        Raises:
            ValueError: naming the option.
        """
        for name, sides in (("batch_size_at", self.batch_size_at), ("lr_at", self.lr_at)):
            for side in sides:
                if not isinstance(side, int) or side < 4 or side & (side - 1):
                    raise ValueError(f"{name} names {side!r} px, where no stage is: sides are powers of two >= 4")

    def check_groups(self, group: int | None, until: float | None = None, parts: int = 1) -> None:
        """Refuse a batch that D's minibatch stddev cannot split into its groups; None or 0 needs none.

        Stages that begin at `until` images or later are never reached. A stage's images are `parts` batches of D.

        Raises:
            ValueError: naming the stage and what to change.
        """
        for start, stage in self.stages:
            if until is not None and start >= until:
                return
            images = stage.images_per_step // parts
            if group and images % min(group, images):
                fits = max(k for k in range(1, group) if images % k == 0)
                raise ValueError(
                    f"at {stage.resolution} px a batch of {images} images does not split into groups of {group}: "
                    f"give --model.stddev_group {fits}, or --model.batch_size_at.{stage.resolution} "
                    f"{max(images // group, 1) * group}"
                )

    def resets(self, nimg: int) -> bool:
        """Whether the optimizers forget their state before the step at `nimg`: a fade begins or has ended."""
        if nimg == 0:
            return True
        before, now = self.at(nimg - 1).lod, self.at(nimg).lod
        return (math.floor(before), math.ceil(before)) != (math.floor(now), math.ceil(now))
