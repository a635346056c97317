"""Odd images, pyramids, and runs that are killed on the way."""

import errno
import io
import json
import multiprocessing
import os
import signal
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import pixels, png
from PIL import Image

from zoo.data import ImageDataModule
from zoo.data.files import BadImage
from zoo.data.kinds import KINDS
from zoo.preparation import prepare as module
from zoo.preparation.pixels import CROPS, FILTERS, crop_of, decode, encode, fit, levels
from zoo.preparation.prepare import prepare
from zoo.preparation.writing import Zips
from zoo.training.mistakes import door


def file_of(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **{"format": "png"} | options)
    return buffer.getvalue()


def manifest_of(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


# ---- odd images


def test_odd_images_are_used_by_rule_and_counted(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "cmyk.tif").write_bytes(png(0, mode="CMYK", format="tiff"))
    (folder / "deep.png").write_bytes(file_of(Image.fromarray(grey.astype(np.uint16) * 256 + 255)))
    (folder / "grey.png").write_bytes(file_of(Image.fromarray(grey)))
    (folder / "palette.png").write_bytes(png(1, mode="P"))
    (folder / "turned.png").write_bytes(file_of(Image.fromarray(grey), exif=exif))
    (folder / "veil.png").write_bytes(file_of(Image.new("RGBA", (8, 8), (10, 20, 30, 0))))
    (folder / "zz_again.png").write_bytes(file_of(Image.fromarray(grey), compress_level=0))
    (folder / "float.tif").write_bytes(file_of(Image.fromarray(np.ones((8, 8), np.float32)), format="tiff"))
    (folder / "zero.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    report = prepare("folder", folder, tmp_path / "out.zip", 8)
    odd = {"16-bit": 1, "CMYK": 1, "grey": 3, "palette": 1, "rotated by EXIF": 1, "transparent": 1}
    assert report.manifest["odd"] == odd
    assert report.manifest["encodings"] == {"PNG": 6, "TIFF": 1}
    assert report.manifest["skipped"] == 2
    assert report.manifest["duplicates"] == 2  # the 16-bit and the re-encoded copy of the grey image
    assert report.ignored == ["notes.txt"]
    text = report.file.read_text()
    for line in (
        "left out: float.tif has more than 8 bits a channel",
        "left out: zero.png cannot be decoded",
        "twice: zz_again.png has the same pixels as deep.png",
        "no image, ignored: notes.txt",
    ):
        assert line in text
        assert line in str(report)
    got = ImageDataModule(str(tmp_path / "out.zip"), 8, seed=0).images(range(7)).numpy()
    assert np.array_equal(got[1][0], grey)
    assert np.array_equal(got[4][0], np.rot90(grey, -1))
    assert (got[5] == 255).all()


def test_duplicates_may_be_dropped(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(9):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i % 4))
    report = prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8, duplicates="drop")
    assert (report.manifest["images"], report.manifest["skipped"]) == (4, 5)
    assert "8.png has the same pixels as 0.png" in report.skipped
    assert prepare("folder", tmp_path / "in", tmp_path / "kept.zip", 8).manifest["images"] == 9


