"""A run's sheets of samples, first to last, as frames of one size."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BAR = 28  # px above the sheet, for the count of images


def sheets(run: Path) -> list[Path]:
    """The sheets of a run in order.

    Raises:
        FileNotFoundError: if there are none.
    """
    found = sorted(path for path in (run / "samples").glob("kimg-*.png") if path.stem.count("-") == 1)
    if not found:
        raise FileNotFoundError(f"no sheets in {run / 'samples'}: give a run's folder, such as runs/sngan/tiny-001")
    return found


def size(files: list[Path]) -> tuple[int, int]:
    """Height and width of the frames."""
    sizes = [Image.open(file).size for file in files]
    return max(h for _, h in sizes) + BAR, max(w for w, _ in sizes)


def frames(files: list[Path], hold: int = 0) -> Iterator[np.ndarray]:
    """Each sheet uint8 (H, W, 3), as large as the largest, under its count of images; the last `hold` more times.

    Smaller ones, of lower resolutions, are enlarged without blur.
    """
    height, width = size(files)
    for i, file in enumerate(files):
        sheet = Image.open(file).convert("RGB").resize((width, height - BAR), Image.Resampling.NEAREST)
        frame = Image.new("RGB", (width, height), "white")
        frame.paste(sheet, (0, BAR))
        kimg = float(file.stem.removeprefix("kimg-"))
        ImageDraw.Draw(frame).text((6, 5), f"{kimg:g} kimg", fill="black", font=ImageFont.load_default(16))
        for _ in range(1 + (hold if i == len(files) - 1 else 0)):
            yield np.asarray(frame)
