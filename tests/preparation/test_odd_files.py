"""Odd files as people have them: right, or refused in a sentence, by preparing, inspecting and training alike."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import png
from PIL import Image, ImageCms, PngImagePlugin

from zoo.data import BadImage, ImageDataModule
from zoo.preparation.inspection import inspect
from zoo.preparation.prepare import prepare

SIDE = 8
GREY = np.arange(64, dtype=np.uint8).reshape(SIDE, SIDE) * 3
WHITE = np.full((SIDE, SIDE), 255, np.uint8)


def saved(image: Image.Image, format: str = "png", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[None], 3, 0)


def deep_grey(transparent: int | None = None) -> bytes:
    """A 16-bit grey PNG of GREY * 257, perhaps with one transparent value."""
    options = {}
    if transparent is not None:
        options["transparency"] = transparent
    return saved(Image.fromarray(GREY.astype(np.uint16) * 257), **options)


def deep_colours(transparent: bool = False) -> bytes:
    """A 16-bit RGB PNG by hand: Pillow writes none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(
        b"\0" + three(GREY).transpose(1, 2, 0)[y].astype(">u2").__mul__(257).tobytes() for y in range(SIDE)
    )
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    marked = chunk(b"tRNS", struct.pack(">HHH", 0, 0, 0)) if transparent else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + marked
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def frames(format: str) -> bytes:
    first, second = (Image.fromarray(three(x).transpose(1, 2, 0).copy()) for x in (GREY, WHITE))
    return saved(
        first, format, save_all=True, append_images=[second], **({"lossless": True} if format == "webp" else {})
    )


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    return saved(Image.fromarray(GREY), exif=exif)


