"""Fixtures of the evaluation tests."""

import pytest
import torch
from evaluation_fakes import Noise, Sampler


@pytest.fixture(autouse=True)
def _one_thread():
    """Small convolutions wait for each other's threads longer than they compute on a shared machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _own_caches(tmp_path, monkeypatch):
    """No test reads or writes the user's caches, and none reaches for the network."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_INCEPTION", raising=False)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))

    def offline(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)


@pytest.fixture
def sampler() -> Sampler:
    return Sampler()


@pytest.fixture
def data() -> Noise:
    return Noise()
