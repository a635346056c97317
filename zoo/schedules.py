"""Schedules: plain functions of `nimg`, the number of real images shown to the discriminator so far."""


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
