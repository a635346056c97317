"""Fixtures that several rooms share; helper modules of the tests lie in `helpers`."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from evaluation_fakes import Noise, Sampler
from pictures import png

# the tests' tensors are small, and threads that wait for each other cost more than they bring
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., str]:
    """Write a StyleGAN2-ADA style zip of `n` images, numbered from `start`, with labels i % classes."""

    def make(
        name: str = "set.zip",
        n: int = 12,
        classes: int = 3,
        start: int = 0,
        files: dict[str, bytes] | None = None,
        compression: int = zipfile.ZIP_STORED,
        dataset: object = "default",
    ) -> str:
        names = {f"00000/img{i:08d}.png": i for i in range(start, start + n)}
        members = {name: png(i) for name, i in names.items()} | (files or {})
        if dataset == "default":
            dataset = {"labels": [[name, i % classes] for name, i in names.items()] if classes else None}
        with zipfile.ZipFile(tmp_path / name, "w", compression) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
            if dataset is not None:
                archive.writestr("dataset.json", json.dumps(dataset))
        return str(tmp_path / name)

    return make
