"""How a drawn face is painted: shapes by signed distances, from back to front, with smooth edges.

Only correctly rounded operations (+ - * / sqrt) are used: the bytes are the same on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from zoo.data.drawn_attributes import BACKGROUNDS, HAIR_COLOURS, SHIRTS, SKINS
from zoo.data.drawn_hair import hair
from zoo.data.drawn_shapes import box, circle, ellipse, segment


def _palette(colours: dict[str, tuple[int, int, int]]) -> np.ndarray:
    return np.array(list(colours.values()), np.float32) / np.float32(255)


@dataclass
class _Canvas:
    """Float32 pixels (n, 3, R, R) in [0, 1], painted from back to front; `unit` is a pixel in the head's frame."""

    pixels: np.ndarray
    unit: np.ndarray

    def paint(self, colour, coverage) -> None:
        """Blend `colour` (3,) or (n, 3) over the canvas with `coverage` (n, R, R)."""
        colour = np.broadcast_to(np.asarray(colour, np.float32), (len(self.pixels), 3))
        for c in range(3):
            self.pixels[:, c] += coverage * (colour[:, c, None, None] - self.pixels[:, c])

    def fill(self, d: np.ndarray) -> np.ndarray:
        """Share of a pixel where the signed distance d is negative."""
        return np.clip(np.float32(0.5) - d / self.unit, 0, 1)

    def stroke(self, d: np.ndarray, half_width: np.float32) -> np.ndarray:
        """Share of a pixel within half_width of the line d = 0, right for lines thinner than a pixel too."""
        h = half_width / self.unit
        d = d / self.unit
        return np.clip(np.minimum(d + np.float32(0.5), h) - np.maximum(d - np.float32(0.5), -h), 0, 1)


def paint(value: dict[str, np.ndarray], between: Callable[[float, float], np.ndarray], size: int) -> np.ndarray:
    """Faces of these attributes, float32 (n, 3, size, size) in [0, 1].

    Args:
        value: each attribute's numbers (n,).
        between: uniform float32 (n, 1, 1) between two bounds; it is asked in a fixed order.
        size: side in pixels.
    """
    f = _face(value, between, size)
    _behind(f)
    _skin(f)
    _eyes(f)
    _mouth(f, value["mouth"][:, None, None])
    _hair_in_front(f)
    _glasses(f, value["glasses"][:, None, None])
    return f.canvas.pixels


def _face(
    value: dict[str, np.ndarray], between: Callable[[float, float], np.ndarray], size: int
) -> SimpleNamespace:
    """Colours, coordinates and proportions, with a canvas of the background."""
    f = SimpleNamespace()
    f.hair = _palette(HAIR_COLOURS)[value["hair_colour"]]
    f.skin = _palette(SKINS)[value["skin"]]
    f.shirt = _palette(SHIRTS)[value["shirt"]]
    f.background = _palette(BACKGROUNDS)[value["background"]]
    f.hair = np.clip(f.hair * (1 + between(-0.06, 0.06)[:, :, 0]), 0, 1).astype(np.float32)
    f.hair_dark = f.hair * np.float32(0.68)
    f.skin_dark = f.skin * np.array([0.84, 0.76, 0.72], np.float32)

    pixel = np.float32(2 / size)
    axis = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) * pixel - 1).astype(np.float32)
    f.fx, f.fy = axis[None, None, :], axis[None, :, None]

    # the head's own frame: shifted, tilted, scaled
    f.cx, f.cy = between(-0.08, 0.08), between(0.06, 0.16)
    scale = between(0.92, 1.06)
    slope = between(-0.12, 0.12)  # tangent of the tilt
    cos = 1 / np.sqrt(1 + slope * slope)
    sin = slope * cos
    f.x = ((f.fx - f.cx) * cos + (f.fy - f.cy) * sin) / scale
    f.y = ((f.fy - f.cy) * cos - (f.fx - f.cx) * sin) / scale
    f.unit = pixel / scale  # one pixel in the head's frame

    pixels = np.empty((len(f.hair), 3, size, size), np.float32)
    pixels[:] = f.background[:, :, None, None] * (1 - np.float32(0.06) * f.fy[:, None])  # lighter at the top
    f.canvas = _Canvas(pixels, f.unit)
    _proportions(f, between)
    f.back, f.front = hair(value["hair_style"], f)
    return f


