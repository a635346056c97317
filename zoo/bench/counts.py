"""What of a training step can be counted without running it: it passes on fake tensors, which have shapes only.

FLOPs of convolutions and matrix products (one multiply-add is 2), dispatched operators, waits for the device, the
most bytes that tensors hold at once, numbers between processes. A recipe of any size is counted on any machine.
"""

import inspect
import logging
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from zoo.bench.least import PASSES, least
from zoo.engine.gan import GAN
from zoo.engine.speed import trained
from zoo.networks.again import blocks

#: operators whose answer the host waits for; on fake tensors they answer 1, for there is nothing to read
WAITS = {torch.ops.aten._local_scalar_dense: 1, torch.ops.aten.is_nonzero: True, torch.ops.aten.equal: True}
DEVICE = torch.device("cpu")


class Counted(TorchDispatchMode):
    """Counts what is dispatched below autograd; to be entered above a `FakeTensorMode`.

    Attributes:
        flops: by operator's name.
        operators: how many were dispatched.
        waits: how often the host read a number, outside optimizers (which keep their step counts on the host).
        bytes, peak: that tensors' storages hold now, and held at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops: Counter[str] = Counter()
        self.operators = self.waits = self.bytes = self.peak = 0
        self.stepping = 0  # optimizers' steps inside of which this is
        self._known: weakref.WeakSet = weakref.WeakSet()

    def again(self) -> None:
        """Counts from nought, with what is held now."""
        self.flops.clear()
        self.operators = self.waits = 0
        self.peak = self.bytes

    def hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self.bytes -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        self.operators += packet is not torch.ops.prim.device
        if packet in WAITS and isinstance(args[0], FakeTensor):
            self.waits += not self.stepping
            return WAITS[packet]
        out = func(*args, **(kwargs or {}))
        if packet in flop_registry:
            self.flops[packet.__name__] += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.hold(tensor)
        return out


def of_step(
    build: Callable[[], GAN], nimg: int | None = None, precision: str = "32-true", steps: int = 2
) -> dict[str, Any]:
    """Counts of one training step, the last of a few from `nimg` images on.

    Args:
        build: makes the model; called among fake tensors.
        nimg: images shown before the first step; None for the last images of the training.
        precision: Lightning's name.
        steps: the first one makes the optimizers' states, which the second one's memory holds.

    Returns:
        `images`: real images of a step; `flops`; `operators`; `waits`; `peak_bytes` of tensors, weights and
        optimizers' states included; `sent`: numbers that each of several processes gives to the others;
        `parameters`: of G and D; `least`: FLOPs that the step needs, or None; `side` of the images; `total_kimg`;
        `blocks` that can be computed again.
    """
    with torch.device("meta"):
        gan = build()
    gan.nimg = last_stage(gan) if nimg is None else nimg
    stage, n = gan.stage, gan.images_per_step
    with FakeTensorMode(allow_non_fake_inputs=True):
        _take_to_paper(gan)
        images = torch.zeros(n, 3, stage.resolution, stage.resolution)
    labels = torch.zeros(n, dtype=torch.int64) if gan.n_classes else None
    counted = Counted()
    found = _train(gan, [(images, labels)] * steps, counted, precision)
    found["least"] = None
    if type(gan).__name__ in PASSES:
        nets = (("G", gan.G, torch.zeros(n, gan.latent_dim)), ("D", gan.D, images))
        found["least"] = least(gan, {k: _flops(counted, net, x, labels, stage.lod) / n for k, net, x in nets})
    found |= {"images": n, "side": stage.resolution, "total_kimg": gan.total_kimg}
    found["blocks"] = len(blocks(*trained(gan)))
    parameters = {name: sum(p.numel() for p in getattr(gan, name).parameters()) for name in ("G", "D")}
    return found | {"parameters": parameters}


def _train(gan: GAN, batches: list, counted: Counted, precision: str) -> dict[str, Any]:
    last = _Steps(counted)
    with hushed(), counted, _around_optimizers(counted, last):
        trainer = bare_trainer(
            strategy=_OnPaper(DEVICE), precision=precision, callbacks=[last], log_every_n_steps=10**9
        )
        trainer.fit(gan, torch.utils.data.DataLoader(batches, batch_size=None))
    return last.found


def _flops(counted: Counted, net: nn.Module, x: Tensor, labels: Tensor | None, lod: float) -> int:
    growing = {"lod": lod} if "lod" in inspect.signature(net.forward).parameters else {}
    counted.again()
    with counted, torch.no_grad():
        net(x, *([] if labels is None else [labels]), **growing)
    return sum(counted.flops.values())


@contextmanager
def hushed() -> Iterator[None]:
    """Without Lightning's words about a training that is none."""
    log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.setLevel(before)


class _OnPaper(SingleDeviceStrategy):
    """A GPU that is not there."""

    def setup_environment(self) -> None:
        pass

    def model_to_device(self) -> None:
        pass

    def teardown(self) -> None:
        pass


class _Steps(L.Callback):
    """Begins to count with the second step."""

    def __init__(self, counted: Counted) -> None:
        self.counted = counted
        self.found: dict[str, Any] = {}
        self.sent = 0

    def on_train_batch_start(self, trainer: L.Trainer, gan: GAN, *_: Any) -> None:
        gan._seen = True  # no look at the numbers of images that have none
        self.counted.again()
        self.sent = 0

    def on_train_batch_end(self, *_: Any) -> None:
        c = self.counted
        self.found = {
            "flops": sum(c.flops.values()),
            "operators": c.operators,
            "waits": c.waits,
            "peak_bytes": c.peak,
            "sent": self.sent,
        }


@contextmanager
def _around_optimizers(counted: Counted, steps: _Steps) -> Iterator[None]:
    def before(optimizer: Optimizer, *_: Any) -> None:
        counted.stepping += 1
        if counted.stepping > 1:  # the step of the class that an optimizer builds on
            return
        steps.sent += sum(p.numel() for g in optimizer.param_groups for p in g["params"] if p.grad is not None)

    def after(*_: Any) -> None:
        counted.stepping -= 1

    hooks = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def bare_trainer(**options: Any) -> L.Trainer:
    """A trainer of one epoch of given batches that writes and shows nothing."""
    nothing = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    return L.Trainer(max_epochs=1, max_steps=-1, **dict.fromkeys(nothing, False), **options)


def last_stage(gan: GAN) -> int:
    """An image count of the stage that the training ends with: the full side, both networks learning."""
    return max(int(gan.total_kimg * 1000) - 1, 0)


def _take_to_paper(gan: GAN) -> None:
    """Fake tensors in the places of a model's."""
    memo: dict[int, Tensor] = {}

    def fake(x: Tensor) -> Tensor:
        if id(x) not in memo:
            new = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=DEVICE)
            memo[id(x)] = nn.Parameter(new, x.requires_grad) if isinstance(x, nn.Parameter) else new
        return memo[id(x)]

    for module in gan.modules():
        for held in (module._parameters, module._buffers):
            held |= {k: fake(x) for k, x in held.items() if x is not None}
