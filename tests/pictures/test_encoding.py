"""Photos to latents and back: reading, sheets, and the `zoo` commands that end in a picture."""

import numpy as np
import pytest
import torch
from PIL import Image
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.data import Drawn
from zoo.data.paths import natural
from zoo.data.photos import Photos, read_photo
from zoo.engine import encoders
from zoo.evaluation import reconstruction
from zoo.papers.introvae import IntroVAE
from zoo.papers.sngan import SNGAN
from zoo.pictures import encoded


class Pixels(torch.nn.Module):
    """A model whose latent is the image's mean colour, exactly invertible for flat images."""

    device, dtype = torch.device("cpu"), torch.float32

    def encode(self, images):
        return images.mean((2, 3))

    def decode(self, z, ema=True):
        return z[:, :, None, None].expand(-1, -1, 8, 8)


class Flat(Pixels):
    """The same at 16 px, large enough for SSIM."""

    def decode(self, z, ema=True):
        return z[:, :, None, None].expand(-1, -1, 16, 16)


def flat(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 8, 8).contiguous()


def test_batches_do_not_show():
    images = torch.rand(2 * encoders.BATCH + 3, 3, 8, 8)
    z = encoders.encode(Pixels(), images)
    torch.testing.assert_close(z, images.mean((2, 3)))
    assert encoders.decode(Pixels(), z).shape == images.shape


def test_decoded_images_are_clipped():
    assert encoders.decode(Pixels(), torch.tensor([[3.0, -3.0, 0.5]])).unique().tolist() == [-1, 0.5, 1]


def test_interpolation_is_linear_between_the_photos():
    sheet = encoded.interpolate(Pixels(), flat(0.0)[0], flat(1.0)[0], steps=5)
    assert sheet.columns == 7
    assert sheet.images[:, 0, 0, 0].tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    with pytest.raises(ValueError, match="at least 2 steps"):
        encoded.interpolate(Pixels(), flat(0.0)[0], flat(1.0)[0], steps=1)


def test_attribute_arithmetic_adds_the_difference_of_the_means():
    vector = encoded.direction(Pixels(), flat(0.5, 0.7), flat(0.1, 0.3))
    torch.testing.assert_close(vector, torch.full((3,), 0.4))
    sheet = encoded.move(Pixels(), flat(0.0, 0.2), vector, [0, 1])
    assert sheet.columns == 3
    torch.testing.assert_close(sheet.images[:, 0, 0, 0], torch.tensor([0.0, 0.0, 0.4, 0.2, 0.2, 0.6]))
    with pytest.raises(ValueError, match="no strengths"):
        encoded.move(Pixels(), flat(0.0), vector, [])


def test_neighbours_start_with_the_photo_itself():
    images = flat(0.0, 1.0, 0.9, 0.1)
    sheet = encoded.neighbours(images, encoders.encode(Pixels(), images), rows=2, k=2)
    assert sheet.images[:, 0, 0, 0].tolist() == pytest.approx([0.0, 0.1, 0.9, 1.0, 0.9, 0.1])
    with pytest.raises(ValueError, match="one image has no neighbours"):
        encoded.neighbours(images[:1], torch.zeros(1, 3))


def test_pairs_stand_side_by_side():
    sheet = encoded.pairs(flat(0.0, 0.2), flat(0.1, 0.3), columns=8)
    assert sheet.columns == 4
    assert sheet.images[:, 0, 0, 0].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_photos_are_cut_to_the_central_square(tmp_path):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, 16:48] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert read_photo(tmp_path / "wide.png", 32).min() == 1
    photos = Photos(tmp_path, 16)
    assert photos[[0]].shape == (1, 3, 16, 16)
    assert photos.names == ["wide.png"]


