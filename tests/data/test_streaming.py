"""Chunks through litdata: the same images, order and resume as everywhere."""

import shutil
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import pixels, png

from zoo.data import BadImage, EndlessBatches, ImageDataModule, MissingDataset
from zoo.data.order import windowed
from zoo.data.stage import Stage

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@given(sizes=sizes, seed=st.integers(0, 2**63), epoch=st.integers(0, 5), window=st.integers(1, 5))
def test_windows_hold_every_image_once_and_few_chunks(sizes, seed, epoch, window):
    chunks = torch.tensor(sizes)
    order = windowed(chunks, seed, epoch, window)
    assert sorted(order.tolist()) == list(range(sum(sizes)))
    assert torch.equal(order, windowed(chunks, seed, epoch, window))
    owner = torch.searchsorted(chunks.cumsum(0), order, right=True).tolist()
    spans = [(owner.index(c), len(owner) - owner[::-1].index(c)) for c in range(len(sizes))]
    for place in range(len(owner)):
        assert sum(first <= place < last for first, last in spans) <= window


@given(sizes=sizes, per_rank=st.integers(1, 5), world=st.integers(1, 4), done=st.integers(0, 20))
def test_ranks_share_chunked_batches_and_resume_anywhere(sizes, per_rank, world, done):
    chunks, n, batch = torch.tensor(sizes), sum(sizes), per_rank * world
    whole = list(islice(EndlessBatches(n, batch, 3, chunks=chunks), done + 3))[done:]
    for rank in range(world):
        part = EndlessBatches(n, batch, 3, start=done * batch, rank=rank, world=world, chunks=chunks)
        assert list(islice(part, 3)) == [images[rank::world] for images in whole]
    seen = [i for images in islice(EndlessBatches(n, 1, 3, chunks=chunks), 2 * n) for i in images]
    assert sorted(seen[:n]) == sorted(seen[n:]) == list(range(n))


@pytest.fixture
def chunks(make_zip, tmp_path):
    pytest.importorskip("litdata", reason="needs litdata (the data extra)")
    from zoo.data import streaming

    folder = tmp_path / "chunks"
    with pytest.MonkeyPatch.context() as patch:  # chunks of few images
        import litdata.streaming

        cache = litdata.streaming.Cache
        patch.setattr(litdata.streaming, "Cache", lambda path, chunk_bytes: cache(path, chunk_size=4))
        assert streaming.write_stream(make_zip(n=23, classes=5), folder) == 23
    return folder


def data(path, **options) -> ImageDataModule:
    return ImageDataModule(str(path), 8, batch_size=6, seed=0, **({"num_workers": 0} | options))


def test_streamed_images_are_those_of_the_zip(chunks):
    dm = data(chunks, memory_gib=0)
    assert dm.opened.chunks.tolist() == [4, 4, 4, 4, 4, 3]
    assert np.array_equal(dm.images([22, 0, 9]).numpy(), np.stack([pixels(png(i)) for i in (22, 0, 9)]))
    assert dm.labels.tolist() == [i % 5 for i in range(23)]
    assert data(chunks, labels=False, memory_gib=0).labels is None


def test_far_chunks_come_in_the_same_order_whatever_reads_them(chunks, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_OPTIMIZER_CACHE_FOLDER", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = list(islice(data(chunks).train_dataloader(), 9))  # in memory
    for workers in (0, 2):
        far = data(f"local:{chunks}", memory_gib=0, num_workers=workers)
        for (x, y), (x_, y_) in zip(expected, islice(far.train_dataloader(), 9), strict=True):
            assert torch.equal(x, x_)
            assert torch.equal(y, y_)
        assert far.fingerprint == data(chunks).fingerprint


def test_a_limit_keeps_its_chunks(chunks):
    dm = data(chunks, limit=7, memory_gib=0)
    assert dm.opened.chunks.sum() == 7
    straight = data(chunks, limit=7)
    assert [y.tolist() for _, y in islice(dm.train_dataloader(), 4)] == [
        y.tolist() for _, y in islice(straight.train_dataloader(), 4)
    ]


def test_streams_that_are_not_there(chunks, tmp_path):
    with pytest.raises(MissingDataset, match=r"no data set at local:.*nowhere.*zoo data stream"):
        data(f"local:{tmp_path}/nowhere").setup()
    from zoo.data.streaming import write_stream

    with pytest.raises(FileExistsError, match="not empty"):
        write_stream(tmp_path / "set.zip", chunks)
    with pytest.raises(ValueError, match="was prepared at 8 px"):
        ImageDataModule(str(chunks), 16, seed=0).setup()
    shutil.rmtree(chunks)
    with pytest.raises(MissingDataset):
        data(chunks).setup()


def test_images_that_cannot_be_streamed_are_named_before_anything_is_written(make_zip, tmp_path):
    pytest.importorskip("litdata", reason="needs litdata (the data extra)")
    from zoo.data.streaming import write_stream

    for name, content in (("odd", png(5, (9, 9))), ("torn", png(5)[:60])):
        path = make_zip(f"{name}.zip", files={"00000/img00000005.png": content})
        with pytest.raises(BadImage, match=f"{name}.zip: 00000/img00000005.png"):
            write_stream(path, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_levels_of_a_growing_model_may_be_streams(make_zip, tmp_path):
    pytest.importorskip("litdata", reason="needs litdata (the data extra)")
    from zoo.data.streaming import write_stream

    files = {f"00000/img{i:08d}.png": png(i, (4, 4)) for i in range(12)}
    for side, path in ((8, make_zip("8.zip")), (4, make_zip("4.zip", files=files))):
        write_stream(path, tmp_path / f"st-{side}")
    data = ImageDataModule(str(tmp_path / "st-{resolution}"), 8, seed=0, num_workers=0)
    data.enter(Stage(4, 2))
    assert data.images([0]).shape == (1, 3, 4, 4)
