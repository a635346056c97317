"""Ways to compute the same step faster or in less memory, chosen at the command line: no paper knows of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from zoo.engine.gan import GAN

#: lists of modules that follow each other, each of which takes maps and gives maps
PARTS = ("blocks", "layers", "stages")


def differentiated_twice(self: "GAN") -> AbstractContextManager:
    """Around what a penalty differentiates twice: in float32, outside autocast.

    With `half_penalties` it runs in the training's precision instead, as StyleGAN2-ADA's does: products are
    rounded, sums over pixels and the penalty itself stay in float32. `zoo bench penalties` measures the error.
    """
    return nullcontext() if self.half_penalties else torch.autocast(self.device.type, enabled=False)


def halve_penalties(gan: "GAN") -> None:
    """Penalties in the training's precision; see `differentiated_twice`."""
    gan.half_penalties = True


def precision(self: "GAN") -> str:
    """Of the training, as a results row has it."""
    return str(self.trainer.precision) + (", penalties too" if self.half_penalties else "")


def compile_networks(gan: "GAN", cuda_graphs: bool = False, backend: str = "inductor") -> None:
    """Compile G and D, each by itself; the step around them stays as it is written.

    What is differentiated twice runs uncompiled: the compiler has no second derivative. Such images are leaves that
    ask for a gradient, while G's images on their way to D are none.

    Args:
        cuda_graphs: replay the networks' kernels as one launch, which is what small networks on a GPU wait for.

    Raises:
        ValueError: for CUDA graphs without a GPU, or a step that differentiates parameters' gradients.
    """
    if cuda_graphs and not torch.cuda.is_available():
        raise ValueError("--cuda_graphs replays kernels of a GPU, and this machine shows none: leave it out")
    if gan.second_order:
        raise ValueError(
            f"{type(gan).__name__} differentiates the gradients of its parameters, which compiled networks have no "
            "derivative of: leave out --compile"
        )
    options = {"mode": "reduce-overhead"} if cuda_graphs else {}
    for net in (gan.G, gan.D):
        net.__class__ = _compiled(type(net), backend, **options)


def _compiled(cls: type[nn.Module], backend: str, **options: str) -> type[nn.Module]:
    """The class with a compiled forward for training: a class, so that a copy of a network runs its own weights."""
    compiled = torch.compile(cls.forward, backend=backend, **options)

    def forward(self: nn.Module, x: Tensor, *args: object, **kwargs: object) -> object:
        twice = x.is_leaf and x.requires_grad
        return (compiled if self.training and not twice else cls.forward)(self, x, *args, **kwargs)

    return type(cls.__name__, (cls,), {"forward": forward, "__doc__": cls.__doc__})


def checkpoint_activations(gan: "GAN") -> None:
    """Keep only what enters each block of G and D, and compute the rest again on the way back.

    Same numbers: the second time the random stream, spectral norms' vectors and batch norms' averages are those of
    the first, and afterwards as if there had been no second time.

    Raises:
        ValueError: if the networks have no blocks to keep.
    """
    found = [
        part
        for net in (gan.G, gan.D)
        for name, parts in net.named_modules()
        if isinstance(parts, nn.ModuleList | nn.Sequential) and name.rpartition(".")[2] in PARTS
        for part in parts
        if type(part).forward is not nn.Module.forward
    ]
    inside = {id(inner) for part in found for inner in part.modules() if inner is not part}
    kept = [part for part in found if id(part) not in inside]
    if not kept:
        raise ValueError(
            f"the networks of {type(gan).__name__} have no blocks whose activations could be computed again: leave "
            "out --checkpoint_activations"
        )
    for part in kept:
        part.__class__ = _recomputed(type(part))


@cache
def _recomputed(cls: type[nn.Module]) -> type[nn.Module]:
    def forward(self: nn.Module, *args: object, **kwargs: object) -> object:
        if not torch.is_grad_enabled():
            return cls.forward(self, *args, **kwargs)
        before = [b.clone() for b in self.buffers()]
        return checkpoint(
            partial(cls.forward, self),
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), _as_at_first(self, before)),
            **kwargs,
        )

    return type(cls.__name__, (cls,), {"forward": forward, "__doc__": cls.__doc__})


@contextmanager
def _as_at_first(part: nn.Module, before: list[Tensor]) -> Iterator[None]:
    buffers = list(part.buffers())
    after = [b.clone() for b in buffers]
    with torch.no_grad():
        for buffer, old in zip(buffers, before, strict=True):
            buffer.copy_(old)
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, new in zip(buffers, after, strict=True):
                buffer.copy_(new)


#: options that change how a step is computed, not what: what each says of itself, and what it does to a model
WAYS: dict[str, tuple[str, Callable[["GAN"], None]]] = {
    "compile": ("compile G and D, which takes minutes at the start", compile_networks),
    "cuda_graphs": ("compile G and D and replay them as CUDA graphs", partial(compile_networks, cuda_graphs=True)),
    "checkpoint_activations": ("compute blocks again on the way back, to keep less", checkpoint_activations),
    "half_penalties": ("penalties in the training's precision, not in float32", halve_penalties),
}


def choose(gan: "GAN", names: Iterable[str]) -> None:
    """Compute the steps of `gan` in these ways.

    Raises:
        ValueError: for a way that there is not, or not for this model.
    """
    for name in names:
        if name not in WAYS:
            raise ValueError(f"there is no way {name!r} to compute a step; there are {', '.join(WAYS)}")
        WAYS[name][1](gan)
