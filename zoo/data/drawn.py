"""Drawn faces: an endless labelled data set that needs no file.

Face `i` is a pure function of `i`: its discrete attributes (hair colour, glasses, mouth ...) and its small
continuous variation (position, tilt, proportions, gaze) come from a hash of the index, and the picture is
composed of shapes given by signed distances, so that the same face exists at every resolution, with smooth
edges. Only correctly rounded operations (+ - * / sqrt) are used: the bytes are the same on every machine.

The attributes are known exactly, so modes can be counted: which hair colours, glasses or combinations does a
generator never draw?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

VERSION = 1  # raise it with every change of the pictures: it is part of the fingerprint

HAIR_COLOURS = {
    "black": (34, 32, 38),
    "brown": (118, 72, 42),
    "blond": (240, 200, 84),
    "red": (206, 62, 38),
    "grey": (138, 142, 148),
    "white": (244, 244, 240),
    "blue": (52, 98, 214),
    "green": (62, 164, 78),
    "pink": (246, 128, 184),
    "purple": (128, 66, 176),
}
SKINS = {
    "porcelain": (252, 224, 204),
    "peach": (244, 200, 164),
    "tan": (218, 164, 120),
    "brown": (166, 112, 76),
    "dark": (112, 74, 54),
}
BACKGROUNDS = {
    "sky": (170, 202, 222),
    "mint": (176, 214, 194),
    "sand": (226, 212, 182),
    "rose": (226, 190, 190),
    "lilac": (200, 192, 222),
    "slate": (120, 134, 152),
}
SHIRTS = {
    "navy": (44, 62, 104),
    "teal": (38, 128, 130),
    "coral": (232, 106, 88),
    "mustard": (222, 168, 52),
    "cream": (240, 232, 214),
}

# The first attribute is the class. Names of the values, in the order of their numbers.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair_colour": tuple(HAIR_COLOURS),
    "hair_style": ("short", "parted", "fringe", "long", "afro", "spiky", "bun"),
    "skin": tuple(SKINS),
    "glasses": ("none", "round", "square"),
    "mouth": ("smile", "grin", "neutral", "open"),
    "background": tuple(BACKGROUNDS),
    "shirt": tuple(SHIRTS),
}


def _palette(colours: dict[str, tuple[int, int, int]]) -> np.ndarray:
    return np.array(list(colours.values()), np.float32) / np.float32(255)


def _uniform(indices: np.ndarray, stream: int) -> np.ndarray:
    """(n,) float64 in [0, 1): the splitmix64 finaliser of (index, stream)."""
    with np.errstate(over="ignore"):
        z = (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(stream + 1) * np.uint64(0xD1B54A32D192ED03)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _as_array(indices: Sequence[int] | torch.Tensor) -> np.ndarray:
    array = np.asarray(indices, dtype=np.int64).reshape(-1)
    if array.size and array.min() < 0:
        raise ValueError(f"a drawn face has an index of 0 or more, got {array.min()}.")
    return array


def _attributes(indices: np.ndarray) -> dict[str, np.ndarray]:
    values = {"hair_colour": indices % len(HAIR_COLOURS)}  # ten classes in turn: balanced in every run of ten
    for stream, (name, names) in enumerate(ATTRIBUTES.items()):
        if name != "hair_colour":
            values[name] = (_uniform(indices, stream) * len(names)).astype(np.int64)
    return values


def attributes(indices: Sequence[int] | torch.Tensor) -> dict[str, torch.Tensor]:
    """Discrete attributes of the faces `indices` (n,): name -> (n,) int64, numbers into `ATTRIBUTES[name]`.

    `hair_colour` is the class, index % 10; the others are independent and uniform.
    """
    return {name: torch.from_numpy(value) for name, value in _attributes(_as_array(indices)).items()}


# Signed distances: negative inside. x, y are (n, R, R) in units of half a frame, y downwards.


def _ellipse(x, y, a, b):
    """First-order distance to an ellipse with half-axes a, b: exact value and slope on the edge."""
    u, v = x / a, y / b
    k = np.sqrt(u * u + v * v)
    slope = np.sqrt((u / a) ** 2 + (v / b) ** 2)
    return (k - 1) * (k + 1e-6) / (slope + 1e-6)


def _circle(x, y, r):
    return np.sqrt(x * x + y * y) - r


def _box(x, y, a, b, r):
    """Rectangle with half-sides a, b and corners of radius r."""
    u, v = np.abs(x) - (a - r), np.abs(y) - (b - r)
    outside = np.sqrt(np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2)
    return outside + np.minimum(np.maximum(u, v), 0) - r


def _segment(x, y, half_length):
    """Distance to the horizontal segment from -half_length to half_length."""
    u = np.maximum(np.abs(x) - half_length, 0)
    return np.sqrt(u * u + y * y)


def check_resolution(resolution: int) -> None:
    """ValueError unless drawn faces exist at `resolution`."""
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(
            f"drawn faces exist at powers of two from 8 px on: set resolution to 8, 16, 32 ..., not {resolution}."
        )


def draw(indices: Sequence[int] | torch.Tensor, resolution: int) -> torch.Tensor:
    """The faces `indices` (n,) as uint8 RGB (n, 3, resolution, resolution).

    `resolution` is a power of two of at least 8. Below 32 px the 32 px picture is averaged down:
    its strokes would be much thinner than a pixel.
    """
    check_resolution(resolution)
    array = _as_array(indices)
    size = max(resolution, 32)
    chunk = max(1, (1 << 16) // (size * size))  # small enough for the processor's cache
    out = np.empty((len(array), 3, resolution, resolution), np.uint8)
    for start in range(0, len(array), chunk):
        canvas = _paint(array[start : start + chunk], size)
        k = size // resolution
        if k > 1:
            canvas = canvas.reshape(len(canvas), 3, resolution, k, resolution, k).mean((3, 5))
        out[start : start + chunk] = canvas * np.float32(255) + np.float32(0.5)
    return torch.from_numpy(out)


def _paint(indices: np.ndarray, size: int) -> np.ndarray:
    """Float32 (n, 3, size, size) in [0, 1]."""
    value = _attributes(indices)
    n = len(indices)
    stream = iter(range(100, 200))

    def between(low: float, high: float) -> np.ndarray:
        u = _uniform(indices, next(stream))
        return (low + (high - low) * u).astype(np.float32)[:, None, None]

    hair = _palette(HAIR_COLOURS)[value["hair_colour"]]
    skin = _palette(SKINS)[value["skin"]]
    shirt = _palette(SHIRTS)[value["shirt"]]
    background = _palette(BACKGROUNDS)[value["background"]]
    hair = np.clip(hair * (1 + between(-0.06, 0.06)[:, :, 0]), 0, 1).astype(np.float32)
    hair_dark = hair * np.float32(0.68)
    skin_dark = skin * np.array([0.84, 0.76, 0.72], np.float32)

    pixel = np.float32(2 / size)
    axis = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) * pixel - 1).astype(np.float32)
    fx, fy = axis[None, None, :], axis[None, :, None]

    # the head's own frame: shifted, tilted, scaled
    cx, cy = between(-0.08, 0.08), between(0.06, 0.16)
    scale = between(0.92, 1.06)
    slope = between(-0.12, 0.12)  # tangent of the tilt
    cos = 1 / np.sqrt(1 + slope * slope)
    sin = slope * cos
    x = ((fx - cx) * cos + (fy - cy) * sin) / scale
    y = ((fy - cy) * cos - (fx - cx) * sin) / scale
    unit = pixel / scale  # one pixel in the head's frame

    canvas = np.empty((n, 3, size, size), np.float32)
    canvas[:] = background[:, :, None, None] * (1 - np.float32(0.06) * fy[:, None])  # lighter at the top

    def paint(colour, coverage):
        """Blend `colour` (3,) or (n, 3) over the canvas with `coverage` (n, R, R)."""
        colour = np.broadcast_to(np.asarray(colour, np.float32), (n, 3))
        for c in range(3):
            canvas[:, c] += coverage * (colour[:, c, None, None] - canvas[:, c])

    def fill(d):
        return np.clip(np.float32(0.5) - d / unit, 0, 1)

    def stroke(d, half_width):
        """Share of a pixel within half_width of the line d = 0, right for lines thinner than a pixel too."""
        h = half_width / unit
        d = d / unit
        return np.clip(np.minimum(d + np.float32(0.5), h) - np.maximum(d - np.float32(0.5), -h), 0, 1)

    # proportions
    a, b = between(0.50, 0.58), between(0.60, 0.66)
    squareness = between(0.0, 0.55)
    eye_x, eye_y = between(0.20, 0.25), between(-0.02, 0.06)
    eye_r, eye_open = between(0.105, 0.135), between(0.85, 1.15)
    gaze_x, gaze_y = between(-0.035, 0.035), between(-0.02, 0.03)
    brow_lift, brow_slope = between(0.0, 0.06), between(-0.25, 0.25)
    mouth_y, mouth_w = between(0.34, 0.39), between(0.15, 0.21)
    side = np.where(between(0, 1) < 0.5, -1, 1).astype(np.float32)  # which side the parting is on
    blush = between(0.0, 0.45)

    head = _ellipse(x, y, a, b)
    jaw = _box(x, y, a - np.float32(0.02), b - np.float32(0.01), np.float32(0.40))
    head = head + squareness * (jaw - head)
    cap = _ellipse(x, y + np.float32(0.06), a + np.float32(0.08), b + np.float32(0.09))

    back, front = _hair(value["hair_style"], x, y, a, b, cap, side)

    # from back to front
    paint(hair_dark, fill(back - np.float32(0.02)))
    paint(hair * np.float32(0.86), fill(back + np.float32(0.02)))

    torso = _box(fx - cx, fy - np.float32(1.25), between(0.56, 0.70), np.float32(0.43), np.float32(0.28))
    neck = _box(x, y - np.float32(0.70), np.float32(0.17), np.float32(0.26), np.float32(0.1))
    paint(shirt * np.float32(0.7), fill(torso - np.float32(0.02)))
    paint(shirt, fill(torso + np.float32(0.02)))
    paint(skin_dark, fill(neck))

    ax = np.abs(x)
    ear = _ellipse(ax - a, y - np.float32(0.07), np.float32(0.09), np.float32(0.13))
    paint(skin_dark, fill(ear - np.float32(0.015)))
    paint(skin, fill(ear + np.float32(0.02)))
    paint(skin_dark, fill(head - np.float32(0.012)))
    paint(skin, fill(head + np.float32(0.02)))

    cheek = _circle(ax - np.float32(0.31), y - np.float32(0.25), np.float32(0.10))
    paint((0.93, 0.42, 0.40), blush * np.clip(np.float32(0.5) - cheek / np.float32(0.12), 0, 1))

    nose = np.maximum(np.abs(_circle(x, y - np.float32(0.17), np.float32(0.065))), np.float32(0.17) - y)
    paint(skin_dark * np.float32(0.9), stroke(nose, np.float32(0.02)))

    # eyes
    ex, ey = ax - eye_x, y - eye_y
    white = _ellipse(ex, ey, eye_r, eye_r * eye_open)
    paint((0.22, 0.17, 0.17), fill(white - np.float32(0.022)))
    paint((1.0, 1.0, 1.0), fill(white))
    px = x - np.where(x < 0, -eye_x, eye_x) - gaze_x
    py = ey - gaze_y
    inside = fill(white)
    paint((0.12, 0.10, 0.14), inside * fill(_circle(px, py, eye_r * np.float32(0.66))))
    glint = _circle(px - np.float32(0.03), py + np.float32(0.034), np.float32(0.02))
    paint((1.0, 1.0, 1.0), stroke(glint + np.float32(0.02), np.float32(0.02)))

    brow_y = ey + eye_r * eye_open + np.float32(0.075) + brow_lift + brow_slope * ex
    brow = _segment(ex, brow_y, np.float32(0.09))
    paint(hair_dark * np.float32(0.8), stroke(brow, np.float32(0.026)))

    # mouth
    mx, my = x, y - mouth_y
    lip = np.array([0.45, 0.12, 0.14], np.float32)
    which = value["mouth"][:, None, None]
    radius = mouth_w * np.float32(1.25)
    bow = _circle(mx, my + radius * np.float32(0.62), radius)  # a circle whose lowest part is the smile
    smile = np.maximum(np.abs(bow), -my - np.float32(0.01))
    line = _segment(mx, my - np.float32(0.03), mouth_w * np.float32(0.75))
    thin = np.where(which == 0, smile, line)
    paint(lip, stroke(thin, np.float32(0.026)) * ((which == 0) | (which == 2)))
    half_disc = np.maximum(_ellipse(mx, my + np.float32(0.02), mouth_w, mouth_w * np.float32(0.85)), -my)
    oval = _ellipse(mx, my - np.float32(0.05), mouth_w * np.float32(0.58), mouth_w * np.float32(0.72))
    wide = np.where(which == 1, half_disc, oval)
    open_ = (which == 1) | (which == 3)
    paint(lip, fill(wide - np.float32(0.015)) * open_)
    teeth = np.maximum(wide + np.float32(0.01), my - np.float32(0.065))
    paint((1.0, 1.0, 0.98), fill(teeth) * (which == 1))
    tongue = np.maximum(wide + np.float32(0.015), _circle(mx, my - np.float32(0.19), np.float32(0.12)))
    paint((0.88, 0.40, 0.42), fill(tongue) * (which == 3))

    # hair in front of the face
    paint(hair_dark, fill(front - np.float32(0.02)))
    paint(hair, fill(front + np.float32(0.02)))
    shine = np.maximum(
        np.abs(_ellipse(x, y + np.float32(0.06), a * np.float32(0.80), b * np.float32(0.90))),
        np.maximum(y + np.float32(0.42), np.abs(x - side * np.float32(0.18)) - np.float32(0.16)),
    )
    paint(
        hair + (1 - hair) * np.float32(0.35),
        stroke(shine, np.float32(0.022)) * fill(front + np.float32(0.06)),
    )

    # glasses
    kind = value["glasses"][:, None, None]
    lens_r = np.float32(0.19)
    round_ = _circle(ex, ey, lens_r)
    square = _box(ex, ey, np.float32(0.19), np.float32(0.165), np.float32(0.05))
    lens = np.where(kind == 1, round_, square)
    frame = np.array([0.10, 0.10, 0.14], np.float32)
    worn = kind > 0
    paint((0.80, 0.92, 1.0), np.float32(0.12) * fill(lens) * worn)
    bridge = _segment(x, ey + np.float32(0.03), np.maximum(eye_x - lens_r, 0.01))
    temple = np.abs(ey + np.float32(0.04))
    temple = np.maximum(temple, np.maximum(eye_x + lens_r - ax, ax - a - np.float32(0.02)))
    paint(
        frame,
        np.maximum(stroke(lens, np.float32(0.022)), stroke(np.minimum(bridge, temple), np.float32(0.02))) * worn,
    )
    return canvas


def _hair(style: np.ndarray, x, y, a, b, cap, side) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances of the hair behind the head and of the hair in front of it, by hair style (n,)."""
    back = np.full(cap.shape, np.float32(9))
    front = np.empty_like(cap)
    for number, name in enumerate(ATTRIBUTES["hair_style"]):
        rows = np.flatnonzero(style == number)
        if not len(rows):
            continue
        x_, y_, a_, b_, cap_, side_ = (v[rows] for v in (x, y, a, b, cap, side))
        # the face looks out of an opening in the cap; hair ends at `ends`
        opening = _ellipse(x_, y_ - np.float32(0.22), a_ * np.float32(0.90), np.float32(0.60))
        ends = np.float32(0.02)
        behind = None
        if name == "parted":
            opening = _ellipse(
                x_ - side_ * np.float32(0.20), y_ - np.float32(0.24), a_ * np.float32(1.02), np.float32(0.70)
            )
        elif name == "short":
            opening = _box(x_, y_ - np.float32(0.40), a_ * np.float32(0.84), np.float32(0.74), np.float32(0.22))
            ends = np.float32(0.06)
        elif name == "fringe":
            opening = np.maximum(opening, np.float32(-0.235) - y_)
            behind = _box(x_, y_ - np.float32(0.04), a_ + np.float32(0.13), np.float32(0.58), np.float32(0.36))
            ends = np.float32(0.42)
        elif name == "long":
            opening = np.maximum(
                _ellipse(
                    x_ - side_ * np.float32(0.08),
                    y_ - np.float32(0.28),
                    a_ * np.float32(0.92),
                    np.float32(0.72),
                ),
                np.float32(-0.8) - y_,
            )
            behind = _box(x_, y_ - np.float32(0.30), a_ + np.float32(0.14), np.float32(0.98), np.float32(0.5))
            ends = np.float32(0.50)
        elif name == "afro":
            behind = _circle(x_, y_ + np.float32(0.20), np.float32(0.72))
            for bx, by in _BUMPS:
                behind = np.minimum(behind, _circle(x_ - bx, y_ - by, np.float32(0.20)))
            ends = np.float32(-0.12)
        elif name == "spiky":
            period = np.float32(0.26)
            phase = np.abs(x_ / period - np.floor(x_ / period) - np.float32(0.5))  # 0 at a tip, 0.5 in a valley
            tips = -b_ - np.float32(0.20) + phase * np.float32(0.52) + np.float32(0.55) * x_ * x_
            slab = np.maximum((tips - y_) * np.float32(0.5), np.abs(x_) - a_ - np.float32(0.02))
            spikes = np.maximum(slab, y_ + np.float32(0.30))
            cap_ = np.minimum(cap_, spikes)
            ends = np.float32(-0.04)
        elif name == "bun":
            behind = _circle(x_, y_ + b_ + np.float32(0.20), np.float32(0.215))
            opening = _ellipse(x_, y_ - np.float32(0.22), a_ * np.float32(0.96), np.float32(0.66))
        front[rows] = np.maximum(np.maximum(cap_, -opening), y_ - ends)
        if behind is not None:
            back[rows] = behind
    return back, front


# centres of the curls around an afro: a circle of radius 0.66 about (0, -0.2), its lowest part left out
_BUMPS = tuple(
    (np.float32(u), np.float32(v - 0.2))
    for right, v in ((0.0, -0.66), (0.33, -0.572), (0.572, -0.33), (0.66, 0.0), (0.572, 0.33), (0.45, 0.5))
    for u in {right, -right}
)