def _proportions(f: SimpleNamespace, between: Callable[[float, float], np.ndarray]) -> None:
    """Sizes and places of a face's parts, and the outlines of head and cap."""
    f.a, f.b = between(0.50, 0.58), between(0.60, 0.66)
    squareness = between(0.0, 0.55)
    f.eye_x, f.eye_y = between(0.20, 0.25), between(-0.02, 0.06)
    f.eye_r, f.eye_open = between(0.105, 0.135), between(0.85, 1.15)
    f.gaze_x, f.gaze_y = between(-0.035, 0.035), between(-0.02, 0.03)
    f.brow_lift, f.brow_slope = between(0.0, 0.06), between(-0.25, 0.25)
    f.mouth_y, f.mouth_w = between(0.34, 0.39), between(0.15, 0.21)
    f.side = np.where(between(0, 1) < 0.5, -1, 1).astype(np.float32)  # which side the parting is on
    f.blush = between(0.0, 0.45)

    f.head = ellipse(f.x, f.y, f.a, f.b)
    jaw = box(f.x, f.y, f.a - np.float32(0.02), f.b - np.float32(0.01), np.float32(0.40))
    f.head = f.head + squareness * (jaw - f.head)
    f.cap = ellipse(f.x, f.y + np.float32(0.06), f.a + np.float32(0.08), f.b + np.float32(0.09))
    f.shoulders = between(0.56, 0.70)
    f.ax = np.abs(f.x)
    f.ex, f.ey = f.ax - f.eye_x, f.y - f.eye_y


def _behind(f: SimpleNamespace) -> None:
    """Hair behind the head, shirt and neck."""
    f.canvas.paint(f.hair_dark, f.canvas.fill(f.back - np.float32(0.02)))
    f.canvas.paint(f.hair * np.float32(0.86), f.canvas.fill(f.back + np.float32(0.02)))

    torso = box(f.fx - f.cx, f.fy - np.float32(1.25), f.shoulders, np.float32(0.43), np.float32(0.28))
    neck = box(f.x, f.y - np.float32(0.70), np.float32(0.17), np.float32(0.26), np.float32(0.1))
    f.canvas.paint(f.shirt * np.float32(0.7), f.canvas.fill(torso - np.float32(0.02)))
    f.canvas.paint(f.shirt, f.canvas.fill(torso + np.float32(0.02)))
    f.canvas.paint(f.skin_dark, f.canvas.fill(neck))


def _skin(f: SimpleNamespace) -> None:
    """Ears, head, cheeks and nose."""
    ear = ellipse(f.ax - f.a, f.y - np.float32(0.07), np.float32(0.09), np.float32(0.13))
    f.canvas.paint(f.skin_dark, f.canvas.fill(ear - np.float32(0.015)))
    f.canvas.paint(f.skin, f.canvas.fill(ear + np.float32(0.02)))
    f.canvas.paint(f.skin_dark, f.canvas.fill(f.head - np.float32(0.012)))
    f.canvas.paint(f.skin, f.canvas.fill(f.head + np.float32(0.02)))

    cheek = circle(f.ax - np.float32(0.31), f.y - np.float32(0.25), np.float32(0.10))
    f.canvas.paint((0.93, 0.42, 0.40), f.blush * np.clip(np.float32(0.5) - cheek / np.float32(0.12), 0, 1))

    nose = np.maximum(np.abs(circle(f.x, f.y - np.float32(0.17), np.float32(0.065))), np.float32(0.17) - f.y)
    f.canvas.paint(f.skin_dark * np.float32(0.9), f.canvas.stroke(nose, np.float32(0.02)))


def _eyes(f: SimpleNamespace) -> None:
    """Eyes and brows."""
    white = ellipse(f.ex, f.ey, f.eye_r, f.eye_r * f.eye_open)
    f.canvas.paint((0.22, 0.17, 0.17), f.canvas.fill(white - np.float32(0.022)))
    f.canvas.paint((1.0, 1.0, 1.0), f.canvas.fill(white))
    px = f.x - np.where(f.x < 0, -f.eye_x, f.eye_x) - f.gaze_x
    py = f.ey - f.gaze_y
    inside = f.canvas.fill(white)
    f.canvas.paint((0.12, 0.10, 0.14), inside * f.canvas.fill(circle(px, py, f.eye_r * np.float32(0.66))))
    glint = circle(px - np.float32(0.03), py + np.float32(0.034), np.float32(0.02))
    f.canvas.paint((1.0, 1.0, 1.0), f.canvas.stroke(glint + np.float32(0.02), np.float32(0.02)))

    brow_y = f.ey + f.eye_r * f.eye_open + np.float32(0.075) + f.brow_lift + f.brow_slope * f.ex
    brow = segment(f.ex, brow_y, np.float32(0.09))
    f.canvas.paint(f.hair_dark * np.float32(0.8), f.canvas.stroke(brow, np.float32(0.026)))


