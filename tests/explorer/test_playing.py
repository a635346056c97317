"""What the explorer's controls mean, without a page."""

from pathlib import Path

import pytest
import torch
from made import checkpoint

from zoo.explorer import page, playing
from zoo.explorer.playing import Controls, Shelf


def test_a_class_changes_the_picture_and_a_wrong_one_is_told(tmp_path):
    shelf = Shelf([checkpoint("biggan", tmp_path / "c-001" / "checkpoints" / "last.ckpt")])
    gan = shelf["c-001/last"]
    assert (playing.picture(gan, Controls()) != playing.picture(gan, Controls(label=7))).any()
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.9"):
        playing.picture(gan, Controls(label=10))


def test_a_checkpoint_that_never_was_is_not_told_to_be_gone(tmp_path):
    there = checkpoint("sngan", tmp_path / "c-001" / "checkpoints" / "last.ckpt")
    shelf = Shelf([there, tmp_path / "never.ckpt"])
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*never\.ckpt"):
        shelf[next(name for name in shelf.paths if name.endswith("never"))]
    shelf["c-001/last"]
    there.unlink()
    with pytest.raises(playing.Vanished):
        shelf["c-001/last"]


def test_names_of_checkpoints_without_a_run():
    assert list(Shelf([Path("/last.ckpt"), Path("/a/last.ckpt"), Path("/b/c/last.ckpt")]).paths) == [
        "/last.ckpt", "/a/last.ckpt", "b/last",
    ]  # fmt: skip


def test_numbers_beyond_the_zoo_s_are_told():
    values = [0, 1, 0.0, False, 0.7, -1, True, True, False, 0, 0, 0, 0.0]
    assert page.read(values) == Controls(axis=0)
    for place, name in ((0, "seed"), (1, "other seed"), (5, "class")):
        wrong = [*values[:place], 2**64, *values[place + 1 :]]
        with pytest.raises(ValueError, match=f"^{name} takes a number from 0 to "):
            page.read(wrong)
    with pytest.raises(ValueError, match=r"^seed takes"):
        page.read([-1, *values[1:]])


def test_photos_are_rebuilt_and_moved(tmp_path):
    gan = Shelf([checkpoint("introvae", tmp_path / "d-001" / "checkpoints" / "last.ckpt")])["d-001/last"]
    photo, other = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plain = playing.reconstruction(gan, photo, None, 1.0, True)
    assert (plain != playing.reconstruction(gan, other, None, 1.0, True)).any()
    moved = playing.reconstruction(gan, photo, torch.ones(gan.latent_dim), 2.0, True)
    assert (plain != moved).any()


def test_nearest_finds_the_image_itself():
    images = torch.randint(0, 256, (9, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shown = images[4].permute(1, 2, 0).repeat_interleave(20, 0).repeat_interleave(20, 1).numpy()
    near = playing.nearest([(part, None) for part in images.split(2)], shown, 3)
    far = (images.float() - images[4].float()).square().mean((1, 2, 3))
    assert [i for i, _ in near] == far.argsort()[:3].tolist()
    assert all(torch.equal(image, images[i]) for i, image in near)