def test_photos_are_held_a_batch_at_a_time(tmp_path, monkeypatch):
    for i in range(7):
        Image.new("RGB", (16, 16), (30 * i, 0, 0)).save(tmp_path / f"{i}.png")
    for module in (encoders, reconstruction):
        monkeypatch.setattr(module, "BATCH", 3)
    sizes, fit = [], Photos.__getitem__
    monkeypatch.setattr(Photos, "__getitem__", lambda self, some: sizes.append(len(some)) or fit(self, some))
    shown, again, errors = reconstruction.rebuilt(Flat(), Photos(tmp_path, 16), 4)
    assert sizes == [3, 3, 1]
    whole = fit(Photos(tmp_path, 16), range(7))
    assert torch.equal(shown, whole[:4])
    torch.testing.assert_close(again, whole[:4])
    assert errors == reconstruction.mean_errors(whole, encoders.decode(Flat(), encoders.encode(Flat(), whole)))
    z = encoders.encode(Flat(), Photos(tmp_path, 16))
    assert torch.equal(
        encoded.neighbours(Photos(tmp_path, 16), z, 2).images, encoded.neighbours(whole, z, 2).images
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Drawn faces with blond and with black hair as two folders of larger photos, and a checkpoint."""
    folder = tmp_path_factory.mktemp("photos")
    data = Drawn(64, n_images=100)
    for name, colour in (("black", 0), ("blond", 2)):
        (folder / name).mkdir()
        for i in (data.labels == colour).nonzero()[:4, 0].tolist():
            Image.fromarray(data.images([i])[0].permute(1, 2, 0).numpy()).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("introvae")
    run("introvae", folder)
    return str(folder / "run-001" / "checkpoints" / "last.ckpt")


def test_every_command_ends_in_a_picture(photos, checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    black, blond = str(photos / "black"), str(photos / "blond")
    first, second = sorted((photos / "black").iterdir())[:2]
    main(["reconstruct", checkpoint, black, "--n", "3"])
    assert "PSNR" in capsys.readouterr().out
    assert Image.open("reconstructions.png").size == (6 * 98 + 2, 98 + 2)
    main(["encode", checkpoint, blond, "--rows", "2", "--out", "new/latents.npz"])
    with np.load("new/latents.npz") as z:
        assert z["latents"].shape == (4, 8)
        assert list(z["names"]) == sorted((p.name for p in (photos / "blond").iterdir()), key=natural)
    assert Image.open("neighbours.png").size == (4 * 98 + 2, 2 * 98 + 2)
    main(["interpolate", checkpoint, str(first), str(second), "--steps", "3"])
    assert Image.open("interpolation.png").size == (5 * 98 + 2, 98 + 2)
    main(
        ["attribute", checkpoint, blond, black, black, "--strengths", "[0,1]", "--n", "2", "--out", "to/blond.png"]
    )
    assert Image.open("to/blond.png").size == (3 * 98 + 2, 2 * 98 + 2)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("reconstruct {checkpoint} nowhere", "no folder or zip at nowhere"),
        ("reconstruct nowhere.ckpt {photos}/black", "no checkpoint at nowhere.ckpt"),
        ("reconstruct {checkpoint} {empty}", "holds no images"),
        ("encode {checkpoint} {small}", "smaller than the model's 32"),
        ("encode {checkpoint} {broken}", "cannot be decoded"),
        ("interpolate {checkpoint} nowhere.png {photos}/black", "no photo at nowhere.png"),
        ("interpolate {checkpoint} {broken}/a.png {broken}/a.png", "cannot be decoded"),
        (
            "attribute {checkpoint} {photos}/black {photos}/blond {photos}/black --strengths []",
            "strengths is an empty list",
        ),
        ("attribute {checkpoint} nowhere {photos}/blond {photos}/black", "no folder or zip at nowhere"),
    ],
)
def test_mistakes_are_told_in_one_sentence(command, words, photos, checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "small", "broken"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (20, 40)).save(tmp_path / "small" / "a.png")
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    places = {name: tmp_path / name for name in ("empty", "small", "broken")}
    with pytest.raises(SystemExit) as refused:
        main(command.format(checkpoint=checkpoint, photos=photos, **places).split())
    assert refused.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_model_without_encoder_is_named():
    with pytest.raises(ValueError, match="SNGAN has no encoder"):
        encoders.encode(SNGAN(32, 0, "cnn", 4, 4), torch.zeros(1, 3, 32, 32))
    encoders.check_encoder(IntroVAE(16, [3, 4], 5))
