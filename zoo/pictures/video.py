"""Frames as a video: mp4 by ffmpeg, GIF and animated WebP by Pillow."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.whole import replacing
from zoo.options.folders import check_folder

KINDS = (".mp4", ".gif", ".webp")
SMALLEST = 256  # px; smaller frames are enlarged without blur, for players blur them


def check_kind(path: Path) -> None:
    """Refuse what cannot be written, before anything is drawn.

    Raises:
        ValueError: for another ending, mp4 without its package, or a folder that cannot be written to.
    """
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"{path} is no video: end it with {', '.join(KINDS)}")
    if path.suffix.lower() == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ImportError as error:
            raise ValueError("mp4 needs imageio-ffmpeg: pip install 'gan-zoo[video]', or write a .gif") from error
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a video in it, such as {path / 'walk.mp4'}")
    check_folder("--out", path.parent)


def enlarged(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) with both sides even and at least `SMALLEST` px, by repeated pixels."""
    factor = max(1, -(-SMALLEST // min(frame.shape[:2])))
    frame = frame.repeat(factor, 0).repeat(factor, 1)
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def write(path: Path, frames: Iterable[np.ndarray], fps: float = 30) -> int:
    """Write frames uint8 (H, W, 3) of one size; how many there were.

    mp4 is h264 in the pixel format that every player has; GIF and WebP repeat for ever.

    Raises:
        ValueError: as `check_kind`, or without a frame.
    """
    check_kind(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = map(enlarged, frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path} would have no frame")
    with replacing(path) as part:
        if path.suffix.lower() == ".mp4":
            return _mp4(part, first, frames, fps)
        return _pillow(part, path.suffix[1:].lower(), first, frames, fps)


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
    options = {"append_images": images[1:], "duration": round(1000 / fps), "loop": 0}
    images[0].save(path, kind, save_all=True, **options)
    return len(images)
