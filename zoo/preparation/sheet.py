"""The picture of `zoo data inspect`: contact sheet, class histogram, suspicious images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.data.whole import replacing
from zoo.preparation.inspection import Inspection, thumbnail

WIDTH, MARGIN, SIDE = 1080, 20, 80
INK, PALE, BAR, ALARM = (30, 30, 36), (130, 130, 140), (70, 110, 170), (180, 60, 50)


def contact_sheet(found: Inspection, out: Path, rows: int = 8) -> None:
    """Write the picture: images row by row of classes in turn, counts of the classes, and what is suspicious."""
    numbers = _choice(found, rows * _columns(SIDE))
    parts = [_title(found), _grid(found, numbers, SIDE)]
    if found.per_class:
        parts += [_heading(f"images of each of {len(found.per_class)} classes"), _histogram(found)]
    if found.suspicious:
        shown = found.suspicious[: 3 * _columns(120)]
        more = f", {len(shown)} shown" if len(shown) < len(found.suspicious) else ""
        parts += [_heading(f"{len(found.suspicious):,} suspicious images{more}"), _suspects(found, shown)]
    sheet = Image.new("RGB", (WIDTH, sum(p.height for p in parts) + MARGIN), "white")
    y = 0
    for part in parts:
        sheet.paste(part, (0, y))
        y += part.height
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as part:
        sheet.save(part, Image.registered_extensions().get(out.suffix.lower(), "PNG"))


def _columns(side: int) -> int:
    return (WIDTH - 2 * MARGIN) // side


def _font(size: int) -> ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _choice(found: Inspection, n: int) -> list[int]:
    """Evenly spaced images that can be decoded, or the classes in turn."""
    good = [f.i for f in found.looks if f.size]
    labels = found.source.labels
    if labels:
        queues: dict[int, list[int]] = {}
        for i in good:
            queues.setdefault(labels[i], []).append(i)
        longest = max(map(len, queues.values()), default=0)
        good = [q[k] for k in range(longest) for _, q in sorted(queues.items()) if k < len(q)]
        return good[:n]
    return [good[k * len(good) // n] for k in range(n)] if len(good) > n else good


def _grid(found: Inspection, numbers: list[int], side: int) -> Image.Image:
    columns = _columns(side)
    part = Image.new("RGB", (WIDTH, -(-len(numbers) // columns) * side + 8), "white")
    for k, i in enumerate(numbers):
        part.paste(thumbnail(found.source, i, side - 2), (MARGIN + k % columns * side, k // columns * side))
    return part


def _title(found: Inspection) -> Image.Image:
    part = Image.new("RGB", (WIDTH, 76), "white")
    draw = ImageDraw.Draw(part)
    draw.text((MARGIN, 14), found.path.name, INK, _font(22))
    sizes = ", ".join(f"{w}x{h}" for (w, h), _ in found.sizes.most_common(3))
    classes = f"{len(found.per_class)} classes" if found.per_class else "no classes"
    draw.text((MARGIN, 46), f"{len(found.source):,} images, {sizes} px, {classes}", PALE, _font(15))
    return part


def _heading(text: str) -> Image.Image:
    part = Image.new("RGB", (WIDTH, 40), "white")
    ImageDraw.Draw(part).text((MARGIN, 12), text, INK, _font(17))
    return part


def _histogram(found: Inspection) -> Image.Image:
    height = 150
    part = Image.new("RGB", (WIDTH, height + 34), "white")
    draw = ImageDraw.Draw(part)
    counts = np.array(list(found.per_class.values()))
    step = (WIDTH - 2 * MARGIN) / len(counts)
    gap = 4 if step > 24 else 1 if step > 4 else 0
    for k, (label, count) in enumerate(found.per_class.items()):
        top = height - round(count / counts.max() * (height - 20))
        left = MARGIN + k * step
        draw.rectangle((left, top, left + max(step - gap, 1) - 1, height), BAR)
        if len(counts) <= 25:
            draw.text((left + step / 2, top - 2), f"{count:,}", PALE, _font(12), anchor="mb")
        if len(counts) <= 50:
            name = found.source.classes[label] if label < len(found.source.classes) else str(label)
            draw.text((left + step / 2, height + 4), name[: max(2, int(step / 7))], INK, _font(12), anchor="mt")
    if len(counts) > 50:
        draw.text((MARGIN, height + 4), f"class 0 to {len(counts) - 1}; largest {counts.max():,}, smallest "
                  f"{counts.min():,}", PALE, _font(12))  # fmt: skip
    return part


def _suspects(found: Inspection, shown: list[tuple[int, str]]) -> Image.Image:
    side, text = 120, 34
    columns = _columns(side)
    part = Image.new("RGB", (WIDTH, -(-len(shown) // columns) * (side + text)), "white")
    draw = ImageDraw.Draw(part)
    for k, (i, why) in enumerate(shown):
        x, y = MARGIN + k % columns * side, k // columns * (side + text)
        part.paste(thumbnail(found.source, i, side - 8), (x, y))
        draw.text((x, y + side - 6), Path(found.source.names[i]).name[-18:], PALE, _font(11))
        draw.text((x, y + side + 8), why.removeprefix("is ").removeprefix("has ")[:19], ALARM, _font(11))
    return part
