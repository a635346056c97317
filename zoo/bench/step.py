"""Time and peak memory of one whole training step of any recipe: `zoo bench step RECIPE`.

Each setting runs in a process of its own, so that its peak is not another's.
"""

import multiprocessing
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from zoo.options.bar import track

#: Lightning's names; the last is bf16-mixed with penalties in bfloat16 too
PRECISIONS = ("32-true", "bf16-mixed", "bf16-mixed, penalties too")
LAYOUTS = ("channels_last", "contiguous")
#: name of a way to run the networks -> attributes of the model that make it
WAYS: dict[str, dict[str, Any]] = {
    "eager": {},
    "compiled": {"compiled": True},
    "CUDA graphs": {"compiled": "reduce-overhead"},
    "checkpointed": {"checkpoint_activations": True},
}
#: settings measured by default: precision, memory layout, way
SETTINGS = [(p, layout, "eager") for p in PRECISIONS for layout in LAYOUTS]
SETTINGS += [(p, LAYOUTS[0], way) for way in ("compiled", "checkpointed") for p in PRECISIONS[:2]]


def model_options(recipe: Path, batch_size: int | None) -> tuple[str, dict]:
    """Paper and model options of a recipe over its paper.yaml, with weights that start from normal numbers.

    With a `batch_size` every batch is cut to it, in one part, and a step has one update of D. Orthogonal starts are
    left out for they cost minutes at full width and change nothing about a step.

    Raises:
        FileNotFoundError, ValueError: for a recipe that is none.
    """
    from zoo.options.checked import defaults
    from zoo.options.folders import here_or_ours
    from zoo.options.yamls import read_yaml
    from zoo.training.loading import model_class
    from zoo.training.recipes import compose

    recipe = here_or_ours(recipe)
    paper = recipe.resolve().parent
    if not recipe.is_file():
        raise FileNotFoundError(f"no recipe at {recipe}; they are reproductions/<paper>/<recipe>.yaml")
    read_yaml(recipe)
    if not (paper / "paper.yaml").is_file():
        raise ValueError(f"{recipe} lies beside no paper.yaml: take a recipe of reproductions/<paper>")
    merged, _, _ = compose(paper / "paper.yaml", ["--config", str(recipe)])
    options = dict(merged.get("model") or {})
    known = defaults(model_class(paper.name))
    if batch_size is not None:
        sizes = [k for k in known if k.startswith("batch_size")]
        options |= {k: {} if k.endswith("_at") else batch_size for k in sizes}  # _at: by resolution
        options |= {k: 1 for k in known if k.startswith("accumulate") or k in ("d_steps", "n_dis")}
    options |= {k: 0 for k in known if k.startswith("watch_")}  # what looks between steps is no part of one
    if "init" in known:
        options["init"] = "normal"
    return paper.name, options


def built(paper: str, options: dict, precision: str, layout: str, way: str) -> tuple[Any, str]:
    """A recipe's model at its last stage, and Lightning's name of the precision."""
    import torch

    from zoo.bench.counts import last_stage
    from zoo.training.loading import model_class

    gan = model_class(paper)(**options)
    gan.nimg = last_stage(gan)
    precision, _, gan.half_penalties = precision.partition(", ")
    vars(gan).update(WAYS[way])
    if layout == "contiguous":
        for net in (gan.G, gan.D):
            net.to(memory_format=torch.contiguous_format)
    return gan, precision


def measure(
    paper: str, options: dict, setting: tuple[str, str, str], steps: int, device: str, threads: int | None = None
) -> dict:
    """One setting, of `SETTINGS`, in this process: seconds of steps after the first, and peaks of memory in GiB.

    The step is one of the last stage, as the counted one is: a growing model has its full side.

    Returns:
        `built_s`: seconds until the first step began; `seconds`: of the fastest step; `cpu_s`: processor time of
        the cheapest, which a busy machine stretches less; `first_s`: of the first; `start_gib`: resident memory
        with the model built; `peak_gib`: the most resident memory (on CUDA, the most allocated); `images`: real
        images of a step; `side` of them.
    """
    import logging
    import warnings

    import torch

    from zoo.bench.counts import bare_trainer

    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    asked = time.perf_counter()
    gan, precision = built(paper, options, *setting)
    if precision == "32-true":
        torch.backends.cudnn.allow_tf32 = False  # as a run has it
    n, side = gan.images_per_step, gan.stage.resolution
    images = torch.rand(n, 3, side, side) * 2 - 1
    labels = torch.arange(n) % max(gan.n_classes, 1)
    cuda, start = device.startswith("cuda"), _peak_gib()
    clock, batch = _clock(asked, shown(setting), cuda), (images, labels if gan.n_classes else None)
    where = {"accelerator": "gpu" if cuda else "cpu", "devices": 1}
    trainer = bare_trainer(**where, precision=precision, callbacks=[clock])
    trainer.fit(gan, torch.utils.data.DataLoader([batch] * (steps + 1), batch_size=None))
    peak = torch.cuda.max_memory_allocated() / 2**30 if cuda else _peak_gib()
    return {
        "images": n,
        "side": side,
        "built_s": clock.began[0] - asked,
        "first_s": clock.times[0],
        "seconds": min(clock.times[1:]),
        "cpu_s": min(clock.cpu[1:]),
        "start_gib": start,
        "peak_gib": peak,
    }


