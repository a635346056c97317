"""Computations that torch.compile takes as one operator each and looks not into."""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor


def opaque(name: str, shapes: Callable) -> Callable[[Callable], Callable]:
    """A decorator: while a network is compiled the function is the operator `zoo::NAME`, else it is itself.

    A compiled backward pass computes again what is cheap, and so from the buffers as a forward pass has left them
    (pytorch/pytorch#197039): silently another gradient where that pass moves what it reads, as spectral norm does.
    What an operator of our own gave is kept instead.

    Args:
        name: of the operator.
        shapes: the function for tensors without numbers.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        operator = torch.library.custom_op(f"zoo::{name}", function, mutates_args=())
        operator.register_fake(shapes)

        @wraps(function)
        def either(*args):
            compiled = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
            return (operator if compiled else function)(*args)

        return either

    return decorate
