"""Hair styles of the drawn faces."""

from types import SimpleNamespace

import numpy as np

from zoo.data.drawn_attributes import ATTRIBUTES
from zoo.data.drawn_shapes import box, circle, ellipse

# centres of the curls around an afro: a circle of radius 0.66 about (0, -0.2), its lowest part left out
_BUMPS = tuple(
    (np.float32(u), np.float32(v - 0.2))
    for right, v in ((0.0, -0.66), (0.33, -0.572), (0.572, -0.33), (0.66, 0.0), (0.572, 0.33), (0.45, 0.5))
    for u in {right, -right}
)


def hair(style: np.ndarray, f: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances of the hair behind the head and of the hair in front of it, by hair style (n,)."""
    back = np.full(f.cap.shape, np.float32(9))
    front = np.empty_like(f.cap)
    for number, name in enumerate(ATTRIBUTES["hair_style"]):
        rows = np.flatnonzero(style == number)
        if not len(rows):
            continue
        x_, y_, a_, b_, cap_, side_ = (v[rows] for v in (f.x, f.y, f.a, f.b, f.cap, f.side))
        # the face looks out of an opening in the cap; hair ends at `ends`
        opening = ellipse(x_, y_ - np.float32(0.22), a_ * np.float32(0.90), np.float32(0.60))
        ends = np.float32(0.02)
        behind = None
        if name == "parted":
            opening = ellipse(
                x_ - side_ * np.float32(0.20), y_ - np.float32(0.24), a_ * np.float32(1.02), np.float32(0.70)
            )
        elif name == "short":
            opening = box(x_, y_ - np.float32(0.40), a_ * np.float32(0.84), np.float32(0.74), np.float32(0.22))
            ends = np.float32(0.06)
        elif name == "fringe":
            opening = np.maximum(opening, np.float32(-0.235) - y_)
            behind = box(x_, y_ - np.float32(0.04), a_ + np.float32(0.13), np.float32(0.58), np.float32(0.36))
            ends = np.float32(0.42)
        elif name == "long":
            opening = np.maximum(
                ellipse(
                    x_ - side_ * np.float32(0.08),
                    y_ - np.float32(0.28),
                    a_ * np.float32(0.92),
                    np.float32(0.72),
                ),
                np.float32(-0.8) - y_,
            )
            behind = box(x_, y_ - np.float32(0.30), a_ + np.float32(0.14), np.float32(0.98), np.float32(0.5))
            ends = np.float32(0.50)
        elif name == "afro":
            behind = circle(x_, y_ + np.float32(0.20), np.float32(0.72))
            for bx, by in _BUMPS:
                behind = np.minimum(behind, circle(x_ - bx, y_ - by, np.float32(0.20)))
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
            behind = circle(x_, y_ + b_ + np.float32(0.20), np.float32(0.215))
            opening = ellipse(x_, y_ - np.float32(0.22), a_ * np.float32(0.96), np.float32(0.66))
        front[rows] = np.maximum(np.maximum(cap_, -opening), y_ - ends)
        if behind is not None:
            back[rows] = behind
    return back, front
