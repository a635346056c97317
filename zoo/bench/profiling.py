"""Where the time of a training step goes: `zoo bench profile RECIPE`.

`torch.profiler` over a few whole steps on one thread of this processor, every operator's own time by what it does,
and how near the convolutions come to what one large convolution reaches in the same process and type.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
import torch.nn.functional as F
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from zoo.bench.counts import Counted, bare_trainer, hushed, last_stage
from zoo.bench.step import model_options
from zoo.engine.gan import GAN
from zoo.leaderboard.cells import as_table
from zoo.options.checked import defaults
from zoo.training.loading import model_class

STEP, AVERAGE, OPTIMIZER, ENGINE = "zoo::step", "zoo::average", "Optimizer.step#", "autograd::engine"
CONVOLUTIONS, PRODUCTS = "convolutions", "matrix products"
#: what an operator does by its name, the first that fits; then by PyTorch's own tags
KINDS = {
    CONVOLUTIONS: re.compile(r"\w*conv\w*"),
    PRODUCTS: re.compile(r"(add|badd)?b?mm_?|(add)?mv_?|v?dot|ger|outer|matmul|linear|\w*attention\w*"),
    "copies": re.compile(r"copy_|_to_copy|clone|cat|stack|repeat|constant_pad_nd|flip|roll"),
    "reductions": re.compile(r"\w*(batch|layer|group)_norm\w*|\w*pool2d\w*|upsample\w+|_?norm"),
    "elementwise": re.compile(r"(fill|zero|normal|uniform|random|bernoulli)_|\w+_backward|log_sigmoid\w*|_softmax"),
}
ROWS = (
    *(f"{what}, {when}" for what in (CONVOLUTIONS, PRODUCTS) for when in ("forward", "backward")),
    *("copies", "elementwise", "reductions", "optimizer", "average", "the rest"),
)
ABOUT = {
    "copies": "copies of layout and type, joining, padding",
    "reductions": "reductions, pooling, batch norm, resizing",
    "average": "average of G",
    "the rest": "the rest: Python, views, autograd's own",
}


@cache
def kind(name: str) -> str:
    """What an operator such as aten::mul_ does: one of `KINDS`, or "the rest"."""
    space, _, short = name.partition("::")
    if space not in ("aten", "mkldnn"):
        return "the rest"
    for what, pattern in KINDS.items():
        if pattern.fullmatch(short):
            return what
    packet = getattr(torch.ops.aten, short, None)
    tags = {tag for o in packet.overloads() for tag in getattr(packet, o).tags} if packet else set()
    if torch.Tag.reduction in tags:
        return "reductions"
    return "elementwise" if torch.Tag.pointwise in tags else "the rest"


def row_of(name: str, above: Iterable[str]) -> str:
    """The row of the table for an operator's own time, by its name and those of the events around it."""
    above = list(above)
    if any(a.startswith(OPTIMIZER) for a in (name, *above)):
        return "optimizer"
    if AVERAGE in (name, *above):
        return "average"
    found = kind(name)
    if found in (CONVOLUTIONS, PRODUCTS):
        return f"{found}, {'backward' if any(a.startswith(ENGINE) for a in above) else 'forward'}"
    return found


@dataclass(frozen=True)
class Profile:
    """Of one step: processor seconds and calls by `ROWS`, FLOPs by operator, and the machine's best FLOP/s."""

    seconds: dict[str, float]
    calls: dict[str, int]
    flops: dict[str, int]
    images: int
    side: int
    best: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def reached(self, what: str) -> float | None:
        """Part of the machine's best that the convolutions or the matrix products reach, or None without any."""
        flops = sum(n for name, n in self.flops.items() if ("conv" in name) == (what == CONVOLUTIONS))
        seconds = sum(self.seconds[f"{what}, {when}"] for when in ("forward", "backward"))
        return flops / seconds / self.best[what] if seconds else None

    def text(self) -> str:
        lines = [
            [ABOUT.get(r, r), f"{self.seconds[r] / self.total:.1%}", f"{self.seconds[r]:.4f}", self.calls[r]]
            for r in ROWS
        ]
        parts = [
            f"{what} {100 * reached:.0f} % of the {self.best[what] / 1e9:,.0f} GFLOP/s of a large one"
            for what in (CONVOLUTIONS, PRODUCTS)
            if (reached := self.reached(what)) is not None
        ]
        return as_table(["", "share", "CPU s a step", "calls"], lines) + "reached: " + "; ".join(parts)


