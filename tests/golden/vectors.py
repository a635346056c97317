"""Where the golden vectors are: `$ZOO_GOLDEN`, else ../shared/golden, else tests/golden/data; and reading them."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoo.engine.optim import AdamEpsilonHat

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "golden"


def folder() -> Path:
    if given := os.environ.get("ZOO_GOLDEN"):
        if not Path(given).is_dir():
            raise FileNotFoundError(f"ZOO_GOLDEN names {given}, which is no folder")
        return Path(given)
    return SHARED if SHARED.is_dir() else HERE / "data"


def files(pattern: str) -> list:
    """Paths that match, as pytest parameters; one skipped parameter if this folder has none."""
    found = sorted(folder().glob(pattern))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {pattern} in {folder()}"), id=pattern)]
    return [pytest.param(path, id=path.stem) for path in found]


class Vectors:
    """One file: `meta`, and `group("param/gen/")` -> {rest of the key: array}."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as z:
            self.arrays = {k: z[k] for k in z.files}
        self.meta = json.loads(str(self.arrays.pop("meta")))

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> torch.Tensor:
        """A tensor; float arrays come as float64, integer arrays as int64."""
        array = torch.from_numpy(np.array(self.arrays[key]))
        return array.double() if array.is_floating_point() else array.long()

    def get(self, key: str) -> torch.Tensor | None:
        """As `[key]`, or None where the file has no such array."""
        if key not in self.arrays:
            return None
        return self[key]

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        return {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}


def counterpart(table: Mapping, choice: str, what: str) -> Any:
    """Our counterpart of a choice that the official code has; where there is none the test skips and says so."""
    if choice not in table:
        pytest.skip(f"there is no {what} {choice!r} here, only {', '.join(table)}")
    return table[choice]


def known(names: Iterable[str], find: Callable[[str], Any], what: str) -> dict[str, Any]:
    """name -> what `find` gives for it, without names for which that is None; with none left the test skips.

    One name that the zoo does not have must not hide the others of its file.
    """
    found = {name: value for name in names if (value := find(name)) is not None}
    if not found:
        pytest.skip(f"there is no {what} here that the file knows")
    return found


def with_epsilon(optimizers: list[torch.optim.Optimizer], epsilon: float) -> list[torch.optim.Optimizer]:
    """The module's `AdamEpsilonHat`s with a file's epsilon; the papers' codes leave it at 1e-8."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["epsilon_hat"] = epsilon
    return optimizers


def only(about: dict, **values) -> None:
    """Skip a file whose meta asks for what the zoo does not build; `values`: name -> the one value that it does."""
    for name, value in values.items():
        if about.get(name, value) != value:
            pytest.skip(f"{name} = {about[name]!r} is not built here, where it is always {value!r}")


def close(ours: torch.Tensor, official: torch.Tensor, what: str, rtol: float = 1e-7, atol: float = 1e-12) -> None:
    torch.testing.assert_close(
        ours.detach().double(),
        official.double().reshape(ours.shape),
        rtol=rtol,
        atol=atol,
        msg=lambda m: f"{what}: {m}",
    )


def with_modern_adam(optimizers: list[torch.optim.Optimizer]) -> list[torch.optim.Optimizer]:
    """The module's optimizers with Adam as PyTorch computes it since 1.3, by which the file's steps were made."""
    made = []
    for one in optimizers:
        if isinstance(one, AdamEpsilonHat):
            (group,) = one.param_groups
            one = torch.optim.Adam(group["params"], group["lr"], group["betas"], group["epsilon_hat"])
        made.append(one)
    return made