def _mouth(f: SimpleNamespace, which: np.ndarray) -> None:
    """Smile, grin, line or open mouth, by number (n, 1, 1)."""
    mx, my = f.x, f.y - f.mouth_y
    lip = np.array([0.45, 0.12, 0.14], np.float32)
    radius = f.mouth_w * np.float32(1.25)
    bow = circle(mx, my + radius * np.float32(0.62), radius)  # f.a circle whose lowest part is the smile
    smile = np.maximum(np.abs(bow), -my - np.float32(0.01))
    line = segment(mx, my - np.float32(0.03), f.mouth_w * np.float32(0.75))
    thin = np.where(which == 0, smile, line)
    f.canvas.paint(lip, f.canvas.stroke(thin, np.float32(0.026)) * ((which == 0) | (which == 2)))
    half_disc = np.maximum(ellipse(mx, my + np.float32(0.02), f.mouth_w, f.mouth_w * np.float32(0.85)), -my)
    oval = ellipse(mx, my - np.float32(0.05), f.mouth_w * np.float32(0.58), f.mouth_w * np.float32(0.72))
    wide = np.where(which == 1, half_disc, oval)
    open_ = (which == 1) | (which == 3)
    f.canvas.paint(lip, f.canvas.fill(wide - np.float32(0.015)) * open_)
    teeth = np.maximum(wide + np.float32(0.01), my - np.float32(0.065))
    f.canvas.paint((1.0, 1.0, 0.98), f.canvas.fill(teeth) * (which == 1))
    tongue = np.maximum(wide + np.float32(0.015), circle(mx, my - np.float32(0.19), np.float32(0.12)))
    f.canvas.paint((0.88, 0.40, 0.42), f.canvas.fill(tongue) * (which == 3))


def _hair_in_front(f: SimpleNamespace) -> None:
    """Hair over the face, with its shine."""
    f.canvas.paint(f.hair_dark, f.canvas.fill(f.front - np.float32(0.02)))
    f.canvas.paint(f.hair, f.canvas.fill(f.front + np.float32(0.02)))
    shine = np.maximum(
        np.abs(ellipse(f.x, f.y + np.float32(0.06), f.a * np.float32(0.80), f.b * np.float32(0.90))),
        np.maximum(f.y + np.float32(0.42), np.abs(f.x - f.side * np.float32(0.18)) - np.float32(0.16)),
    )
    f.canvas.paint(
        f.hair + (1 - f.hair) * np.float32(0.35),
        f.canvas.stroke(shine, np.float32(0.022)) * f.canvas.fill(f.front + np.float32(0.06)),
    )


def _glasses(f: SimpleNamespace, kind: np.ndarray) -> None:
    """None, round or square ones, by number (n, 1, 1)."""
    lens_r = np.float32(0.19)
    round_ = circle(f.ex, f.ey, lens_r)
    square = box(f.ex, f.ey, np.float32(0.19), np.float32(0.165), np.float32(0.05))
    lens = np.where(kind == 1, round_, square)
    frame = np.array([0.10, 0.10, 0.14], np.float32)
    worn = kind > 0
    f.canvas.paint((0.80, 0.92, 1.0), np.float32(0.12) * f.canvas.fill(lens) * worn)
    bridge = segment(f.x, f.ey + np.float32(0.03), np.maximum(f.eye_x - lens_r, 0.01))
    temple = np.abs(f.ey + np.float32(0.04))
    temple = np.maximum(temple, np.maximum(f.eye_x + lens_r - f.ax, f.ax - f.a - np.float32(0.02)))
    f.canvas.paint(
        frame,
        np.maximum(
            f.canvas.stroke(lens, np.float32(0.022)), f.canvas.stroke(np.minimum(bridge, temple), np.float32(0.02))
        )
        * worn,
    )