def test_long_lists_are_cut_on_the_screen_only(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ok.png").write_bytes(png(0))
    for i in range(25):
        (tmp_path / "in" / f"small{i}.png").write_bytes(png(i, (4, 4)))
    report = prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
    assert str(report).count("left out") == 11
    assert f"and 15 more, see {tmp_path / 'out.report.txt'}" in str(report)
    assert report.file.read_text().count("left out") == 25


def test_a_set_of_another_size_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    assert "CelebA-HQ has 30,000 images, not 1" in str(prepare("celebahq", tmp_path / "in", tmp_path / "a.zip", 8))
    whole = str(prepare("celebahq", tmp_path / "in", tmp_path / "b.zip", 8, limit=1))
    assert "note" not in whole


def test_small_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    with pytest.raises(OSError, match=r"GB will be written to .* GB are free: choose another destination"):
        prepare("folder", tmp_path / "in", tmp_path / "new" / "out.zip", 8)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_an_image_or_a_reason(data):
    try:
        image, _ = decode(data)
    except BadImage:
        return
    assert image.mode == "RGB"


@given(cut=st.integers(0, 250), at=st.integers(0, 250), bit=st.integers(0, 7))
@settings(deadline=None)
def test_damaged_files_are_an_image_or_a_reason(cut, at, bit):
    data = bytearray(png(0))
    data[at % len(data)] ^= 1 << bit
    for damaged in (bytes(data), png(0)[:cut]):
        try:
            decode(damaged)
        except BadImage:
            continue


# ---- crops and filters


@given(width=st.integers(1, 700), height=st.integers(1, 700), name=st.sampled_from([*CROPS, "center-50"]))
def test_crops_stay_inside_and_in_the_middle(width, height, name):
    try:
        left, top, right, bottom = crop_of(name)(width, height)
    except BadImage:
        assert name != "center"
        return
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if name != "celeba":
        assert abs(left - (width - right)) <= 1
        assert abs(top - (height - bottom)) <= 1


@pytest.mark.parametrize("filter", FILTERS)
def test_a_flat_image_stays_flat(filter):
    image = Image.new("RGB", (16, 16), (13, 77, 250))
    (made,) = levels(fit(image, 4, "center", filter, 0), [4]).values()
    assert (made == (13, 77, 250)).all()


def test_a_stretch_brings_the_least_value_to_0_and_the_greatest_to_255_over_all_channels():
    """SNGAN's ImageNet: scipy's bytescale, (x - min) * 255 / (max - min) + 1/2 cut to a byte."""
    pixels = np.full((8, 8, 3), 100, np.uint8)
    pixels[0, 0, 0], pixels[1, 1, 2], pixels[2, 2] = 60, 160, (61, 110, 159)
    made = fit(Image.fromarray(pixels), 8, "center", "bilinear", 0, stretch=True)
    assert made[0, 0, 0] == 0
    assert made[1, 1, 2] == 255
    assert made[3, 3].tolist() == [102] * 3
    assert made[2, 2].tolist() == [int(x * 2.55 + 0.5) for x in (1, 50, 99)]
    assert not fit(Image.new("RGB", (8, 8), (9, 9, 9)), 8, "center", "box", 0, stretch=True).any()
    plain = fit(Image.fromarray(pixels), 4, "center", "bilinear", 0)
    assert not np.array_equal(fit(Image.fromarray(pixels), 4, "center", "bilinear", 0, stretch=True), plain)


def test_means_are_rounded_once_and_half_to_even():
    column = np.array([0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1], np.uint8).reshape(4, 4)
    image = Image.fromarray(np.repeat(column[:, :, None], 3, 2))
    made = levels(fit(image, 4, "none", "mean", 0), [4, 2, 1])
    assert made[2][..., 0].tolist() == [[0, 0], [1, 1]]  # means 0.5, 0.25, 0.75, 1: the half goes to 0
    assert made[1][0, 0, 0] == 1  # 0.625; from the rounded level it would be 0.5 and go to 0


def test_means_that_do_not_lead_there():
    with pytest.raises(BadImage, match="has 12 px, from which 2x2 means do not lead to 4"):
        fit(Image.new("RGB", (12, 12)), 4, "none", "mean", 0)


@pytest.mark.parametrize("format", ["png", "webp"])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
@settings(deadline=None, max_examples=20)
def test_encodings_are_lossless(format, seed, size):
    array = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(decode(encode(array, format))[0]), array)


def test_webp_zip_is_read_like_png(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i))
    prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8, format="webp")
    got = ImageDataModule(str(tmp_path / "out.zip"), 8, seed=0).images(range(3)).numpy()
    assert np.array_equal(got, np.stack([pixels(png(i)) for i in range(3)]))


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_exist(kind):
    crop_of(KINDS[kind].crop)
    assert KINDS[kind].filter in FILTERS


# ---- pyramids


