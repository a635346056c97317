"""Frames as a video: mp4 by ffmpeg, GIF and animated WebP by Pillow."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.whole import replacing
from zoo.options.folders import check_folder

KINDS = (".mp4", ".gif", ".webp")
TICKS = {".gif": 10, ".webp": 1}  # ms, in which these count how long a frame stands
RATES = {".gif": (0.1, 50)}  # frames a second; shorter than two of its ticks players show slowly
RATE = (0.1, 240)  # of the others
MOST_BYTES = 2**31  # of frames, which GIF and WebP hold all at once
SMALLEST = 256  # px; smaller frames are enlarged without blur, for players blur them


def check_kind(path: Path, fps: float) -> None:
    """Refuse what cannot be written, before anything is drawn.

    Raises:
        ValueError: for another ending, a rate that its kind has not, mp4 without its package, or a folder that
            cannot be written to.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"{path} is no video: end it with {', '.join(KINDS)}")
    least, most = RATES.get(kind, RATE)
    if not least <= fps <= most:
        raise ValueError(f"--fps of a {kind} takes a number from {least:g} to {most:g}, not {fps:g}")
    if path.suffix.lower() == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ImportError as error:
            raise ValueError("mp4 needs imageio-ffmpeg: pip install 'gan-zoo[video]', or write a .gif") from error
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a video in it, such as {path / 'walk.mp4'}")
    check_folder("--out", path.parent)


def check_memory(path: Path, n: int, height: int, width: int) -> None:
    """Refuse more frames than the file's kind can be made of in memory, before anything is drawn.

    Raises:
        ValueError: naming how much it would be.
    """
    need = n * height * width * 3 * factor(height, width) ** 2
    if path.suffix.lower() in TICKS and need > MOST_BYTES:
        raise ValueError(
            f"{path} would hold {n:,} frames in memory, {need / 2**30:.1f} GiB: take fewer, or write an .mp4"
        )


def factor(height: int, width: int) -> int:
    """How many times a frame is enlarged."""
    return max(1, -(-SMALLEST // min(height, width)))


def enlarged(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) with both sides even and at least `SMALLEST` px, by repeated pixels."""
    times = factor(*frame.shape[:2])
    frame = frame.repeat(times, 0).repeat(times, 1)
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def write(path: Path, frames: Iterable[np.ndarray], fps: float = 30) -> int:
    """Write frames uint8 (H, W, 3) of one size; how many there were.

    mp4 is h264 in the pixel format that every player has; GIF and WebP repeat for ever.

    Raises:
        ValueError: as `check_kind`, or without a frame.
    """
    check_kind(path, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = map(enlarged, frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path} would have no frame")
    with replacing(path) as part:
        if path.suffix.lower() == ".mp4":
            return _mp4(part, first, frames, fps)
        return _pillow(part, path.suffix.lower(), first, frames, fps)


def _mp4(path: Path, first: np.ndarray, rest: Iterator[np.ndarray], fps: float) -> int:
    import imageio_ffmpeg

    size = (first.shape[1], first.shape[0])
    writer = imageio_ffmpeg.write_frames(
        str(path), size, fps=fps, codec="libx264", quality=8, macro_block_size=2, output_params=["-f", "mp4"]
    )
    writer.send(None)
    try:
        writer.send(np.ascontiguousarray(first))
        n = 1
        for frame in rest:
            writer.send(np.ascontiguousarray(frame))
            n += 1
    finally:
        writer.close()
    return n


def _pillow(path: Path, kind: str, first: np.ndarray, rest: Iterator[np.ndarray], fps: float) -> int:
    images = [Image.fromarray(frame) for frame in (first, *rest)]
    ends = [TICKS[kind] * round(1000 * i / fps / TICKS[kind]) for i in range(len(images) + 1)]
    lasting = [after - before for before, after in pairwise(ends)]  # so that all together last n / fps seconds
    images[0].save(path, kind[1:], save_all=True, append_images=images[1:], duration=lasting, loop=0)
    return len(images)