def shown(setting: tuple[str, str, str]) -> str:
    """A setting in columns."""
    return f"{setting[0]:11} {setting[1]:14} {setting[2]:12}"


def _clock(asked: float, about: str, cuda: bool) -> Any:
    """A callback that keeps when each step `began`, its `times` and its `cpu` seconds; it tells of long ones."""
    import lightning.pytorch as L
    import torch

    class Clock(L.Callback):
        def __init__(self) -> None:
            self.began: list[float] = []
            self.times: list[float] = []
            self.cpu: list[float] = []

        def on_train_batch_start(self, *_: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            self.began.append(time.perf_counter())
            if len(self.began) == 1:  # who waits for minutes wants to know for what
                print(f"  {about} first step begun after {self.began[0] - asked:.0f} s", flush=True)
            self.cpu_began = time.process_time()

        def on_train_batch_end(self, *_: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            self.times.append(time.perf_counter() - self.began[-1])
            self.cpu.append(time.process_time() - self.cpu_began)
            if self.times[-1] > 30:
                seconds = f"{self.times[-1]:.0f} s ({self.cpu[-1]:.0f} s of CPU)"
                print(f"  {about} step {len(self.times)}: {seconds}, peak {_peak_gib():.2f} GiB", flush=True)

    return Clock()


def _peak_gib() -> float:
    """The most memory this process has had resident so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _end_with_parent() -> None:
    """A parent that was killed takes nothing with it by itself, and a measurement would go on to its end."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _child(queue, *args) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        queue.put(measure(*args))
    except Exception as error:  # told to the parent, which has the table
        queue.put({"error": f"{type(error).__name__}: {error}"})


def step(
    recipe: Path,
    batch_size: int | None = 2,
    steps: int = 2,
    precisions: list[str] | None = None,
    layouts: list[str] | None = None,
    ways: list[str] | None = None,
    timeout: float = 600,
    device: str = "cpu",
) -> list[dict]:
    """Measure a recipe's training step in each setting and print one line for each; see `zoo bench step --help`."""
    recipe = Path(recipe)
    if not recipe.is_file():
        raise FileNotFoundError(f"no recipe at {recipe}; they are reproductions/<paper>/<recipe>.yaml")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}: the first step is not counted")
    paper, options = model_options(recipe, batch_size)
    found = []
    print(counted(recipe), flush=True)
    print(f"{paper} / {recipe.stem}: one training step, fastest of {steps} after the first")
    every = SETTINGS if ways is None else [(p, o, way) for way in ways for p in PRECISIONS for o in LAYOUTS]
    wanted = [s for s in every if s[0] in (precisions or PRECISIONS) and s[1] in (layouts or LAYOUTS)]
    for setting in track(wanted, len(wanted), what="settings"):
        result = answer((paper, options, setting, steps, device), timeout)
        found.append(result | dict(zip(("precision", "layout", "way"), setting, strict=True)) | {"device": device})
        if "error" in result:
            print(f"  {shown(setting)} not measured: {result['error']}", flush=True)
        else:
            print(
                f"  {shown(setting)} {result['images']} images: {result['seconds']:.2f} s "
                f"({result['cpu_s']:.2f} s of CPU, first step {result['first_s']:.2f} s), "
                f"peak {result['peak_gib']:.2f} GiB, {result['start_gib']:.2f} GiB of it before the first step",
                flush=True,
            )
    return found


def counted(recipe: Path) -> str:
    """What of the recipe's own step can be counted, as a line."""
    from zoo.bench.counts import of_step

    paper, options = model_options(recipe, None)
    found = of_step(lambda: built(paper, options, *SETTINGS[0])[0])
    again = ""
    if found["blocks"]:
        kept = of_step(lambda: built(paper, options, *SETTINGS[0][:2], "checkpointed")[0])
        more = kept["flops"] / found["flops"] - 1
        again = f", with checkpointed activations {kept['peak_bytes'] / 2**30:.2f} GiB and {more:.0%} more FLOP"
    least = f" (the least is {found['least'] / 1e9:,.1f})" if found["least"] else ""
    return (
        f"{paper} / {recipe.stem}: a step of {found['images']} images at {found['side']} px has "
        f"{found['flops'] / 1e9:,.1f} GFLOP{least}, {found['operators']:,} operators, {found['waits']} waits for "
        f"the device, {found['peak_bytes'] / 2**30:.2f} GiB of tensors at float32{again}; each of several "
        f"processes sends {found['sent']:,} numbers"
    )


def cpu_seconds(recipe: Path, batch_size: int = 2) -> float | None:
    """Processor seconds of one thread for an image of a recipe's step in float32, in a process of its own; None if
    it failed."""
    result = answer((*model_options(recipe, batch_size), SETTINGS[0], 2, "cpu", 1), 600)
    return None if "error" in result else result["cpu_s"] / result["images"]


def answer(args: tuple, timeout: float) -> dict:
    """What `measure` says to `args` in a process of its own, or the `error` why it says nothing, `late` after
    `timeout` seconds."""
    import queue as queues

    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_child, args=(queue, *args))
    child.start()
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            result = queue.get(timeout=1)
            child.join()
            return result
        except queues.Empty:
            if not child.is_alive():
                return {"error": f"its process ended with code {child.exitcode}, often for lack of memory"}
    child.terminate()
    child.join()
    return {"error": f"longer than {timeout:.0f} s", "late": True}
