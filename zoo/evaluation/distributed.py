"""The few collectives an evaluation needs; in a single process each of them is the identity."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from zoo.options.bar import track

T = TypeVar("T")


def rank_and_world() -> tuple[int, int]:
    """This process's rank and the number of processes: (0, 1) without `torch.distributed`."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def watched(items: Iterable[T], total: int, size: Callable[[T], int], what: str) -> Iterable[T]:
    """`zoo.options.bar.track` on rank 0, whose share is `total`; the other ranks are silent."""
    return track(items, total, size, what) if rank_and_world()[0] == 0 else items


def gather(value: Any) -> list[Any] | None:
    """Every rank's `value` (picklable, tensors on the CPU), in rank order, on rank 0; None elsewhere."""
    rank, world = rank_and_world()
    if world == 1:
        return [value]
    values = [None] * world if rank == 0 else None
    dist.gather_object(value, values, dst=0)
    return values


def broadcast(value: Any) -> Any:
    """Rank 0's `value` on every rank."""
    if rank_and_world()[1] == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def round_robin(parts: list[Tensor], block: int = 1) -> Tensor:
    """Undo the dealing of rows to ranks in blocks: block k of the result is block k // world of rank k % world.

    No row is padded, repeated or dropped, so the result does not depend on the number of ranks.

    Args:
        parts: the rows (n_r, ...) of each rank.
        block: rows in a block; each rank's last block may be shorter.
    """
    if len(parts) == 1:
        return parts[0]
    dealt = [part.split(block) for part in parts]
    rounds = max(len(blocks) for blocks in dealt)
    return torch.cat([blocks[k] for k in range(rounds) for blocks in dealt if k < len(blocks)])


@contextmanager
def buffers_of_rank_0(module: Any) -> Iterator[None]:
    """Lend rank 0's buffers to every rank.

    Batch norm's running statistics differ between ranks while training under DDP; without this the scored
    model would change with the rank that draws the sample. Each rank gets its own buffers back.
    """
    if rank_and_world()[1] == 1 or not isinstance(module, nn.Module):
        yield
        return
    own = [buffer.clone() for buffer in module.buffers()]
    for buffer in module.buffers():
        dist.broadcast(buffer, src=0)
    try:
        yield
    finally:
        for buffer, value in zip(module.buffers(), own, strict=True):
            buffer.copy_(value)
