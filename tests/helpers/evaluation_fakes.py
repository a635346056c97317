"""A sampler and a data set of a few lines that keep the contracts of `zoo.engine.gan` and `zoo.data`."""

from collections.abc import Iterator

import torch
from torch import Tensor


class Sampler:
    """Noise images around a grey level; image i depends on (seed, start + i) only."""

    device = "cpu"
    nimg = 5000

    def __init__(self, resolution: int = 16, level: float = 0.0, spread: float = 0.3) -> None:
        self.resolution, self.level, self.spread = resolution, level, spread
        self.calls: list[tuple[int, int]] = []

    def sample(self, n, label=None, truncation=None, ema=True, seed=0, start=0) -> Tensor:
        self.calls.append((start, n))
        images = torch.empty(n, 3, self.resolution, self.resolution)
        for i in range(n):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + start + i)
            images[i].normal_(self.level, self.spread, generator=generator)
        return images.clamp(-1, 1)


class Noise:
    """A data set of random bytes."""

    name, n_classes, labels, note = "noise", 0, None, ""

    def __init__(self, n: int = 61, resolution: int = 16, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (n, 3, resolution, resolution)
        self.pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        self.resolution, self.fingerprint, self.passes = resolution, f"{n}-{resolution}-{seed}" * 8, 0

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def opened(self) -> "Noise":
        return self

    def __getitem__(self, indices: Tensor) -> tuple[Tensor, None]:
        return self.pixels[indices], None

    def images(self, indices: Tensor) -> Tensor:
        return self.pixels[indices]

    def batches(self, batch_size, rank=0, world=1, limit=None) -> Iterator[tuple[Tensor, None]]:
        self.passes += 1
        chosen = torch.arange(len(self))
        if limit is not None and limit < len(self):
            chosen = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:limit].sort().values
        for part in chosen[rank::world].split(batch_size):
            if len(part):
                yield self.pixels[part], None
