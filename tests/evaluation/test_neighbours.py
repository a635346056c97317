"""Accuracy of the nearest training image's class, as BiGAN's paper measures its features."""

import numpy as np
import pytest
import torch
from made import small
from PIL import Image

from zoo.data import ImageDataModule
from zoo.data.few import with_labels
from zoo.evaluation.accuracy import nearest_class, of_neighbours


def test_the_class_is_that_of_the_nearest_and_of_the_first_of_two_as_near():
    train, labels = torch.tensor([[0.0, 0.0], [3.0, 4.0], [2.0, 0.0]]), torch.tensor([7, 8, 9])
    test = torch.tensor([[2.9, 3.0], [-5.0, 0.0], [1.0, 0.0]])  # the last one lies between two
    assert nearest_class(train, labels, test).tolist() == [8, 7, 7]


def shades(folder, levels: dict[str, list[int]]):
    """A folder for each class, of images of one level."""
    for name, values in levels.items():
        for k, level in enumerate(values):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(folder / name / f"{k}.png")
    return str(folder)


@pytest.fixture
def data(tmp_path) -> ImageDataModule:
    path = shades(tmp_path / "train", {"dark": [0, 40], "light": [200, 240]})
    test = shades(tmp_path / "test", {"dark": [20, 190], "light": [210, 250]})
    data = ImageDataModule(path, 8, labels=False, test_path=test)
    data.setup()
    return data


def test_labels_that_training_does_without_are_read(data):
    assert data.labels is None
    assert with_labels(data).labels.tolist() == [0, 0, 1, 1]
    assert with_labels(data).opened.pixels is None  # not loaded a second time
    assert data.labels is None
    spaces = {"level": lambda x: x.mean((2, 3)), "nothing": lambda x: torch.zeros(len(x), 1)}
    found = of_neighbours(data, spaces, lambda x: x, torch.zeros(()))
    assert found == {"level": 75.0, "nothing": 50.0}  # a dark test image is lighter than the lightest dark one


def test_without_labelled_test_images_it_is_absent_with_the_reason(data):
    data.test_path = None
    assert "no test images with labels" in of_neighbours(data, {"a": abs}, abs, torch.zeros(()))["a"]


def test_bigan_looks_at_what_its_last_layer_sees(data):
    gan = small("bigan", resolution=8, channels=3)
    found = gan.own_metrics(data)
    assert {found["accuracy_1nn"], found["accuracy_1nn_codes"]} <= {0.0, 25.0, 50.0, 75.0, 100.0}
    assert gan.double().own_metrics(data).keys() == found.keys()  # in the networks' own type
    x = torch.rand(4, 3, 8, 8).double()
    gan.E.eval()
    torch.testing.assert_close(2 * torch.sigmoid(gan.E.out(gan.E.features(x))) - 1, gan.E(x))
