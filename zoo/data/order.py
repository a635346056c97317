"""The order in which images are shown: a pure function of (seed, position).

Position p counts images over all ranks: it belongs to epoch p // N, and shows image `permutation(seed, p // N)[p %
N]`. Global batch k holds the positions start + k*B ... start + (k+1)*B - 1, and rank r of W takes every W-th of
them, or of their blocks, from the r-th on (`zoo.ranks.share`), so that the ranks together see exactly the batch of
a single process. Nothing but `nimg` is needed to continue, on any number of ranks.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from zoo.ranks.share import Share


def seed_of(*parts: object) -> int:
    """63 bits that are a pure function of the parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@functools.lru_cache(maxsize=2)
def permutation(n: int, seed: int, epoch: int) -> Tensor:
    """Order of the n images in `epoch`, int64 (n,)."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed_of("order", seed, epoch)))


def windowed(chunks: Tensor, seed: int, epoch: int, window: int = 16) -> Tensor:
    """As `permutation`, for images that come in chunks of these sizes (c,): few chunks are needed at a time.

    The chunks are shuffled, and then all images within each `window` of them.
    """
    generator = torch.Generator().manual_seed(seed_of("chunks", seed, epoch))
    ends = chunks.cumsum(0)
    parts = []
    for group in torch.randperm(len(chunks), generator=generator).split(window):
        numbers = torch.cat([torch.arange(int(ends[c] - chunks[c]), int(ends[c])) for c in group])
        parts.append(numbers[torch.randperm(len(numbers), generator=generator)])
    return torch.cat(parts)


def subset(n: int, limit: int | None, limit_to: str = "random") -> Tensor:
    """The first `limit` of a fixed permutation of n numbers, in rising order; all of them without a limit.

    The same for every seed: a limited set is the same set in every run. Sets sorted by class stay mixed.

    Args:
        limit_to: "first" for the first `limit` numbers themselves.
    """
    if limit is None or limit >= n or limit_to == "first":
        return torch.arange(n)[:limit]
    return permutation(n, 0, 0)[:limit].sort().values


class EndlessBatches(Sampler[list[int]]):
    """Indices of one rank's share of each global batch, for ever or up to the position `end`.

    Args:
        n: number of images.
        batch_size: images of a global batch; some ranks may have one more than others, or a stand-in.
        start: position (images over all ranks) of the first global batch.
        end: position at which a growing model's stage ends; None for never.
        chunks: sizes of the chunks that the images lie in, if they are to be shuffled by windows.
        parts, block: as in `Stage`.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        end: int | None = None,
        chunks: Tensor | None = None,
        parts: int = 1,
        block: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}.")
        self.places = Share(batch_size // parts, rank, world, block).places(parts).numpy()
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.start, self.end = start, end
        self.chunks, self._order = chunks, (-1, np.empty(0, np.int64))

    def __iter__(self) -> Iterator[list[int]]:
        first = self.start
        while self.end is None or first < self.end:
            yield self.share(first)
            first += self.batch_size

    def share(self, first: int) -> list[int]:
        """This rank's images of the global batch that begins at position `first`."""
        epochs, places = np.divmod(first + self.places, self.n)
        return [i for e in np.unique(epochs) for i in self.order(int(e))[places[epochs == e]].tolist()]

    def order(self, epoch: int) -> np.ndarray:
        """The order of all images in `epoch`."""
        if self.chunks is None:
            return permutation(self.n, self.seed, epoch).numpy()
        if self._order[0] != epoch:
            self._order = (epoch, windowed(self.chunks, self.seed, epoch).numpy())
        return self._order[1]