def palette(transparent: bool) -> bytes:
    image = Image.fromarray(GREY // 64, "P")
    image.putpalette([0, 0, 0, 50, 60, 70, 100, 110, 120, 200, 210, 220])
    return saved(image, **({"transparency": 1} if transparent else {}))


def of_palette(transparent: bool) -> np.ndarray:
    colours = np.array([[0, 0, 0], [50, 60, 70], [100, 110, 120], [200, 210, 220]], np.uint8)
    if transparent:
        colours[1] = 255
    return colours[GREY // 64].transpose(2, 0, 1)


def interlaced() -> bytes:
    """An Adam7 PNG of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]  # width, height of an 8 px image's passes
    rows = b"".join((b"\0" + bytes([77]) * w) * h for w, h in passes)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def adobe() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    return saved(Image.fromarray(GREY), icc_profile=profile)


HALF = np.where(np.arange(SIDE) < 4, 0, 255)[None].repeat(SIDE, 0).astype(np.uint8)
VEIL = np.stack([GREY, HALF], 2)
LAID = np.where(HALF == 0, 255, GREY).astype(np.uint8)

#: name -> bytes, pixels after preparing or words of the refusal, and whether training takes it too or its own words
FILES: dict[str, tuple[Callable[[], bytes], np.ndarray | str, bool | str]] = {
    "int32.tif": (lambda: saved(Image.fromarray(GREY.astype(np.int32)), "tiff"), three(GREY), "more than 8 bits"),
    "int32-large.tif": (
        lambda: saved(Image.fromarray(GREY.astype(np.int32) * 1000), "tiff"),
        "more than 16 bits a channel, with values",
        "more than 8 bits",
    ),
    "float.tif": (lambda: saved(Image.fromarray(GREY.astype(np.float32)), "tiff"), "more than 8 bits", True),
    "deep.png": (deep_grey, three(GREY), "more than 8 bits"),
    "deep-transparent.png": (
        lambda: deep_grey(int(GREY[2, 3]) * 257),
        three(np.where(GREY[2, 3] == GREY, 255, GREY).astype(np.uint8)),
        "more than 8 bits",
    ),
    "deep-near.png": (lambda: deep_grey(int(GREY[2, 3]) * 257 + 1), three(GREY), "more than 8 bits"),
    "deep-colours.png": (deep_colours, three(GREY), "more than 8 bits"),
    "deep-colours-marked.png": (lambda: deep_colours(True), "one transparent colour", "more than 8 bits"),
    "animated.webp": (lambda: frames("webp"), "2 frames", True),
    "animated.png": (lambda: frames("png"), "2 frames", True),
    "pages.tif": (lambda: frames("tiff"), "2 frames or pages", True),
    "palette.png": (lambda: palette(False), of_palette(False), True),
    "palette-transparent.png": (lambda: palette(True), of_palette(True), True),
    "grey-alpha.png": (lambda: saved(Image.fromarray(VEIL, "LA")), three(LAID), True),
    "grey-transparent.png": (
        lambda: saved(Image.fromarray(GREY), transparency=int(GREY[2, 3])),
        three(np.where(GREY[2, 3] == GREY, 255, GREY).astype(np.uint8)),
        True,
    ),
    "one-bit.png": (lambda: saved(Image.fromarray(HALF).convert("1")), three(HALF), True),
    "interlaced.png": (interlaced, np.full((3, SIDE, SIDE), 77, np.uint8), True),
    "cmyk.tif": (
        lambda: saved(Image.fromarray(np.zeros((SIDE, SIDE, 4), np.uint8), "CMYK"), "tiff"),
        np.full((3, SIDE, SIDE), 255, np.uint8),
        True,
    ),
    "profile.png": (adobe, three(GREY), True),
    "turned.png": (turned, three(np.rot90(GREY, -1)), True),
    "cut.png": (lambda: png(0)[:-40], "cannot be decoded", True),
    "cut.jpg": (lambda: png(0, (64, 64), format="jpeg")[:500], "cannot be decoded", True),
    "empty.png": (lambda: b"", "cannot be decoded", True),
}


@pytest.mark.parametrize("name", FILES)
def test_an_odd_image_is_right_or_refused_everywhere(name, tmp_path):
    make, wanted, trains = FILES[name]
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(make())
    (folder / "zz-plain.png").write_bytes(png(0))
    report = prepare("folder", folder, tmp_path / "out.zip", SIDE)
    looks = inspect(folder)
    if isinstance(wanted, str):
        assert report.manifest["images"] == 1
        assert wanted in str(report), report
        assert wanted in str(looks), looks
    else:
        made = ImageDataModule(str(tmp_path / "out.zip"), SIDE)
        assert len(made) == 2
        assert np.array_equal(made.images(torch.tensor([0]))[0].numpy(), wanted)
    data = ImageDataModule(str(folder), SIDE, memory_gib=0)
    if trains is True and not isinstance(wanted, str):
        assert np.array_equal(data.images(torch.tensor([0]))[0].numpy(), wanted)
        return
    with pytest.raises(BadImage, match=wanted if trains is True else trains) as caught:
        data.images(torch.tensor([0]))
    assert name in str(caught.value)


def test_what_was_odd_is_counted(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("profile.png", "int32.tif", "deep-colours.png", "turned.png"):
        (folder / name).write_bytes(FILES[name][0]())
    odd = prepare("folder", folder, tmp_path / "out.zip", SIDE).manifest["odd"]
    assert odd["with a colour profile, which is ignored"] == 1
    assert odd["32-bit"] == odd["16-bit"] == odd["rotated by EXIF"] == 1


# ---- zips and labels


def zipped(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is, with backslashes
            file.writestr(info, content)
    return path


def table(*pairs: tuple[str, object]) -> str:
    return json.dumps({"labels": [list(pair) for pair in pairs]})


GOOD: dict[str, dict[str, bytes | str]] = {
    "root": {"set/a.png": png(0), "set/b.png": png(1), "set/dataset.json": table(("a.png", 1), ("b.png", 0))},
    "root-whole-paths": {
        "set/a.png": png(0),
        "set/b.png": png(1),
        "set/dataset.json": table(("set/a.png", 1), ("set/b.png", 0)),
    },
    "root-shards": {
        "set/0/a.png": png(0),
        "set/1/b.png": png(1),
        "set/dataset.json": table(("0/a.png", 1), ("1/b.png", 0)),
        "__MACOSX/set/dataset.json": "{",
    },
    "backslashes": {"x\\a.png": png(0), "x\\b.png": png(1), "dataset.json": table(("x/a.png", 1), ("x/b.png", 0))},
    "backslashes-in-both": {
        "x\\a.png": png(0),
        "x\\b.png": png(1),
        "dataset.json": table(("x\\a.png", 1), ("x\\b.png", 0)),
    },
    "twice-the-same": {
        "a.png": png(0),
        "b.png": png(1),
        "dataset.json": table(("a.png", 1), ("b.png", 0), ("a.png", 1)),
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_labels_are_found_where_zips_have_them(name, tmp_path):
    path = zipped(tmp_path / "in.zip", GOOD[name])
    data = ImageDataModule(str(path), SIDE)
    assert data.labels.tolist() == [1, 0]
    assert "classes: 2" in str(inspect(path))
    prepare("folder", path, tmp_path / "out.zip", SIDE)
    made = ImageDataModule(str(tmp_path / "out.zip"), SIDE)
    assert made.labels.tolist() == [1, 0]
    assert torch.equal(made.images(torch.arange(2)), data.images(torch.arange(2)))


def test_a_folder_around_a_prepared_set_changes_nothing(tmp_path):
    plain = {"a.png": png(0), "b.png": png(1)}
    zipped(tmp_path / "in.zip", plain | {"dataset.json": table(("a.png", 1), ("b.png", 0))})
    prepare("folder", tmp_path / "in.zip", tmp_path / "made.zip", SIDE)
    with zipfile.ZipFile(tmp_path / "made.zip") as made:
        inside = {f"made/{name}": made.read(name) for name in made.namelist()}
    outer = zipped(tmp_path / "outer.zip", inside)
    same = [ImageDataModule(str(path), SIDE) for path in (tmp_path / "made.zip", outer)]
    assert same[0].fingerprint == same[1].fingerprint
    with pytest.raises(ValueError, match=r"prepared at 8 px \(manifest.json\), not 16"):
        ImageDataModule(str(outer), 16).setup()


BAD: dict[str, tuple[dict[str, bytes | str], str]] = {
    "twice": (
        {"a.png": png(0), "dataset.json": table(("a.png", 1), ("a.png", 0))},
        r"labels a.png twice, as 1 and as 0",
    ),
    "a-class-of-10-12": (
        {"a.png": png(0), "dataset.json": table(("a.png", 10**12))},
        "numbers classes from 0 to 999,999",
    ),
    "deep": ({"a.png": png(0), "dataset.json": "[" * 100_000}, "dataset.json in"),
    "elsewhere": (
        {"x/a.png": png(0), "y/b.png": png(1), "x/dataset.json": table(("a.png", 1))},
        "holds x/dataset.json, which labels nothing there",
    ),
    "member-twice": ({"x\\a.png": png(0), "x/a.png": png(1)}, "holds x/a.png more than once"),
}


@pytest.mark.parametrize("name", BAD)
def test_labels_that_cannot_be_are_refused_everywhere(name, tmp_path):
    members, words = BAD[name]
    path = zipped(tmp_path / "in.zip", members)
    for use in (
        lambda: ImageDataModule(str(path), SIDE).setup(),
        lambda: inspect(path),
        lambda: prepare("folder", path, tmp_path / "out.zip", SIDE),
    ):
        with pytest.raises(ValueError, match=words):
            use()
    assert not (tmp_path / "out.zip").exists()


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "in.zip", {"a.png": png(0), "dataset.json": table(("a.png", 1))})
    raw = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = 0
        while (start := raw.find(mark, start)) >= 0:
            raw[start + at] |= 1
            start += 4
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="is encrypted"):
        ImageDataModule(str(path), SIDE).setup()


def test_parquet_classes_are_bounded(tmp_path):
    pytest.importorskip("pyarrow")
    from foreign import parquet

    parquet(tmp_path / "train-0.parquet", [png(0), png(1)], [0, 10**12])
    with pytest.raises(ValueError, match="has a class 1,000,000,000,000"):
        inspect(tmp_path)


def test_text_chunks_of_any_length_are_no_matter(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "x" * 10_000)
    (tmp_path / "a.png").write_bytes(saved(Image.fromarray(GREY), pnginfo=info))
    assert np.array_equal(ImageDataModule(str(tmp_path), SIDE).images(torch.tensor([0]))[0].numpy(), three(GREY))