@pytest.fixture
def faces(tmp_path) -> Path:
    for i in range(20):
        folder = tmp_path / "faces" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.png").write_bytes(png(i, (20, 20)) if i != 7 else b"broken")
    return tmp_path / "faces"


def test_pyramid_is_one_zip_a_level_all_in_the_same_order(faces, tmp_path):
    report = prepare("folder", faces, tmp_path / "set-{resolution}.zip", 16, pyramid=True)
    assert report.dest == tmp_path / "set-16.zip"
    assert sorted(p.name for p in tmp_path.glob("*.zip")) == ["set-16.zip", "set-4.zip", "set-8.zip"]
    dm = ImageDataModule(str(tmp_path / "set-{resolution}.zip"), 16, seed=0)
    top, labels = dm.images(range(19)).double(), dm.labels
    for resolution in (8, 4):
        top = top.reshape(19, 3, resolution, 2, resolution, 2).mean((3, 5))
        dm.resolution = resolution
        assert (dm.images(range(19)).double() - top).abs().max() <= 0.5
        assert dm.labels.tolist() == labels.tolist()
        manifest = manifest_of(tmp_path / f"set-{resolution}.zip")
        assert manifest["filter"] == "lanczos"
        assert manifest["pyramid_of"] == 16
        assert manifest["images"] == 19


def test_pyramid_of_the_original_size_is_made_by_means_alone(make_zip, tmp_path):
    prepare("folder", make_zip(), tmp_path / "p-{resolution}.zip", 8, pyramid=True)
    assert [manifest_of(tmp_path / f"p-{r}.zip")["filter"] for r in (8, 4)] == [None, "mean"]


@pytest.mark.parametrize(
    ("dest", "resolution", "words"),
    [
        ("set.zip", 16, r"put \{resolution\} into the name, such as .*set-\{resolution\}\.zip"),
        ("set-{resolution}.zip", 12, "powers of two from 4 px on, not to 12"),
    ],
)
def test_pyramids_that_cannot_be(faces, tmp_path, dest, resolution, words):
    with pytest.raises(ValueError, match=words):
        prepare("folder", faces, tmp_path / dest, resolution, pyramid=True)


# ---- killed on the way


class Killed(BaseException):
    pass


def run(faces: Path, dest: Path, **options):
    return prepare("folder", faces, dest / "set-{resolution}.zip", 8, pyramid=True, workers=0, **options)


