"""`zoo data inspect`: what it counts and what it finds suspicious."""

import numpy as np
import pytest
from pictures import png
from PIL import Image

from zoo.__main__ import main
from zoo.preparation.inspection import inspect
from zoo.preparation.prepare import prepare
from zoo.preparation.sheet import WIDTH, contact_sheet


@pytest.fixture
def odd(tmp_path):
    """Forty colour images of 24 px in two classes, and six that are not as they should be."""
    folder = tmp_path / "odd"
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
    for i in range(40):
        (folder / ("ant" if i % 4 else "bee") / f"{i}.png").write_bytes(png(i, (24, 24)))
    (folder / "ant" / "again.png").write_bytes(png(1, (24, 24)))
    (folder / "ant" / "broken.png").write_bytes(png(1)[:40])
    Image.new("RGB", (24, 24), (9, 99, 30)).save(folder / "ant" / "flat.png")
    (folder / "ant" / "grey.png").write_bytes(png(50, (24, 24), mode="L"))
    (folder / "ant" / "large.png").write_bytes(png(51, (30, 24)))
    framed = np.array(Image.open(folder / "ant" / "1.png"))
    framed[:3] = framed[-3:] = 0
    Image.fromarray(framed).save(folder / "ant" / "framed.png")
    return folder


def test_suspicious_images_are_found_and_others_are_not(odd):
    found = inspect(odd)
    why = {found.source.names[i].split("/")[1]: reason for i, reason in found.suspicious}
    assert why.pop("broken.png").startswith("cannot be decoded")
    assert {why.pop("1.png", ""), why.pop("again.png", "")} in (
        {"", "has the same pixels as ant/1.png"},
        {"", "has the same pixels as ant/again.png"},
    )
    assert why == {
        "flat.png": "is almost one colour",
        "framed.png": "has black bars at its edges",
        "grey.png": "is grey among colours",
        "large.png": "is 30x24 px, unlike the others",
    }
    assert found.suspicious[0][1].startswith("cannot be decoded")  # the gravest first
    assert found.per_class == {0: 36, 1: 10}
    assert found.sizes == {(24, 24): 44, (30, 24): 1}


def test_command_prints_and_draws(odd, tmp_path, capsys):
    main(["data", "inspect", str(odd), "--out", str(tmp_path / "sheet.png")])
    shown = capsys.readouterr().out
    for words in (
        "46 images (folder)",
        "24x24 (44)",
        "classes: 2, 10 to 36 images each",
        "suspicious: 6 of all images",
    ):
        assert words in shown
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.width == WIDTH
    assert np.asarray(sheet).std() > 20


def test_prepared_sets_tell_how_they_were_made(odd, tmp_path):
    prepare("folder", odd, tmp_path / "set.zip", 8, filter="box")
    found = inspect(tmp_path / "set.zip", sample=10)
    assert "from odd: crop center, filter box" in str(found)
    assert "10 evenly spaced images looked at" in str(found)
    assert len(found.looks) == 10
    assert {0, len(found.source) - 1} <= {f.i for f in found.looks}


def test_many_classes_and_no_image_at_all(tmp_path):
    for i in range(60):
        (tmp_path / "many" / f"{i:03d}").mkdir(parents=True)
        (tmp_path / "many" / f"{i:03d}" / "a.png").write_bytes(png(i))
    contact_sheet(inspect(tmp_path / "many"), tmp_path / "many.png")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"junk")
    found = inspect(tmp_path / "bad")
    assert "size: unknown" in str(found)
    contact_sheet(found, tmp_path / "new.d" / "bad.png")


def test_sample_must_be_positive(odd):
    with pytest.raises(ValueError, match="sample must be at least 1"):
        inspect(odd, sample=0)
