"""In which precision a step computes what, and by which of PyTorch's ways."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from zoo.networks.again import blocks

if TYPE_CHECKING:
    from zoo.engine.gan import GAN

#: of `compiled`: with CUDA graphs of torch.compile's own
GRAPHS = "reduce-overhead"


@contextmanager
def differentiated_twice(self: "GAN", half: bool = True) -> Iterator[None]:
    """Around what a penalty differentiates twice: in float32, outside autocast, unless `half_penalties` says
    otherwise; sums over an image's slope are float32 in any case. Networks run as they are written, for a compiled
    backward pass has no derivative.

    Args:
        half: False for what is float32 whatever `half_penalties` says.
    """
    halved = half and self.half_penalties
    with as_written(self), nullcontext() if halved else torch.autocast(self.device.type, enabled=False):
        yield


def fast_in_half() -> bool:
    """Whether this processor multiplies bfloat16 faster than float32 (AVX512-BF16, AMX), if PyTorch can tell."""
    told = getattr(torch.cpu, "get_capabilities", dict)()  # older releases do not
    return bool(told.get("avx512_bf16") or told.get("amx_bf16"))


def half_error(n: int) -> float:
    """Relative error of a convolution's second derivative in bfloat16 on this processor, at `n` images of 32 px.

    Thousandths where rounding is all of it. About 1 for 2, 4, 6 and 8 images by oneDNN 3.12 on processors with AMX:
    it is a convolution with a kernel as large as the image and a channel for each image, and comes out wrong (of
    the kind of pytorch/pytorch#163347).
    """
    generator = torch.Generator().manual_seed(0)
    x, w, g = (torch.randn(shape, generator=generator) for shape in ((n, 3, 32, 32), (4, 3, 3, 3), (n, 4, 32, 32)))
    x, w = x.requires_grad_(), w.requires_grad_()

    def second(half: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            (slope,) = torch.autograd.grad((F.conv2d(x, w, padding=1) * g).sum(), x, create_graph=True)
        return torch.autograd.grad((slope * x).sum(), w)[0]

    exact = second(False)
    return float((second(True) - exact).norm() / exact.norm())


def as_written(self: "GAN") -> AbstractContextManager:
    """Around passes that are not to be the compiler's."""
    return torch.compiler.set_stance("force_eager") if self.compiled else nullcontext()


@contextmanager
def off_the_clock(self: "GAN") -> Iterator[None]:
    """Time spent inside is not training time, and networks run as they are written."""
    with self.clock.paused(), as_written(self):
        yield


def begin(self: "GAN", processes: int) -> None:
    """Set up, in each of the `processes` that train, what `compiled` and `checkpoint_activations` say.

    Compiled: torch.compile makes the passes of each network that learns, "reduce-overhead" with CUDA graphs; and of
    the parts that a network names as `entries`, since steps call them by themselves.
    Checkpointed: blocks keep their input alone and are computed again in the backward pass. No weight's name
    changes, and no copy: the average of G and what is loaded from a checkpoint run as written.

    Raises:
        ValueError: as `check`.
    """
    check(self, self.compiled, self.checkpoint_activations, processes)
    networks = trained(self)
    for block in blocks(*networks):
        block.computed_again = self.checkpoint_activations
    if not self.compiled:
        return
    graphs = self.compiled == GRAPHS
    for network in networks:
        for module in (network, *(getattr(network, name) for name in getattr(network, "entries", ()))):
            module.compile(**how(graphs))
            if graphs:
                module._compiled_call_impl = copied(module._compiled_call_impl)


def check(gan: "GAN", compiled: bool | str, again: bool, processes: int) -> None:
    """Refuse ways that networks cannot go.

    Raises:
        ValueError: for both at once, for networks that have no blocks to be computed again, and for what several
            processes cannot do.
    """
    if compiled and again:
        raise ValueError(
            "--compile and --checkpoint_activations exclude each other: a compiler decides by itself what to "
            "compute again; leave one of them out"
        )
    if again and not blocks(*trained(gan)):
        raise ValueError(
            "--checkpoint_activations goes with networks made of residual or style blocks, and those of "
            f"{type(gan).__name__} are not: leave it out"
        )
    if compiled and processes > 1:
        raise ValueError(
            f"--compile goes with one process, not with {processes}: what they tell each other between "
            "layers cannot be compiled; give --trainer.devices 1, or leave the option out"
        )
    if again and processes > 1 and any(isinstance(m, nn.BatchNorm2d) for m in gan.modules()):
        raise ValueError(
            f"--checkpoint_activations does not go with batch norm over {processes} processes: give "
            "--trainer.devices 1, or leave the option out"
        )


def how(graphs: bool) -> dict:
    """What torch.compile is told: random numbers are those of the networks as written."""
    return {"options": {"fallback_random": True, "triton.cudagraphs": graphs}}


def copied(call: Callable) -> Callable:
    """`call` with copies of what it gives: a CUDA graph writes its next answer where the last one was."""
    return lambda *args, **kwargs: tree_map_only(Tensor, Tensor.clone, call(*args, **kwargs))


def trained(self: "GAN") -> list[nn.Module]:
    """The networks that learn: the averages do not."""
    return [net for net in self.children() if any(p.requires_grad for p in net.parameters())]
