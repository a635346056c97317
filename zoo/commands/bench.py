"""Measurements of speed and memory."""

from pathlib import Path
from typing import Literal

from zoo.options import ranges


def data(
    path: Path | None = None,
    resolution: ranges.Side = 128,
    workers: ranges.Workers = 2,
    batch: ranges.BatchSize = 64,
    step_ms: ranges.NonNegativeFloat = 50,
    recipes: list[Path] | None = None,
) -> None:
    """Measure how fast images reach training, or whether that is fast enough for recipes on one GPU.

    Args:
        path: A zip of images of that resolution, as `zoo data prepare` writes it (default: JPEGs of drawn faces
            with grain).
        resolution: Their side in pixels.
        workers: Processes that decode.
        batch: Images of a batch.
        step_ms: Length of the training step whose waiting is measured.
        recipes: Instead, what these would wait at the pace that one H200's FLOPs allow, from zips as they are
            prepared, such as [reproductions/pggan/paper.yaml].
    """
    from zoo.bench import data, pace

    print(pace.run(recipes, workers) if recipes else data.run(path, resolution, workers, batch, step_ms))


def evaluation(
    n: ranges.PositiveInt = 64,
    full: ranges.PositiveInt = 10_000,
    resolution: ranges.Side = 32,
    batch_size: ranges.BatchSize = 32,
    device: str = "cpu",
    memory: ranges.PositiveInt | None = None,
    width: ranges.Width = 2048,
    threads: ranges.Processes | None = None,
) -> None:
    """Time scoring against the bare forward pass of FID's network.

    Args:
        n: Images of each set that go through the network.
        full: Images of each set that the ratio is extended to.
        resolution: Side of the images in pixels.
        batch_size: Images per pass.
        device: Where to compute, such as cuda.
        memory: Measure instead what KID and PRDC of so many features of each set need.
        width: Features of an image, for memory.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.bench import evaluation
    from zoo.engine.devices import device_here

    device_here(device)
    if threads:
        torch.set_num_threads(threads)
    if memory:
        print(evaluation.memory(memory, width, device))
    else:
        print(evaluation.run(n, full, resolution, batch_size, device))


def step(
    recipe: Path,
    batch_size: ranges.BatchSize | None = 2,
    steps: ranges.Steps = 2,
    precisions: list[Literal["32-true", "bf16-mixed", "bf16-mixed, penalties too"]] | None = None,
    layouts: list[Literal["channels_last", "contiguous"]] | None = None,
    ways: list[Literal["eager", "compiled", "CUDA graphs", "checkpointed"]] | None = None,
    timeout: ranges.PositiveFloat = 600,
    device: str = "cpu",
) -> None:
    """Time and peak memory of one training step of a recipe: precisions, layouts, compiled, checkpointed.

    Args:
        recipe: Such as reproductions/biggan/paper.yaml.
        batch_size: Every batch of the recipe cut to so many images, in one part, with one update of D in a step;
            null keeps the recipe's.
        steps: Steps after the first, of which the fastest counts.
        precisions: Only these of 32-true, bf16-mixed and `bf16-mixed, penalties too`.
        layouts: Only these of channels_last and contiguous.
        ways: These, in each precision and layout: eager, compiled, `CUDA graphs` (--compile reduce-overhead) and
            checkpointed (--checkpoint_activations true). By default eager, and in channels_last without CUDA graphs
            the others.
        timeout: Seconds after which a setting is given up.
        device: cpu or cuda.
    """
    from zoo.bench.step import step
    from zoo.engine.devices import device_here

    device_here(device)
    step(recipe, batch_size, steps, precisions, layouts, ways, timeout, device)


def profile(
    recipe: Path,
    precision: Literal["32-true", "bf16-mixed", "bf16-mixed, penalties too"] = "32-true",
    batch_size: ranges.BatchSize | None = 2,
    steps: ranges.Steps = 2,
    options: dict | None = None,
    trace: Path | None = None,
) -> None:
    """Where the time of a recipe's training step goes, on one thread: convolutions, copies, optimizers ...

    Args:
        recipe: Such as reproductions/biggan/paper.yaml.
        precision: 32-true, bf16-mixed, or `bf16-mixed, penalties too`.
        batch_size: Every batch of the recipe cut to so many images, in one part, with one update of D in a step;
            null keeps the recipe's.
        steps: Steps after the first, which are profiled.
        options: Model options over the recipe's, such as {width_g: 32}.
        trace: File (.json, or packed .json.gz) of what happened when, for Perfetto or chrome://tracing.
    """
    from zoo.bench.profiling import run
    from zoo.options.folders import check_new

    if trace:
        check_new("--trace", trace, ".json", ".gz")
    print(run(recipe, precision, batch_size, steps, options, trace))


def distances(
    data: list[str] = ["data/cifar10-train-1.zip", "data/cifar10-train-2.zip"],  # noqa: B006
    tests: str = "data/cifar10-test.zip",
    faces: str = "data/lfw-faces-64.zip",
    photographs: str = "data/imagenette-train-64.zip",
    name: str = "CIFAR-10 (JPEG copy)",
    out: Path = Path("zoo/evaluation/distances"),
    n: ranges.PositiveInt = 500,
    n_real: ranges.PositiveInt = 5000,
) -> None:
    """Measure what each distance is worth: which faults it sees, how few images do, how biased it is.

    Writes OUT.json, OUT.md (a table) and OUT.png, anew after each distance; about half an hour of one core.

    Args:
        data: Zips of labelled images of 32 px that are joined.
        tests: Zip of labelled images that the domain classifier is trained on.
        faces: Zip of images of 64 px; they are averaged down.
        photographs: Another one.
        name: The data's name in the table.
        out: Files to write, without their endings.
        n: Images of each disturbed set.
        n_real: Images of the reference.
    """
    from functools import partial

    from zoo.bench import distances as bench
    from zoo.data import ImageDataModule
    from zoo.pictures.plots import check_figure

    check_figure(Path(f"{out}.png"))
    strangers = {
        kind: ImageDataModule(path, 32, source_resolution=64, labels=False, limit=n)
        for kind, path in (("faces", faces), ("photographs", photographs))
    }
    sets = ImageDataModule(data, 32, name=name), ImageDataModule(tests, 32)
    for result in bench.run(*sets, strangers, n, n_real, report=partial(print, flush=True)):
        files = bench.save(result, out)
    print(bench.table(result), *files, sep="\n")


def penalties(recipes: list[Path], n: ranges.PositiveInt = 4) -> None:
    """Compare gradient penalties in bfloat16 with float32 at recipes' discriminators, as they begin.

    Args:
        recipes: Such as reproductions/r1gan/tiny.yaml.
        n: Images.
    """
    from zoo.bench.penalties import run

    print(run(recipes, n))


def table(
    recipes: list[Path] | None = None,
    out: Path = Path("results/speed"),
    cpu_below: ranges.NonNegativeFloat = 0,
) -> None:
    """Count what recipes' steps cost, and write OUT.csv and the page OUT.md, with a GPU's lines if there are any.

    Args:
        recipes: Such as [reproductions/biggan/paper.yaml]; lines of others stay. By default all of OUT.csv, and the
            paper.yaml of every paper and baseline.
        out: Files to write, without their endings.
        cpu_below: Also time one step of two images where they take at most so many GFLOP.
    """
    from zoo.bench.table import table
    from zoo.options.folders import check_folder, check_generated

    check_folder("--out", out.parent)
    for ending, mark in {".md": "", ".csv": "paper,recipe,side"}.items():
        check_generated(out.with_suffix(ending), "zoo bench table", mark)
    print(table(recipes, out, cpu_below * 1e9))


def gpu(out: Path = Path("results/gpu"), minutes: ranges.PositiveFloat = 12, device: str = "cuda") -> None:
    """Use a short lease of a GPU: does every paper's step run, and how fast are they.

    Six at speed, 1024 px, checkpointed, compiled, with CUDA graphs, in the other memory layout. Writes
    OUT/steps.csv line by line, the most important first; the same command goes on where it ended.

    Args:
        out: Folder of the lines.
        minutes: Time to spend.
        device: cuda or cpu.
    """
    from zoo.bench.gpu import run
    from zoo.engine.devices import device_here
    from zoo.options.folders import check_folder

    device_here(device)
    check_folder("--out", out)
    print(run(out, minutes, device))
