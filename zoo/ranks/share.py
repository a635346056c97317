"""Which rows of a batch a process has, and numbers drawn for each image that are those of one process.

While a training step runs on several processes, `running` is this process's share of the batch that is being worked
on; else it is None, and everything here is what a single process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The rows of a batch of `total` images that fall to one process: block b goes to process b % world.

    Shares differ by at most one block. A process that has none of the batch works on the first block as a stand-in
    that counts nothing: networks never see an empty batch, and each process issues the same collectives.

    Args:
        total: images of the batch over all processes.
        rank, world: this process, and how many there are.
        block: consecutive images that stay together (a critic that packs images).
    """

    total: int
    rank: int = 0
    world: int = 1
    block: int = 1

    @cached_property
    def rows(self) -> Tensor:
        """The rows that this process works on, rising, int64."""
        block = torch.arange(self.total) // self.block
        return (block % self.world == (self.rank if self.present else 0)).nonzero()[:, 0][: self.own or self.block]

    @cached_property
    def own(self) -> int:
        """How many rows are its own; 0 where it has a stand-in."""
        return int((torch.arange(self.total) // self.block % self.world == self.rank).sum())

    @property
    def present(self) -> bool:
        """Whether it has rows of its own."""
        return self.own > 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def weight(self) -> float:
        """What a mean over this process's images counts in the mean over all; the weights add up to 1."""
        return self.own / self.total

    def times(self, n: int) -> int:
        """How many such batches, one behind the other, n images of this process are.

        Raises:
            ValueError: if they are no whole number of its shares.
        """
        if not (times := n // len(self)) or n % len(self):
            raise ValueError(
                f"{n} images are no share of a batch of {self.total} over {self.world} processes: "
                "call share(total) before a step turns to a batch of another size"
            )
        return times

    def places(self, times: int = 1) -> Tensor:
        """This process's rows in `times` batches, one behind the other, int64."""
        return (torch.arange(times)[:, None] * self.total + self.rows).flatten()

    def pieces(self, parts: int) -> list[tuple[int, Share]]:
        """How many of its rows lie in each of `parts` consecutive pieces, cut as `Tensor.chunk` cuts, and this
        process's share of the piece alone."""
        found = []
        for piece in torch.arange(self.total).chunk(parts):
            inside = int(((self.rows >= piece[0]) & (self.rows <= piece[-1])).sum())
            # the process whose row is the piece's first is its rank 0
            rank = (self.rank - int(piece[0]) // self.block) % self.world
            found.append((inside, Share(len(piece), rank, self.world, self.block)))
        return found


_running: Share | None = None


def running() -> Share | None:
    """This process's share of the batch at work; None with one process, or outside a training step."""
    return _running


def run(share: Share | None) -> None:
    """Turn to another batch; a share of one process's is None."""
    global _running
    _running = share if share is not None and share.world > 1 else None


def weight() -> float:
    """What a mean over this process's images counts in the whole batch's; 1 for one process."""
    return 1.0 if _running is None else _running.weight


def places(n: int) -> Tensor:
    """The rows of the whole batch that n images of this process are, int64 (n,)."""
    return torch.arange(n) if _running is None else _running.places(_running.times(n))


def present() -> bool:
    """Whether this process's images are its own and no stand-in."""
    return _running is None or _running.present


@contextmanager
def turned_to(share: Share) -> Iterator[None]:
    """Hold another batch for a while."""
    before = _running
    run(share)
    try:
        yield
    finally:
        run(before)


def drawn(draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Random numbers for each image of `like` (N, ...), of its shape, type, device and layout.

    All processes draw from the same stream for the whole batch, as a single one would, and each keeps its rows.

    Args:
        draw: makes random numbers of an empty tensor, such as `Tensor.normal_` or `F.dropout` of ones.
    """
    if _running is None:
        return draw(torch.empty_like(like))
    times = _running.times(len(like))
    layout = torch.contiguous_format
    if like.ndim == 4 and not like.is_contiguous():
        layout = torch.channels_last
    size = times * _running.total, *like.shape[1:]
    whole = torch.empty(size, dtype=like.dtype, device=like.device, memory_format=layout)
    return draw(whole)[_running.places(times).to(like.device)]


def rand(like: Tensor) -> Tensor:
    """U[0, 1) for each image, as `torch.rand_like`: one process's numbers for the whole batch, these rows."""
    return drawn(Tensor.uniform_, like.detach())


def randn(like: Tensor) -> Tensor:
    """N(0, 1), likewise."""
    return drawn(Tensor.normal_, like.detach())


def randint(high: int, like: Tensor) -> Tensor:
    """Whole numbers 0..high - 1, likewise; `like` is int64."""
    return drawn(lambda x: x.random_(0, high), like)
