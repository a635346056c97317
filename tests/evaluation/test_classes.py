"""intra-FID by a fixed number of samples a class, and what each class has for itself."""

import pytest
import torch

from zoo.data import Drawn
from zoo.evaluation.classes import intra
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.extractors import build
from zoo.evaluation.metrics import frechet_of_features
from zoo.evaluation.subject import Subject


class Faces:
    """Drawn faces of the class that is asked for; class 3 is grey."""

    device, n_classes = "cpu", 10

    def __init__(self, data):
        self.data = data
        self.of = [(data.labels == c).nonzero()[:, 0] for c in range(10)]

    def sample(self, n, label=None, truncation=None, ema=True, seed=0, start=0):
        wanted = self.indexed_latents(n, seed, start, None)[1].tolist() if label is None else [label] * n
        places = [self.of[c][(start + i) % len(self.of[c])] for i, c in enumerate(wanted)]
        images = self.data.images(torch.stack(places)).float() / 127.5 - 1
        grey = torch.tensor([c == 3 for c in wanted])
        return images.masked_fill(grey[:, None, None, None], 0.0)

    def indexed_latents(self, n, seed=0, start=0, truncation=None):
        return None, torch.arange(start, start + n) % 10


@pytest.fixture(scope="module")
def data():
    faces = Drawn(n_images=400, resolution=16)
    faces.setup()
    return faces


def test_every_class_is_drawn_as_often_and_the_faulty_one_stands_out(data, tmp_path):
    options = {"n_fake": 30, "kid_subsets": 2, "kid_subset_size": 20, "cache_dir": tmp_path, "batch_size": 16}
    result = evaluate(Faces(data), data, "random", extras=("intra",), **options)
    within = result["classes"]["intra_fd_random_30"]
    assert sorted(within) == list(range(10))
    assert max(within, key=within.get) == 3
    assert result["metrics"]["intra_fd_random_30"] == pytest.approx(sum(within.values()) / 10)
    plain = result["classes"]["intra_fd_random"]  # of the 30 samples as they come, three a class
    assert result["metrics"]["intra_fd_random"] == pytest.approx(sum(plain.values()) / 10)
    net, gan = build("random"), Faces(data)
    fakes = torch.cat([gan.sample(15, 0, start=0), gan.sample(15, 0, start=15)])
    fakes = net((fakes * 127.5 + 127.5).round().to(torch.uint8))[0]
    reals = net(data.images(gan.of[0]))[0]
    assert within[0] == pytest.approx(frechet_of_features(fakes, reals), rel=1e-3)


def test_a_model_without_classes_is_told_so(data):
    gan = Faces(data)
    gan.n_classes = 0
    with pytest.raises(ValueError, match="same classes, not 0 and 10"):
        intra(Subject(gan, data))