def gathered(
    events: Iterable[FunctionEvent], steps: int, had: float = 1.0
) -> tuple[dict[str, float], dict[str, int]]:
    """Own seconds and calls of a step by `ROWS`, of what happened in the steps that `STEP` marks.

    Args:
        had: part of the time for which the process had the processor; what others take, they take of any row.
    """
    seconds, calls = dict.fromkeys(ROWS, 0.0), Counter[str]()
    for event in events:
        above, parent = [], event.cpu_parent
        while parent is not None:
            above.append(parent.name)
            parent = parent.cpu_parent
        if STEP not in (event.name, *above):
            continue
        row = row_of(event.name, above)
        seconds[row] += event.self_cpu_time_total * had / 1e6 / steps
        # an operator that calls another one for the same is one call
        again = above and above[0].startswith("aten::") and row_of(above[0], above[1:]) == row
        calls[row] += event.name.startswith("aten::") and not again
    return seconds, {row: round(calls[row] / steps) for row in ROWS}


def best(what: str, dtype: torch.dtype, rounds: int = 5) -> float:
    """FLOP/s of a large convolution (channels_last) or matrix product on this processor, the fastest of a few."""
    if what == CONVOLUTIONS:
        x = torch.randn(8, 256, 32, 32, dtype=dtype).to(memory_format=torch.channels_last)
        w = torch.randn(256, 256, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
        run, flops = lambda: F.conv2d(x, w, padding=1), 2 * 8 * 32**2 * 256**2 * 9
    else:
        x, w = torch.randn(1024, 1024, dtype=dtype), torch.randn(1024, 1024, dtype=dtype)
        run, flops = lambda: x @ w, 2 * 1024**3
    times = []
    for _ in range(rounds + 1):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return flops / min(times[1:])


class _Steps(L.Callback):
    """Counts the FLOPs of the first step and profiles the others."""

    def __init__(self) -> None:
        self.counted, self.profile = Counted(), profile(activities=[ProfilerActivity.CPU])
        self.inside, self.n = ExitStack(), 0
        self.wall = self.cpu = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        if self.n == 1:
            self.profile.start()
        self.began = time.perf_counter(), time.process_time()
        self.inside.enter_context(record_function(STEP) if self.n else self.counted)

    def on_train_batch_end(self, *_: Any) -> None:
        self.inside.close()
        if self.n:
            self.wall += time.perf_counter() - self.began[0]
            self.cpu += time.process_time() - self.began[1]
        self.n += 1


def profiled(gan: GAN, precision: str, steps: int = 2, trace: Path | None = None) -> Profile:
    """Profile whole training steps of a model on one thread, after one that is not; a growing one's last stage.

    Args:
        precision: as `zoo.bench.step.PRECISIONS`.
        trace: file for chrome://tracing or Perfetto.
    """
    precision, _, too = precision.partition(", ")
    gan.half_penalties = bool(too)
    gan.nimg = last_stage(gan)
    n, side, threads = gan.images_per_step, gan.stage.resolution, torch.get_num_threads()
    batch = (torch.rand(n, 3, side, side) * 2 - 1, torch.arange(n) % gan.n_classes if gan.n_classes else None)
    move = gan.update_ema

    def update_ema() -> None:
        with record_function(AVERAGE):
            move()

    gan.update_ema = update_ema
    found = _Steps()
    torch.set_num_threads(1)
    try:
        with hushed():
            trainer = bare_trainer(accelerator="cpu", devices=1, precision=precision, callbacks=[found])
            trainer.fit(gan, torch.utils.data.DataLoader([batch] * (steps + 1), batch_size=None))
            found.profile.stop()
        dtype = torch.float32 if precision == "32-true" else torch.bfloat16
        peak = {what: best(what, dtype) for what in (CONVOLUTIONS, PRODUCTS)}
    finally:
        torch.set_num_threads(threads)
        del gan.update_ema
    had = min(found.cpu / found.wall, 1.0)
    if trace is not None:
        found.profile.export_chrome_trace(str(trace))
    return Profile(*gathered(found.profile.events(), steps, had), dict(found.counted.flops), n, side, peak)


def run(
    recipe: Path,
    precision: str,
    batch_size: int | None,
    steps: int,
    options: dict[str, Any] | None,
    trace: Path | None,
) -> str:
    """Profile a recipe's step; see `zoo bench profile --help`.

    Raises:
        FileNotFoundError, ValueError: for a recipe that is none, for options that its paper has not, and for a
            trace in a folder that is not there.
    """
    if trace is not None and not trace.parent.is_dir():
        raise FileNotFoundError(f"no folder {trace.parent} for the trace {trace.name}")
    paper, recipe_options = model_options(recipe, batch_size)
    if unknown := (options or {}).keys() - defaults(model_class(paper)).keys():
        raise ValueError(f"options: {paper} has no {', '.join(sorted(unknown))}; see zoo train {paper} --help")
    torch.manual_seed(0)
    found = profiled(model_class(paper)(**recipe_options | (options or {})), precision, steps, trace)
    about = f"{paper} / {recipe.stem}: {found.images} images of {found.side} px, {precision}, one thread"
    return f"{about}, {found.total:.3f} CPU s a step, mean of {steps} after the first\n\n{found.text()}"
