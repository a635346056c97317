"""What is trained on at a time: a resolution and a batch size."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """What is trained on from one image count to another: constant for most papers, growing for two.

    Args:
        resolution: side of the images, in pixels.
        images_per_step: real images that one training step consumes, over all ranks.
        end: image count at which another resolution or batch size begins; None for never.
        lod: levels that are missing to the full resolution; a fraction while one of them fades in.
        lr: learning rate, where the schedule sets it.
        parts: equal batches that a step's images are, one behind the other, each spread over the ranks.
        block: consecutive images that stay on one rank.
    """

    resolution: int
    images_per_step: int
    end: int | None = None
    lod: float = 0.0
    lr: float | None = None
    parts: int = 1
    block: int = 1
