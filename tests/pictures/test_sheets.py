"""Walks between classes and between latents."""

import pytest
import torch

from zoo.papers.biggan import BigGAN
from zoo.papers.r1gan import R1GAN
from zoo.pictures.grids import sample_grid
from zoo.pictures.walks import classes_walk, latents_walk


@pytest.fixture(scope="module")
def gan() -> BigGAN:
    torch.manual_seed(0)
    options = {"width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4, "standing_passes": 2}
    return BigGAN(resolution=32, n_classes=3, batch_size=8, batch_size_g=8, **options).eval()


def test_a_walk_between_classes_ends_at_the_classes(gan):
    images = classes_walk(gan, rows=3, steps=4, seed=5).view(3, 4, 3, 32, 32)
    z, _ = gan.indexed_latents(3, 5)
    for row in range(3):
        for place, label in ((0, row), (3, (row + 1) % 3)):
            expected = gan.decode(z[row : row + 1], torch.tensor([label]))[0]
            torch.testing.assert_close(images[row, place], expected, rtol=1e-4, atol=1e-5)
        assert not torch.equal(images[row, 0], images[row, 1])


def test_a_walk_between_latents_holds_the_class(gan):
    images = latents_walk(gan, rows=2, steps=3, seed=5, label=2, truncation=0.5).view(2, 3, 3, 32, 32)
    z, _ = gan.indexed_latents(4, 5, 0, 0.5)
    for row in range(2):
        ends = gan.decode(z[2 * row : 2 * row + 2], torch.tensor([2, 2]), 0.5)
        torch.testing.assert_close(images[row, [0, 2]], ends, rtol=1e-4, atol=1e-5)


def test_a_walk_between_latents_takes_no_class_that_is_not_there(gan):
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.2"):
        latents_walk(gan, rows=1, steps=2, label=3)
    plain = R1GAN(resolution=32, n_classes=0, architecture="resnet", width_g=2, width_d=2, latent_dim=4)
    with pytest.raises(ValueError, match="trained without classes"):
        latents_walk(plain, rows=1, steps=2, label=0)


def test_a_sheet_of_one_class_is_drawn_in_batches(gan, monkeypatch):
    whole, sample, sizes = gan.sample(7, 2), gan.sample, []
    monkeypatch.setattr(gan, "sample", lambda n, *more: sizes.append(n) or sample(n, *more))
    images, columns = sample_grid(gan, 7, label=2, batch_size=3)
    assert sizes == [3, 3, 1]
    assert columns == 2
    torch.testing.assert_close(images, whole, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.2"):
        sample_grid(gan, 7, label=3)


def test_a_sheet_has_no_more_samples_than_were_asked_for(gan):
    assert [(len(images), columns) for images, columns in (sample_grid(gan, n) for n in (1, 2, 3, 7))] == [
        (1, 1), (2, 1), (3, 1), (6, 2),
    ]  # fmt: skip


def test_a_model_without_a_shared_embedding_says_so():
    plain = R1GAN(
        resolution=32, n_classes=0, architecture="resnet", width_g=2, width_d=2, max_width=4, latent_dim=4
    )
    with pytest.raises(ValueError, match="no shared class embedding"):
        classes_walk(plain)
    assert latents_walk(plain, rows=1, steps=2).shape == (2, 3, 32, 32)
