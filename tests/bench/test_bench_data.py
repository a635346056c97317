"""`zoo bench data` at a size that takes a moment: what is compared is the same work."""

import zipfile
from itertools import islice

import pytest
import torch
from PIL import Image

from zoo.bench import data as bench
from zoo.preparation.prepare import prepare


def test_both_readers_show_the_same_images(tmp_path):
    plain, zipped = bench.photographs(tmp_path, 12, 32)
    ours, labels = zip(*islice(bench.streamed(zipped, 32, 4, 0), 3), strict=True)
    theirs, _ = zip(*islice(bench.image_folder(plain, 4, 0), 3), strict=True)
    assert labels == (None,) * 3
    bytes_ = ((torch.cat(theirs) + 1) * 127.5).round().to(torch.uint8)
    assert sorted(map(tuple, torch.cat(ours).flatten(1).tolist())) == sorted(map(tuple, bytes_.flatten(1).tolist()))
    with zipfile.ZipFile(zipped) as archive:
        assert all(i.filename.endswith(".jpg") for i in archive.infolist())


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_both_readers_take_what_prepare_writes(tmp_path, kind):
    for i, face in enumerate(bench.grainy(6, 32)):
        (tmp_path / "raw" / str(i % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).save(tmp_path / "raw" / str(i % 2) / f"{i}.png")
    zipped = tmp_path / "set.zip"
    prepare("folder", tmp_path / "raw", zipped, 32, format=kind, workers=1)
    bench.check_zip(zipped, 32)
    plain = bench._unpacked(zipped, tmp_path / "plain", 4)
    assert len(list((plain / "all").iterdir())) == 4
    images, _ = next(bench.image_folder(plain, 4, 0))
    assert images.shape == next(bench.streamed(zipped, 32, 4, 0))[0].shape
    with pytest.raises(ValueError, match="prepared at 32 px"):
        bench.check_zip(zipped, 16)


def test_rates_count_images():
    found = bench.rate(iter([(torch.zeros(4, 1),)] * 9), 5)
    assert found.images == 20
    assert found.per_second == 20 / found.wall
    assert bench.memory(8, n=128, batch=16).images == 4 * 128


def test_waiting_is_a_share(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(bench.time, "sleep", lambda seconds: next(clock) and None)
    # each turn reads the clock twice and sleeps once: 1 of 3 ticks is waiting
    assert abs(bench.waiting(iter(range(30)), 1.0, count=20) - 20 / 61) < 1e-9


def test_switching_opens_the_next_resolution(tmp_path):
    assert 0 < bench.switching(tmp_path, n=64, sizes=(8, 16)) < 30
