"""Planted generators: one that returns training images, one that blurs them a little, and an honest one."""

import pytest
import torch

from zoo.data import Drawn
from zoo.evaluation.disturbances import blur
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.extractors import build

OPTIONS = {"n_fake": 100, "kid_subsets": 2, "kid_subset_size": 50}


class Planted:
    """Images of a set in the place of samples."""

    device, n_classes = "cpu", 0

    def __init__(self, images, change=lambda x: x):
        self.source, self.change = images, change

    def sample(self, n, *, start=0, **_):
        return self.change(self.source[torch.arange(start, start + n)][0])


@pytest.fixture(scope="module")
def data():
    faces = Drawn(n_images=300, resolution=32, limit=200)
    faces.setup()
    return faces


def score(images, data, tmp_path, change=lambda x: x):
    return evaluate(Planted(images, change), data, build("random"), cache_dir=tmp_path, **OPTIONS)


@pytest.mark.parametrize("change", [lambda x: x, lambda x: blur(x, 0.3)], ids=["copies", "blurred copies"])
def test_copies_fire(data, tmp_path, change):
    metrics = score(data.opened, data, tmp_path, change)["metrics"]
    assert metrics["c_t_random"] < -3
    assert metrics["auth_pct_random"] < 10


def test_faces_that_were_never_shown_do_not_fire(data, tmp_path):
    metrics = score(data.test_images(), data, tmp_path)["metrics"]
    assert abs(metrics["c_t_random"]) < 3
    assert metrics["auth_pct_random"] > 40


def test_where_no_cell_has_all_three_sets_a_sentence_stands_for_c_t_of_the_extractor(data, tmp_path, monkeypatch):
    def no_cell(*_):
        raise ValueError("C_T needs fakes, held-out and training images in one cell: give more of each")

    monkeypatch.setattr("zoo.evaluation.memorisation.c_t", no_cell)
    result = score(data.test_images(), data, tmp_path)
    assert "c_t_random" not in result["metrics"]
    assert result["absent"]["c_t_random"].startswith("C_T needs fakes, held-out and training images in one cell")


def test_without_unseen_images_a_sentence_stands_for_c_t(data, tmp_path):
    whole = Drawn(n_images=200, resolution=32)
    whole.setup()
    whole.unseen = lambda: None
    result = score(whole.opened, whole, tmp_path)
    assert (
        result["absent"]["c_t"]
        == "drawn faces keeps no images from training, and C_T needs some: in a recipe data.test_path "
        "or data.limit keeps some"
    )
    assert "auth_pct_random" in result["metrics"]
