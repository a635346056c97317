"""Grey images through every baseline: its own step, samples, checkpoints, and the verbs `sample` and `evaluate`.

And those of a model that encodes, or that has classes.
"""

import json
import math
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from runs import own_cache, run  # noqa: F401
from torchvision.transforms.functional import to_pil_image

from zoo.__main__ import main
from zoo.training.loading import load, model_class

NARROW = {"width_g": 2, "width_d": 2, "latent_dim": 6}
CNN = {"architecture": "cnn", "norm_d": "none", **NARROW}
#: name -> options at 28 px, and at 32 px
MODELS = {
    "dcgan": (CNN, NARROW),
    "cgan": ({"architecture": "mnist", **NARROW}, {"architecture": "dcgan", **NARROW}),
    "fgan": (CNN, NARROW),
    "wgan": (CNN | {"n_critic_long": None}, NARROW | {"n_critic_long": None}),
    "wgan_gp": (CNN | {"n_classes": 0}, NARROW | {"n_classes": 0}),
    "wgan_div": (CNN, NARROW | {"architecture": "dcgan", "norm_d": "layer"}),
    "gan_qp": (CNN, {"width_g": 8, "width_d": 8, "latent_dim": 6}),
    "bigan": ({"width": 4, "latent_dim": 6}, {"width": 4, "latent_dim": 6}),
    "bigan_qp": (None, {"width": 8, "hidden": 4, "latent_dim": 6}),  # no 28 px: powers of two
}


@pytest.mark.parametrize("resolution", [28, 32])
@pytest.mark.parametrize("name", MODELS)
def test_samples_are_grey_and_in_range(name, resolution):
    options = MODELS[name][resolution == 32]
    if options is None:
        with pytest.raises(ValueError, match="not 28"):
            model_class(name)(resolution=28, channels=1, width=8)
        return
    torch.manual_seed(0)
    gan = model_class(name)(resolution=resolution, channels=1, **options).eval()
    images = gan.sample(3)
    assert images.shape == (3, 3, resolution, resolution)
    assert torch.equal(images[:, 0], images[:, 2])
    if name != "fgan" or resolution == 28:  # the notebook's G has no last nonlinearity
        assert images.min() >= -1
        assert images.max() <= 1
    native = gan.to_native(images)
    assert native.shape == (3, 1, resolution, resolution)
    torch.testing.assert_close(gan.pixels.shown(native), images)
    label = [torch.zeros(3, dtype=torch.int64)] if gan.n_classes else []
    pair = (
        [torch.zeros(3, gan.latent_dim)] if name.startswith("bigan") else []
    )  # a joint D judges images with latents
    assert gan.D(native, *pair, *label).shape == (3,)


def strokes(path, side):
    """A zip of 64 grey images of one white line each, with ten labels."""
    generator, names = np.random.default_rng(0), [f"{i}.png" for i in range(64)]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            picture = Image.new("L", (side, side))
            ImageDraw.Draw(picture).line([int(x) for x in generator.integers(2, side - 2, 4)], 255, 3)
            with archive.open(name, "w") as file:
                picture.save(file, "png")
        archive.writestr("dataset.json", json.dumps({"labels": [[name, i % 10] for i, name in enumerate(names)]}))
    return str(path)


@pytest.mark.parametrize("name", MODELS)
def test_two_steps_on_grey_images_then_sample_and_evaluate(name, tmp_path):
    side = 32 if MODELS[name][0] is None else 28
    options = {"resolution": side, "channels": 1} | MODELS[name][side == 32]
    given = [word for k, v in options.items() for word in (f"--model.{k}", "null" if v is None else str(v))]
    data = ("--data", "ImageDataModule", "--data.path", strokes(tmp_path / "strokes.zip", side))
    cli = run(name, tmp_path, *given, kimg=0.064, data=data)
    assert cli.model.pixels.channels == 1
    checkpoint = cli.run.folder / "checkpoints" / "last.ckpt"
    main(["sample", str(checkpoint), "--n", "4", "--out", str(tmp_path / "grid.png")])
    with Image.open(tmp_path / "grid.png") as sheet:
        colours = np.asarray(sheet.convert("RGB"))
    assert (colours == colours[:, :, :1]).all()
    main(["evaluate", str(checkpoint), "--results_dir", str(tmp_path / "again")])
    (file,) = (tmp_path / "again" / name).glob("*.json")
    row = json.loads(file.read_text())
    assert row["training"]["nimg"] == 64
    assert math.isfinite(row["metrics"]["fd_random"])


def test_bigan_encodes_and_reconstructs_grey_photos_by_the_commands(tmp_path):
    options = ("--model.resolution", "32", "--model.channels", "1")
    cli = run("bigan", tmp_path, *options)
    checkpoint = cli.run.folder / "checkpoints" / "last.ckpt"
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        to_pil_image(torch.rand(32, 32)).save(photos / f"{i}.png")
    main(["reconstruct", str(checkpoint), str(photos), "--out", str(tmp_path / "pairs.png")])
    with Image.open(tmp_path / "pairs.png") as sheet:
        assert sheet.size[1] >= 28
    z = load(checkpoint).encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    assert z.shape == (2, 4)
    assert z.abs().max() < 1  # U(-1, 1) is the prior


def test_cgan_draws_the_class_that_is_asked_for(tmp_path):
    torch.manual_seed(0)
    gan = model_class("cgan")(resolution=28, width_g=2, width_d=2, latent_dim=4).eval()
    one, two = gan.sample(4, label=1), gan.sample(4, label=2)
    assert not torch.equal(one, two)
    with pytest.raises(ValueError, match=r"0\.\.9"):
        gan.sample(4, label=10)
