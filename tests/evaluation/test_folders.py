"""Any two folders or zips: the numbers, and one sentence for each thing that can be wrong with them."""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.__main__ import main
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.folders import compare, open_pair, report


def write(folder: Path, n: int = 12, size: tuple[int, int] = (16, 16), low: int = 0, mode: str = "RGB") -> Path:
    folder.mkdir()
    rng = np.random.RandomState(low)
    for i in range(n):
        pixels = rng.randint(low, 256, (size[1], size[0], 3)).astype(np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{i:03d}.png")
    return folder


def test_two_folders(tmp_path):
    real, fake = write(tmp_path / "real", 20), write(tmp_path / "fake", 15, low=100)
    result = compare(real, fake, ["random"], batch_size=4)
    _, fakes = open_pair(real, fake)
    pixels = fakes.images(range(15))
    expected = evaluate(
        lambda n, seed, start: pixels[start : start + n], open_pair(real, fake)[0], "random", n_fake=15
    )
    assert result["metrics"] == pytest.approx(expected["metrics"], rel=1e-4, abs=1e-6)
    assert result["conditions"]["n_fake"] == 15
    text = report(result)
    assert text.startswith("15 fakes against 20 reals, protocol zoo")
    assert "degenerate" in text


def test_what_two_folders_cannot_have_is_absent_with_the_reason(tmp_path):
    real, fake = write(tmp_path / "real", 20), write(tmp_path / "fake", 15, low=100)
    absent = compare(real, fake, ["random"], batch_size=4, extras=["c_t", "spectra"])["absent"]
    assert "C_T needs some: in a recipe data.test_path" in absent["c_t"]
    assert absent["spectra"] == "spectra need a model with a discriminator"


def test_a_zip_equals_its_folder(tmp_path):
    real, fake = write(tmp_path / "real"), write(tmp_path / "fake", low=100)
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as file:
        for path in sorted(fake.iterdir()):
            file.write(path, path.name)
    assert compare(real, fake, ["random"])["metrics"] == compare(real, tmp_path / "fake.zip", ["random"])["metrics"]


def test_a_folder_of_like_named_files_has_a_reference_of_its_own(tmp_path):
    """All BMPs of one size have equal sizes as files."""
    folders = [tmp_path / name for name in ("black", "pink", "fake")]
    for folder, colour in zip(folders, ((0, 0, 0), (255, 99, 200), (255, 99, 200)), strict=True):
        folder.mkdir()
        for i in range(12):
            Image.new("RGB", (8, 8), colour).save(folder / f"{i}.bmp")
            os.utime(folder / f"{i}.bmp", (0, 0))
    black, pink, fake = folders
    far, near = (compare(real, fake, ["random"])["metrics"]["fd_random"] for real in (black, pink))
    assert near < 1e-3 < far
    for i in range(12):
        Image.new("RGB", (8, 8), (0, 0, 0)).save(pink / f"{i}.bmp")
    assert compare(pink, fake, ["random"])["metrics"]["fd_random"] == pytest.approx(far)


def test_grey_and_transparent_images_are_taken_as_rgb(tmp_path):
    real = write(tmp_path / "real")
    for mode in ("L", "RGBA", "P"):
        assert compare(real, write(tmp_path / mode, mode=mode), ["random"])["metrics"]["fd_random"] >= 0


def spoil(folder: Path, how: str) -> None:
    path = folder / "005.png"
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif how == "sixteen":
        Image.fromarray(np.zeros((16, 16), np.uint16)).save(path)
    elif how == "odd":
        Image.new("RGB", (16, 17)).save(path)
    elif how == "other":
        Image.new("RGB", (8, 8)).save(path)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("truncated", r"005\.png cannot be decoded"),
        ("sixteen", r"005\.png has more than 8 bits a channel"),
        ("odd", r"005\.png is 16x17 px, not square"),
        ("other", r"005\.png is 8x8 px, not 16x16"),
    ],
)
def test_a_bad_image_is_named(tmp_path, capsys, how, sentence):
    real, fake = write(tmp_path / "real"), write(tmp_path / "fake")
    spoil(fake, how)
    with pytest.raises(SystemExit):
        main(["evaluate", "--real", str(real), "--fake", str(fake), "--extractors", "[random]"])
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(sentence, error), error


def test_sets_that_do_not_fit_are_told(tmp_path, capsys):
    real = write(tmp_path / "real")
    for args, sentence in (
        (["--fake", write(tmp_path / "small", size=(8, 8))], "16 px and those of"),
        (["--fake", write(tmp_path / "wide", size=(16, 8))], "16x8 px, not square"),
        (["--fake", tmp_path / "nothing"], "no folder or zip"),
        ([], "name both sets"),
        (["--fake", write(tmp_path / "one", n=1)], "n_fake=1 is too few"),
        (["--fake", real, "--n_fake", "13"], "n_fake is 13, but"),
        (["--fake", real, "--n_real", "13"], "n_real is 13, but"),
        (
            ["--fake", real, "--extractors", "[inception]", "--weights", tmp_path / "typo.pth"],
            "weights file typo.pth",
        ),
        (["--fake", real, "--extractors", "[domain:typo.pt]"], "no domain classifier at typo.pt"),
        (["--fake", real, "--protocol", "nobody-1999"], "no protocol is called 'nobody-1999'"),
    ):
        with pytest.raises(SystemExit):
            main(["evaluate", "--real", str(real), "--extractors", "[random]", *map(str, args)])
        assert sentence in capsys.readouterr().err


def test_what_took_long_goes_into_a_folder_that_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    real, fake = (write(tmp_path / name) for name in ("real", "fake"))
    words = ["--real", str(real), "--fake", str(fake), "--extractors", "[random]"]
    main(["compare", *words, "--out", "new/scores.json"])
    assert "fd_random" in json.loads(Path("new", "scores.json").read_text())["metrics"]
    (tmp_path / "labelled").mkdir()
    for folder in (real, fake):  # as two classes
        folder.rename(tmp_path / "labelled" / folder.name)
    main(["train-domain", "labelled", "new/er/domain.pt", "--resolution", "16", "--epochs", "1"])
    assert "domain:" in capsys.readouterr().out
    assert Path("new", "er", "domain.pt").is_file()
