"""Imported checkpoints in the hands of the other commands, which know nothing of imports."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from imports import FILES, imported
from PIL import Image

import zoo
from zoo.commands import models, scoring, weights
from zoo.explorer import playing
from zoo.explorer.playing import Controls, Shelf
from zoo.training import importing


@pytest.mark.parametrize("paper", sorted(FILES))
def test_is_drawn_played_with_and_exported(paper, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = imported(paper, tmp_path)
    gan = zoo.load(path)
    models.sample(path, tmp_path / "sheet.png", n=4)
    assert Image.open(tmp_path / "sheet.png").width >= 2 * gan.resolution
    models.sample(path, tmp_path / "seeds", seeds="3")
    drawn = np.array(Image.open(tmp_path / "seeds" / "seed000003.png"))
    images = gan.decode(*gan.indexed_latents(1, start=3))
    same = ((images[0] * 127.5 + 127.5).round().clamp(0, 255)).permute(1, 2, 0).byte().numpy()
    assert np.array_equal(drawn, same)

    shelf = Shelf([path])
    (name,) = shelf.paths
    shown = playing.picture(shelf[name], Controls())
    assert shown.shape[0] >= playing.SMALLEST
    assert (shown != playing.picture(shelf[name], Controls(seed=5))).any()

    for to in ("safetensors", "torchscript"):
        weights.export(path, to)
    z, y = gan.indexed_latents(2)
    assert torch.equal(zoo.load(path.with_suffix(".safetensors")).decode(z, y), gan.decode(z, y))
    assert zoo.load(path.with_suffix(".safetensors")).origin["imported"]["licence"]


def test_is_exported_to_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    weights.export(imported("r1gan", tmp_path), "onnx")
    assert (tmp_path / "r1gan.onnx").is_file()


def test_a_file_of_mid_growth_too(tmp_path):
    """Pictures of 8 px, at the full side of 32."""
    path = imported("stylegan", tmp_path, lod=2.0)
    models.sample(path, tmp_path / "all.npz", seeds="0-4")
    drawn = np.load(tmp_path / "all.npz")["arr_0"]
    assert drawn.shape == (5, 32, 32, 3)
    assert np.array_equal(drawn, drawn[:, ::4, ::4].repeat(4, 1).repeat(4, 2))
    weights.export(path, "torchscript", "D")
    assert playing.picture(zoo.load(path), Controls()).shape == (320, 320, 3)


def photos(folder: Path, n: int, side: int) -> Path:
    folder.mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_is_scored(tmp_path, monkeypatch):
    """Against images of the full side, also in mid-growth, as the authors' metrics do; ranked apart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    path = imported("pggan", tmp_path, lod=1.5)
    common = {"extractors": ["random"], "n_fake": 16, "n_real": 16}
    with pytest.raises(ValueError, match="name what to score them against, such as --data"):
        scoring.evaluate(path, **common)
    scoring.evaluate(path, **common, data=str(photos(tmp_path / "photos", 16, 32)))
    (row,) = (json.loads(p.read_text()) for p in (tmp_path / "results" / "pggan").glob("*.json"))
    assert row["imported"]["file"] == "karras.pkl"
    assert len(row["imported"]["sha256"]) == 64
    assert row["imported"]["licence"] == "CC BY-NC 4.0"
    assert row["imported"]["lod"] == 1.5
    assert row["data"]["resolution"] == 32
    assert row["metrics"]["fd_random"] > 0
    scoring.leaderboard(tmp_path / "results")
    page = (tmp_path / "results" / "README.md").read_text()
    assert "eleased weights" in page


def test_rebuilds_photos(tmp_path, capsys):
    path = imported("introvae", tmp_path)
    models.reconstruct(path, photos(tmp_path / "photos", 2, 40), tmp_path / "pairs.png")
    assert Image.open(tmp_path / "pairs.png").width >= 64
    assert "PSNR" in capsys.readouterr().out
    weights.export(path, "torchscript", "E")


def test_takes_the_place_of_an_import_and_of_nothing_else(tmp_path):
    path = imported("r1gan", tmp_path)
    assert imported("r1gan", tmp_path) == path
    last = tmp_path / "last.ckpt"
    torch.save({"zoo": {"paper": "r1gan"}, "state_dict": {}}, last)
    before = last.read_bytes()
    with pytest.raises(ValueError, match=r"last.ckpt exists and was not imported, .*: name another with --out"):
        zoo.import_weights(FILES["r1gan"](tmp_path), last)
    assert last.read_bytes() == before


def test_import_of_the_folder_one_stands_in(tmp_path, monkeypatch):
    """It has no name of its own; the checkpoint lies beside it."""
    folder = tmp_path / "released"
    folder.mkdir()
    monkeypatch.chdir(folder)
    found = SimpleNamespace()
    monkeypatch.setattr(importing.containers, "recognise", lambda path, paper: found)
    monkeypatch.setattr(importing.containers, "sha256", lambda path: "0")
    monkeypatch.setattr(importing, "assemble", lambda one: (None, {"imported": {}}))
    monkeypatch.setattr(importing, "tell", lambda *_: "")
    monkeypatch.setattr(importing, "write", lambda gan, about, out: out.write_text(""))
    assert zoo.import_weights(".") == tmp_path / "released.ckpt"
    with pytest.raises(ValueError, match=r"--out .* is a folder: name a file in it"):
        zoo.import_weights(".", tmp_path)
