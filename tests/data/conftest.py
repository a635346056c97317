import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import png


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
