"""Blocks that keep their input alone and are computed again in the backward pass (Chen et al. 2016).

A block's forward pass may have effects, and none of them may happen twice: batch norm's running statistics,
spectral norm's u, random numbers. It is repeated from the buffers, the numbers and the share of the batch that it
began with, on copies of the buffers.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from zoo.ranks.share import run, running


def again(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decorator for a block's `forward`: while the block's `computed_again` is set, its inside is not kept.

    Values, gradients and gradients of gradients are the same to the bit.
    """

    @wraps(forward)
    def either(self: nn.Module, *args, **kwargs):
        if not (getattr(self, "computed_again", False) and torch.is_grad_enabled()):
            return forward(self, *args, **kwargs)
        how: dict[str, Any] = {"use_reentrant": False, "context_fn": lambda: (nullcontext(), Repetition(self))}
        return checkpoint(forward, self, *args, **how, **kwargs)

    either.again = True
    return either


def blocks(*networks: nn.Module) -> list[nn.Module]:
    """The blocks of networks that can be computed again; they are while their `computed_again` is set."""
    return [m for net in networks for m in net.modules() if hasattr(type(m).forward, "again")]


class Repetition:
    """Around each repetition of a block's forward pass, of which there are several where a penalty differentiates
    twice: the buffers and the share of the batch are what they were when this was made."""

    def __init__(self, block: nn.Module) -> None:
        self.modules, self.share = list(block.modules()), running()
        self.before = [{k: b.clone() for k, b in m._buffers.items() if b is not None} for m in self.modules]

    def __enter__(self) -> None:
        self.now = [dict(m._buffers) for m in self.modules], running()
        for module, buffers in zip(self.modules, self.before, strict=True):
            module._buffers.update({k: b.clone() for k, b in buffers.items()})
        run(self.share)

    def __exit__(self, *_: object) -> None:
        for module, buffers in zip(self.modules, self.now[0], strict=True):
            module._buffers.update(buffers)
        run(self.now[1])