def digests(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kill=st.integers(0, 7), junk=st.binary(max_size=300), half=st.booleans())
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(faces, tmp_path_factory, kill, junk, half):
    tmp_path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 3)
        run(faces, tmp_path / "whole")
        add, calls = Zips.add, []

        def dies(zips, *arguments):
            if len(calls) == kill:
                if half:  # what a kill between the levels leaves
                    zips.write(8, "half.png", junk)
                    zips.journal.write(b'{"done": ')
                raise Killed
            calls.append(1)
            add(zips, *arguments)

        patch.setattr(Zips, "add", dies)
        if kill == 7:  # while renaming
            patch.setattr(Path, "rename", lambda self, target: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(faces, tmp_path / "killed")
        patch.undo()
        patch.setattr(module, "CHUNK", 5)
        assert not list((tmp_path / "killed").glob("*.zip"))
        with (tmp_path / "killed" / ".set-8.zip.part").open("ab") as part:
            part.write(junk if kill < 7 else b"")
        made = []
        make = module.Work.make
        patch.setattr(module.Work, "make", lambda work, i: made.append(i) or make(work, i))
        report = run(faces, tmp_path / "killed")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
    assert report.manifest["images"] == 19
    assert "7.png cannot be decoded" in report.skipped[0]
    sample = len({k * 19 // 15 for k in range(16)})
    assert len(made) - sample == max(0, 20 - 3 * kill)  # what was done is not done again


def test_other_settings_start_anew(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    with monkeypatch.context() as patch:
        patch.setattr(Zips, "commit", lambda zips: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(faces, tmp_path / "out", filter="bilinear")
    run(faces, tmp_path / "out", filter="lanczos")
    run(faces, tmp_path / "plain", filter="lanczos")
    assert digests(tmp_path / "out") == digests(tmp_path / "plain")


def test_a_part_removed_by_hand_starts_anew(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(faces, tmp_path / "out")
    (tmp_path / "out" / ".set-4.zip.part").unlink()
    run(faces, tmp_path / "out")
    run(faces, tmp_path / "plain")
    assert digests(tmp_path / "out") == digests(tmp_path / "plain")


def _try(dest: Path, answers) -> None:
    try:
        Zips({8: dest}, {}, "png").close()
    except OSError as error:
        answers.put(str(error))
    else:
        answers.put("opened")


def test_two_at_once_are_refused_and_a_dead_one_blocks_nobody(tmp_path):
    dest = tmp_path / "set.zip"
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    zips = Zips({8: dest}, {}, "png")
    orphan = fork.Process(target=time.sleep, args=(60,))  # a worker that outlives its parent
    orphan.start()
    for expected in ("another process is preparing", "opened"):
        other = fork.Process(target=_try, args=(dest, answers))
        other.start()
        assert expected in answers.get(timeout=60)
        other.join()
        zips.close()
    orphan.kill()
    orphan.join()


def test_workers_give_the_same_bytes(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 2)
    for name, workers in (("none", 0), ("two", 2)):
        prepare("folder", faces, tmp_path / name / "set.zip", 8, workers=workers)
    assert digests(tmp_path / "none") == digests(tmp_path / "two")


# ---- files of others


def test_a_file_of_somebody_s_own_in_the_place_of_the_report_is_left_alone(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    own = tmp_path / "out.report.txt"
    own.write_text("my notes")
    for _ in range(2):  # with nothing to list, and with something
        with pytest.raises(FileExistsError, match=r"out.report.txt is there already, where the report of out.zip"):
            prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
        (tmp_path / "in" / "notes.txt").write_text("no image")
    assert own.read_text() == "my notes"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.report.txt"]
    own.unlink()
    prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
    (tmp_path / "out.zip").unlink()
    (tmp_path / "in" / "notes.txt").unlink()
    prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)  # our own of an earlier zip goes
    assert not own.exists()


def test_an_unfinished_zip_of_another_command_is_left_alone(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    part = tmp_path / ".out.zip.part"
    part.write_text("of others")
    with pytest.raises(FileExistsError, match=r"\.out\.zip\.part is no part of this command's work"):
        prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
    assert part.read_text() == "of others"
    assert not (tmp_path / "out.zip").exists()


def _prepare_slowly(folder: Path) -> None:
    make = module.Work.make

    def slow(self, i):
        time.sleep(0.02 if i < 64 else 30)
        return make(self, i)

    module.estimate = lambda *_: 1
    module.Work.make = slow
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with door():
        prepare("folder", folder / "in", folder / "out-{resolution}.zip", 8, pyramid=True, workers=2)


def test_ctrl_c_ends_the_workers_too_and_the_same_command_goes_on(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    for i in range(300):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i))
    process = multiprocessing.get_context("fork").Process(target=_prepare_slowly, args=(tmp_path,))
    process.start()
    journal = tmp_path / ".out-8.zip.journal"
    until = time.time() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 1) and time.time() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)  # to this process alone; its workers sleep
    process.join(20)
    assert process.exitcode == 130
    assert capfd.readouterr().err.splitlines()[-1] == "stopped: what is done is kept, and the same command goes on"
    assert not list(tmp_path.glob("out*"))
    report = prepare("folder", tmp_path / "in", tmp_path / "out-{resolution}.zip", 8, pyramid=True, workers=0)
    assert report.manifest["images"] == 300


def test_a_disk_that_fills_up_is_told_and_the_same_command_goes_on(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Zips, "add", full)
        with pytest.raises(OSError, match=r"the disk of .*out.zip is full: make room"):
            prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8)
    assert not list(tmp_path.glob("out*"))
    assert prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8).manifest["images"] == 1
