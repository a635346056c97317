"""Planted copies must fire, fresh draws must not."""

import pytest
import torch
from scipy.stats import mannwhitneyu

from zoo.data import Drawn
from zoo.evaluation.extractors import build
from zoo.evaluation.memorisation import _mann_whitney, auth_pct, c_t, nearest


@pytest.fixture(scope="module")
def faces():
    """Features of drawn faces by the untrained network: training, held-out, and fresh ones."""
    data = Drawn(n_images=450, resolution=32)
    data.setup()
    images = data.images(torch.arange(450))
    net = build("random")
    features = torch.cat([net(part)[0] for part in images.split(100)])
    return images, features[:200], features[200:325], features[325:]


def blurred(images):
    x = torch.nn.functional.avg_pool2d(images.float(), 3, 1, 1, count_include_pad=False)
    return (0.7 * images.float() + 0.3 * x).round().to(torch.uint8)


@pytest.mark.parametrize("plant", ["copies", "blurred copies"])
def test_planted_copies_fire(faces, plant):
    images, train, held_out, fresh = faces
    copied = images[:125] if plant == "copies" else blurred(images[:125])
    fakes = build("random")(copied)[0]
    assert c_t(fakes, held_out, train) < -3
    assert auth_pct(fakes, train) < 10 < auth_pct(fresh, train)


def test_an_honest_generator_does_not_fire(faces):
    _, train, held_out, fresh = faces
    assert abs(c_t(fresh, held_out, train)) < 3
    assert auth_pct(fresh, train) > 40


def test_nearest_is_a_search_over_all():
    torch.manual_seed(0)
    queries, rows = torch.randn(7, 5), torch.randn(40, 5)
    distances, places = nearest(queries, rows, 3, chunk=2)
    expected = torch.cdist(queries.double(), rows.double()).sort(1)
    assert torch.equal(places, expected.indices[:, :3])
    torch.testing.assert_close(distances, expected.values[:, :3])
    with pytest.raises(ValueError, match="2 images have no 3 nearest"):
        nearest(queries, rows[:2], 3)


def test_the_normal_score_is_mann_whitneys():
    torch.manual_seed(1)
    a, b = torch.randn(60).numpy(), torch.randn(50).numpy() + 0.4
    score = _mann_whitney(a, b)
    p = mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
    assert 2 * torch.distributions.Normal(0, 1).cdf(torch.tensor(-abs(score))).item() == pytest.approx(p, rel=1e-4)
