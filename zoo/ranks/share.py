"""Which rows of a batch a process has, and numbers drawn for each image that are those of one process.

While a training step runs on several processes, `running` is this process's share of the batch that is being worked
on; else it is None, and everything here is what a single process does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The rows of a batch of `total` images that fall to one process: block b goes to process b % world.

    Shares differ by at most one block, and some may be empty: rank 0's never is.

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
        """This process's rows, rising, int64."""
        rows = torch.arange(self.total)
        return rows[rows // self.block % self.world == self.rank]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def weight(self) -> float:
        """What a mean over this process's images counts in the mean of all processes' means."""
        return len(self) * self.world / self.total

    def times(self, n: int) -> int:
        """How many such batches, one behind the other, n images of this process are.

        Raises:
            ValueError: if they are no whole number of its shares.
        """
        if n != len(self) * (times := n // max(len(self), 1) or 1):
            raise ValueError(
                f"{n} images are no share of a batch of {self.total} over {self.world} processes: "
                "call share(total) before a step turns to a batch of another size"
            )
        return times

    def places(self, times: int = 1) -> Tensor:
        """This process's rows in `times` batches, one behind the other, int64."""
        return (torch.arange(times)[:, None] * self.total + self.rows).flatten()

    def pieces(self, parts: int) -> list[int]:
        """How many of its rows lie in each of `parts` consecutive pieces, cut as `Tensor.chunk` cuts."""
        ends = torch.arange(self.total).chunk(parts)
        return [int(((self.rows >= piece[0]) & (self.rows <= piece[-1])).sum()) for piece in ends]


_running: Share | None = None
_generators: dict[torch.device, torch.Generator] = {}
_seed = 0


def running() -> Share | None:
    """This process's share of the batch at work; None with one process, or outside a training step."""
    return _running


def run(share: Share | None) -> None:
    """Turn to another batch; a share of one process's is None."""
    global _running
    _running = share if share is not None and share.world > 1 else None


def pieces(n: int, parts: int) -> list[int]:
    """Sizes of consecutive pieces of n images of this process: the whole batch is cut, as `Tensor.chunk` cuts."""
    return (_running or Share(n)).pieces(parts)


def seed(number: int) -> None:
    """Let what is drawn from here on be what `torch.manual_seed(number)` would give to a single process."""
    global _seed
    _seed = number
    _generators.clear()


def _generator(device: torch.device) -> torch.Generator:
    if device not in _generators:
        _generators[device] = torch.Generator(device).manual_seed(_seed)
    return _generators[device]


def _drawn(draw: Callable[..., Tensor], shape: Sequence[int], device: torch.device, dtype: torch.dtype) -> Tensor:
    if _running is None:
        return draw(*shape, device=device, dtype=dtype)
    times = _running.times(shape[0])
    whole = draw(
        times * _running.total, *shape[1:], device=device, dtype=dtype, generator=_generator(torch.device(device))
    )
    return whole[_running.places(times).to(device)]


def rand(*shape: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """U[0, 1) for each image, shape[0] of them here: one process's numbers for the whole batch, these rows."""
    return _drawn(torch.rand, shape, device, dtype)


def randn(*shape: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """N(0, 1), likewise."""
    return _drawn(torch.randn, shape, device, dtype)


def randint(high: int, *shape: int, device: torch.device) -> Tensor:
    """Whole numbers 0..high - 1, likewise, int64."""

    def draw(*size: int, **options) -> Tensor:
        return torch.randint(high, size, **options)

    return _drawn(draw, shape, device, torch.int64)
