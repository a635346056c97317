"""Folders and zips as people have them: splits, classes, joined sets, links, names."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from pictures import png
from PIL import Image

from zoo.data import ImageDataModule
from zoo.data.files import Files
from zoo.preparation.prepare import prepare


def open_(path, **options) -> ImageDataModule:
    dm = ImageDataModule(path, 8, seed=0, num_workers=0, **options)
    dm.setup()
    return dm


def test_test_images_that_are_trained_on_and_images_given_twice_are_refused(make_zip, tmp_path):
    path, other = make_zip("a.zip"), make_zip("b.zip", n=7, start=50)
    copy = tmp_path / "copy.zip"
    copy.write_bytes(Path(path).read_bytes())
    with pytest.raises(ValueError, match=r"data.test_path .*copy.zip holds images that are trained on"):
        open_([path, other], test_path=str(copy))
    with pytest.raises(ValueError, match=r"a.zip and .*copy.zip hold the same images"):
        open_([path, copy])
    assert len(open_([path], test_path=str(other)).test_images()) == 7


def test_copies_are_known_by_their_content(make_zip, tmp_path):
    path, other = Path(make_zip("a.zip", n=9)), make_zip("b.zip", n=9, start=50)
    unpacked, renamed, again, part = (tmp_path / name for name in ("unpacked", "renamed", "again.v2", "part.zip"))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(unpacked)
        pictures = [name for name in sorted(archive.namelist()) if name.endswith(".png")]
        with zipfile.ZipFile(part, "w") as some:
            for name in pictures[2:5]:
                some.writestr(f"x/{name}", archive.read(name))
    for folder in (renamed, again):
        folder.mkdir()
        for i, name in enumerate(pictures):
            image = Image.open(unpacked / name)
            if folder is renamed:
                (folder / f"{100 - i}.png").write_bytes((unpacked / name).read_bytes())
            else:
                image.save(folder / f"{i}.bmp")
    link = tmp_path / "link"
    link.symlink_to(unpacked)
    for copy in (unpacked, renamed, again, part, link):
        with pytest.raises(ValueError, match=rf"data.test_path .*{copy.name} holds images that are trained on"):
            open_([path], test_path=str(copy), labels=False)
        with pytest.raises(ValueError, match=rf"a.zip and .*{copy.name} hold the same images"):
            open_([path, copy], labels=False)
    with pytest.raises(ValueError, match=r"unpacked and .*link hold the same images"):
        open_([unpacked, link])
    assert len(open_([unpacked, other], labels=False)) == 18
    shared = tmp_path / "shared.zip"  # a few images in both are no copy
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(shared, "w") as some:
        some.writestr("0.png", archive.read(pictures[0]))
        for i in range(2):
            some.writestr(f"{1 + i}.png", png(900 + i))
    assert len(open_([path], test_path=str(shared), labels=False).test_images()) == 3


def test_zips_that_number_other_classes_do_not_join(tmp_path):
    for name, classes in (("a", ("cat", "dog")), ("b", ("dog", "emu")), ("c", ("cat", "dog"))):
        for i, k in enumerate(classes):
            (tmp_path / name / k).mkdir(parents=True)
            (tmp_path / name / k / "0.png").write_bytes(png(2 * ord(name) + i))
    with pytest.raises(ValueError, match=r"a has the classes cat, dog and .*b dog, emu, .*set labels to false"):
        open_([tmp_path / "a", tmp_path / "b"])
    assert open_([tmp_path / "a", tmp_path / "c"]).labels.tolist() == [0, 1, 0, 1]
    assert open_([tmp_path / "a", tmp_path / "b"], labels=False).labels is None
    for name in "ab":  # the manifests of prepared sets say the same
        prepare("folder", tmp_path / name, tmp_path / f"{name}.zip", 8, workers=0)
    with pytest.raises(ValueError, match=r"a.zip has the classes cat, dog and .*b.zip dog, emu"):
        open_([tmp_path / "a.zip", tmp_path / "b.zip"])


def test_folders_of_splits_are_no_classes(tmp_path):
    for part in ("train/cat", "train/dog", "val/cat", "val/dog"):
        (tmp_path / "in" / part).mkdir(parents=True)
        (tmp_path / "in" / part / "0.png").write_bytes(png(len(part)))
    for labels in (True, False):
        with pytest.raises(ValueError, match=r"in holds train, val, which are splits .*: give the folder of one"):
            open_(tmp_path / "in", labels=labels)
    assert open_(tmp_path / "in" / "train").labels.tolist() == [0, 1]
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in ("x/train/0.png", "x/Test/0.png"):
            archive.writestr(name, png(0))
    with pytest.raises(ValueError, match=r"in.zip holds x/Test, x/train, .*: unpack it and give one of them"):
        open_(tmp_path / "in.zip")


def test_a_folder_around_the_classes_is_none_of_them(tmp_path):
    for name in ("flowers/rose/0.png", "flowers/tulip/0.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(png(len(name)))
    assert open_(tmp_path).labels.tolist() == [0, 1]
    assert open_(tmp_path / "flowers" / "rose").labels is None


def test_labels_false_asks_nothing_of_the_folders(tmp_path):
    (tmp_path / "cat").mkdir()
    for name in ("0.png", "cat/1.png"):
        (tmp_path / name).write_bytes(png(len(name)))
    assert len(open_(tmp_path, labels=False)) == 2


def test_names_are_in_the_order_of_their_numbers_as_prepared_sets_have_them(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(12):
        (tmp_path / "in" / f"{i}.png").write_bytes(png(i))
    (tmp_path / "in" / "2²1.png").write_bytes(png(99))  # a digit that is no number
    prepare("folder", tmp_path / "in", tmp_path / "out.zip", 8, workers=0)
    plain, made = (open_(tmp_path / name, limit=5, limit_to="first") for name in ("in", "out.zip"))
    assert torch.equal(plain.images(range(5)), made.images(range(5)))


def test_what_cannot_be_listed_or_is_not_there_is_told_before_classes_are_numbered(tmp_path, monkeypatch):
    for k in ("ant", "bee"):
        (tmp_path / "in" / k).mkdir(parents=True)
        (tmp_path / "in" / k / "0.png").write_bytes(png(len(k)))
    os.symlink(tmp_path / "nowhere", tmp_path / "in" / "ant" / "1.png")
    with pytest.raises(ValueError, match=r"ant/1.png is a link to nothing: fetch the file"):
        open_(tmp_path / "in")
    (tmp_path / "in" / "ant" / "1.png").unlink()
    os.symlink(tmp_path / "nowhere", tmp_path / "in" / "ant" / "notes")  # no image: no matter
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("ant"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(ValueError, match=r"ant cannot be listed \(Permission denied\): make it readable"):
        open_(tmp_path / "in")
    monkeypatch.undo()
    (tmp_path / "in" / "lost+found").mkdir()
    assert open_(tmp_path / "in").labels.tolist() == [0, 1]


def test_of_two_links_to_a_folder_the_first_by_name_counts(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "0.png").write_bytes(png(0))
    os.symlink(tmp_path / "b", tmp_path / "a")
    assert Files(tmp_path).names == ["a/0.png"]


def test_a_name_that_is_not_utf8_is_named(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(path, "wb") as file:
            file.write(png(0))
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(ValueError, match=r"b'caf\\xe9.png' in .* is not UTF-8: rename"):
        open_(tmp_path)


def test_two_versions_of_a_hub_cache_are_refused(tmp_path):
    for version in ("abc", "def"):
        (tmp_path / "snapshots" / version).mkdir(parents=True)
        (tmp_path / "snapshots" / version / "0.png").write_bytes(png(0))
    with pytest.raises(ValueError, match=r"holds 2 versions .*snapshots/abc"):
        open_(tmp_path)


def test_folders_with_a_dot_in_their_name(tmp_path):
    for name in ("faces.v2", "faces.zip", "faces.npy", "faces.parquet", "train-00000-of-00001"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "0.png").write_bytes(png(0))
        assert open_(folder).name == name.removesuffix(".zip")
        assert prepare("folder", folder, tmp_path / "out.d" / f"{name}-8.zip", 8, workers=0).manifest["images"] == 1
    assert open_(tmp_path / "out.d" / "faces.v2-8.zip").name == "faces.v2-8"
