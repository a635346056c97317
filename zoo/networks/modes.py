"""Holding a network in a mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from zoo.ranks.share import Share, running, turned_to


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold `module` in eval mode; afterwards it is in the mode it was in, and what spectral norms move in eval mode
    too is what it was."""
    training, moving = module.training, [m.u for m in module.modules() if getattr(m, "keep_u_in_eval", False)]
    kept = [u.clone() for u in moving]
    module.eval()
    try:
        yield
    finally:
        module.train(training)
        for u, before in zip(moving, kept, strict=True):
            u.copy_(before)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Hold `module`'s parameters constant while the opponent's loss is built: no gradient is computed for them."""
    trained = [p for p in module.parameters() if p.requires_grad]
    for p in trained:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in trained:
            p.requires_grad_(True)


def in_parts(G: nn.Module, z: Tensor, label: Tensor | None, parts: int) -> Tensor:
    """G's images of z, made in so many parts of the whole batch, each with batch statistics of its own."""
    sizes, shares = zip(*(running() or Share(len(z))).pieces(parts), strict=True)
    labels = [None] * len(sizes) if label is None else label.split(sizes)
    made = []
    for n, piece, part, y in zip(sizes, shares, z.split(sizes), labels, strict=True):
        with turned_to(piece):  # a process with nothing of the piece makes a stand-in, and drops it
            made.append(G(part, y) if n else G(z[:1], None if label is None else label[:1])[:0])
    return torch.cat(made)
