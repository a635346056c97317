"""Signed distances of plain shapes, negative inside."""

import numpy as np


def ellipse(x, y, a, b):
    """First-order distance to an ellipse with half-axes a, b: exact value and slope on the edge."""
    u, v = x / a, y / b
    k = np.sqrt(u * u + v * v)
    slope = np.sqrt((u / a) ** 2 + (v / b) ** 2)
    return (k - 1) * (k + 1e-6) / (slope + 1e-6)


def circle(x, y, r):
    return np.sqrt(x * x + y * y) - r


def box(x, y, a, b, r):
    """Rectangle with half-sides a, b and corners of radius r."""
    u, v = np.abs(x) - (a - r), np.abs(y) - (b - r)
    outside = np.sqrt(np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2)
    return outside + np.minimum(np.maximum(u, v), 0) - r


def segment(x, y, half_length):
    """Distance to the horizontal segment from -half_length to half_length."""
    u = np.maximum(np.abs(x) - half_length, 0)
    return np.sqrt(u * u + y * y)
