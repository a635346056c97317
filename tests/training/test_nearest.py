"""The sheet of nearest training images: a planted copy finds its original, in features and in pixels."""

import torch
from PIL import Image

from zoo.data import Drawn
from zoo.evaluation.extractors import build
from zoo.evaluation.memorisation import nearest_images
from zoo.evaluation.reference import cached, reference
from zoo.training.nearest import save_nearest


class Copies:
    """Its samples are training images 40, 41, ..."""

    device = "cpu"

    def __init__(self, data):
        self.data = data

    def sample(self, n, label, truncation, ema, seed, start):
        return self.data.images(torch.arange(40 + start, 40 + start + n)).float() / 127.5 - 1


def test_copies_lie_beside_their_originals(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    data = Drawn(n_images=90, resolution=16)
    data.setup()
    net = build("random")
    conditions = {"n_real": 60, "truncation": None, "ema": True, "seed": 0, "rounding": "round"}
    reference(data, net, 60)
    about = save_nearest(Copies(data), data, [net], conditions, tmp_path / "sheet.png")
    assert about["features"] == 60
    assert about["pixels"] == 90
    assert about["order"] == "sample, nearest in features, nearest in pixels"
    side, gap = 96, 2  # 16 px six times, and a line between
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.size == (14 * (side + gap) + gap, 8 * (side + gap) + gap)

    def cell(line, column):
        left, top = (gap + k * (side + gap) for k in (column, line))
        return sheet.crop((left, top, left + side, top + side)).tobytes()

    rows, index = cached(data, net, 60)
    assert len(rows.features) == 60
    for k in range(16):
        line, first = k // 2, 7 * (k % 2)
        assert cell(line, first) == cell(line, first + 4)  # the nearest in pixels is the sample's original
        if 40 + k in index.tolist():  # and so is the nearest in features, if it is in the reference
            assert cell(line, first) == cell(line, first + 1)


def test_without_cached_features_pixels_are_left(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    data = Drawn(n_images=30, resolution=16)
    data.setup()
    conditions = {"n_real": 30, "truncation": None, "ema": True, "seed": 0, "rounding": "round"}
    about = save_nearest(
        Copies(Drawn(n_images=90, resolution=16)), data, [build("random")], conditions, tmp_path / "a.png"
    )
    assert "features" not in about
    assert about["order"] == "sample, nearest in pixels"


def test_nearest_images_are_found_over_parts_of_a_set():
    data = Drawn(n_images=2100, resolution=8)
    data.setup()
    wanted = torch.tensor([3, 999, 1000, 2099])
    assert torch.equal(nearest_images(data.images(wanted), data.opened, 2)[:, 0], wanted)
    every = data.images(torch.arange(2100)).double().flatten(1)
    expected = torch.cdist(every[wanted], every).argsort(1)[:, 1]
    assert torch.equal(nearest_images(data.images(wanted), data.opened, 2)[:, 1], expected)
