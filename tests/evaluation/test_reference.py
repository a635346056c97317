import threading
import warnings

import numpy as np
import pytest
import torch

from zoo.evaluation import reference as module
from zoo.evaluation.extractors import build
from zoo.evaluation.reference import cache_root, reference


@pytest.fixture(scope="module")
def extractor():
    return build("random")


def _same(a, b) -> bool:
    return a.n == b.n and np.array_equal(a.mu, b.mu) and torch.equal(a.features, b.features)


def test_second_time_is_read_from_the_cache(data, extractor):
    first = reference(data, extractor, batch_size=7)
    second = reference(data, extractor, batch_size=50)
    assert data.passes == 1
    assert _same(first, second)
    assert np.array_equal(first.sigma, second.sigma)
    expected = extractor(data.pixels)[0]
    torch.testing.assert_close(first.features, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(first.mu, expected.double().mean(0), rtol=1e-5, atol=1e-6)


def test_every_part_of_the_key_counts(data, extractor):
    reference(data, extractor)
    reference(data, extractor, 30)
    data.fingerprint = "another" * 8
    reference(data, extractor)
    assert data.passes == 3
    assert len(list(cache_root().glob("*.npz"))) == 3


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_damaged_cache_is_recomputed(data, extractor, damage):
    first = reference(data, extractor)
    (path,) = cache_root().glob("*.npz")
    whole = path.read_bytes()
    if damage == "flip":
        middle = len(whole) // 2
        whole = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[: len(whole) // 2], "flip": whole, "empty": b"", "foreign": b"hello"}[damage])
    with pytest.warns(UserWarning, match="damaged reference"):
        again = reference(data, extractor)
    assert _same(first, again)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reference(data, extractor)
    assert data.passes == 2


def test_a_file_under_the_right_name_with_another_key_is_not_believed(data, extractor):
    reference(data, extractor)
    (path,) = cache_root().glob("*.npz")
    data.fingerprint = data.fingerprint[:16] + "x" * 40  # same file name, other data
    reference(data, extractor)
    assert data.passes == 2
    assert path.is_file()


def test_parallel_writers_leave_one_whole_file(data, extractor):
    results = []
    threads = [threading.Thread(target=lambda: results.append(reference(data, extractor))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(_same(results[0], other) for other in results)
    assert [path.suffix for path in cache_root().iterdir()] == [".npz"]


def test_a_folder_that_cannot_be_written_costs_a_warning(data, extractor, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="not cached"):
        assert reference(data, extractor, cache_dir=tmp_path / "file" / "below").n == len(data)


def test_too_many_images_asked_for(data, extractor):
    with pytest.raises(ValueError, match="n_real is 100, but noise has 61"):
        reference(data, extractor, 100)


def test_of_large_sets_evenly_spaced_rows_are_kept(data, extractor, monkeypatch):
    everything = reference(data, extractor)
    monkeypatch.setattr(module, "KEEP", 20)
    some = reference(data, extractor)
    assert some.features.shape[0] == 20
    assert some.n == 61
    np.testing.assert_allclose(some.sigma, everything.sigma)
    places = [int((everything.features == row).all(1).nonzero()[0]) for row in some.features]
    assert places == sorted(places)
    assert max(np.diff(places)) <= 4
