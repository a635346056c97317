"""Replaying chosen steps of a module on given networks and latents, under Lightning, in float64."""

import re
from collections.abc import Callable

import torch
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors

State = dict[str, Tensor]


class Replay:
    """Mixin before a GAN: `replay(...)` then runs the named steps once; gradients and states behind are kept.

    Attributes:
        total: "g" or "d" -> the loss of its last backward pass.
        grad: "g" or "d" -> gradients of that player's update by parameter name, all networks together.
        after: "g" or "d" -> every parameter and buffer behind that player's last update.
    """

    def replay(
        self, nets: dict[str, nn.Module], z: list[Tensor], steps: Callable[..., None], batches: list, **constants
    ) -> "Replay":
        for name, net in {**nets, **constants}.items():
            setattr(self, name, net)
        self.double()
        self.z, self.chosen, self.total, self.grad, self.after = list(z), steps, {}, {}, {}
        self.report = lambda scalars: None
        return fit(self, batches)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """With `ahead`, that many steps are counted already, of gradients that were zero."""
        optimizers = super().configure_optimizers()
        for optimizer, steps in zip(optimizers, getattr(self, "ahead", (0, 0)), strict=True):
            for group in optimizer.param_groups if steps else ():
                group["steps"] = steps
                for p in group["params"]:
                    zeros = {k: torch.zeros_like(p) for k in ("exp_avg", "exp_avg_sq")}
                    optimizer.state[p] = {"step": torch.tensor(float(steps)), **zeros}
        return optimizers

    def latents(self, n: int) -> Tensor:
        z = self.z.pop(0)
        assert len(z) == n
        return z

    def on_before_batch_transfer(self, batch, dataloader_idx):
        return batch

    def on_train_batch_start(self, batch, batch_idx):
        """A file's images are the networks' own: any size, colours and range."""

    def training_step(self, batch, batch_idx):
        self.chosen(self, *[part for part in batch if part is not None])  # images alone come with None for labels

    def manual_backward(self, loss: Tensor, *args, **kwargs) -> None:
        self.losses = [*getattr(self, "losses", []), loss.detach()]
        super().manual_backward(loss, *args, **kwargs)

    def apply_gradients(self, optimizer, clip=None) -> None:
        which = "g" if optimizer is self.opt_g else "d"
        mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
        named = {k: p for k, p in self.named_parameters() if id(p) in mine}
        self.total[which] = self.losses[-1]
        self.grad[which] = {k: torch.zeros_like(p) if p.grad is None else p.grad.clone() for k, p in named.items()}
        super().apply_gradients(optimizer, clip)
        self.after[which] = {k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)}


def replayed(model: type, **options) -> Replay:
    """A module of a class with `Replay` before it; its own networks are small and thrown away."""
    return type(f"Replayed{model.__name__}", (Replay, model), {})(**options)


def own_step(gan: Replay, *batch) -> None:
    """The module's whole training step."""
    super(Replay, gan).training_step(batch, 0)


def prefixed(prefix: str, state: State) -> State:
    return {prefix + k: t for k, t in state.items()}


def load(net: nn.Module, state: State, without: tuple[str, ...] = ()) -> nn.Module:
    """Load all of a network's parameters; buffers that the official code has not may be missing."""
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    buffers = {k for k, _ in net.named_buffers()}
    assert set(missing) <= buffers | set(without), missing
    return net


def constant(v: Vectors, pattern: str, default: float) -> float:
    """A number that meta tells, in its configuration or in its description of the outputs; else the default."""
    for key in ("constructor_or_config", "outputs"):
        if match := re.search(pattern, str(v.meta.get(key, ""))):
            return float(match[1])
    return default


def same(ours: Tensor, v: Vectors, key: str, rtol: float, atol: float = 0.0) -> None:
    """Compare with a stored output relative to its largest entry; the files may leave out any."""
    if key in v:
        near(ours, v[key], key, rtol, atol)


def near(ours: Tensor, stored: Tensor, what: str, rtol: float, atol: float = 0.0) -> None:
    """Equal to `rtol` of the largest stored entry."""
    ours, stored = ours.detach().double(), stored.double()
    worst = (ours - stored.reshape(ours.shape)).abs().max().item()
    bound = rtol * stored.abs().max().item() + atol
    assert worst <= bound, f"{what}: off by {worst:.3g}, allowed {bound:.3g}"


def near_each(ours: State, stored: State, what: str, rtol: float, largest: bool = False) -> None:
    """Compare tensors by name; `largest` takes the largest entry of all of them for the scale.

    A gradient that is zero but for rounding (a bias before a batch norm) is compared on that scale too.
    """
    scale = max(t.abs().max().item() for t in stored.values()) if stored else 0.0
    for name, tensor in stored.items():
        near(
            ours[name],
            tensor,
            f"{what}, {name}",
            0.0 if largest else rtol,
            rtol * scale if largest else 1e-7 * scale,
        )


def moved_alike(
    ours: State, before: State, delta: State, grad: State, what: str, atol: float, small: float
) -> None:
    """Compare the changes of an update where the gradient is above `small`: first Adam steps are sign-like."""
    for name, change in delta.items():
        certain = grad[name].double().abs() > small
        change = change.double() if before is None else before[name] + change.double()
        off = (ours[name] - change).abs()[certain]
        assert off.numel() == 0 or off.max() <= atol, f"{what}, {name}: off by {off.max():.3g}, allowed {atol:g}"
