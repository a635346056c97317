"""What is found out before a run's folder is made: the machine, the disk, and what only the zoo may say."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch import nn

from zoo.data import ImageDataModule
from zoo.engine import speed
from zoo.engine.best import check_best
from zoo.engine.collapse import CollapseWatch
from zoo.engine.gan import GAN
from zoo.evaluation.extractors import metric_names
from zoo.options.folders import check_folder
from zoo.options.ranges import shown
from zoo.training import cluster
from zoo.training.devices import processes
from zoo.training.shapes import check_data

#: what a run gives Lightning's Trainer by default
TRAINER = {
    "max_steps": -1,  # training ends at model.total_kimg
    "max_epochs": -1,
    "num_sanity_val_steps": 0,
    "reload_dataloaders_every_n_epochs": 1,  # an epoch is a stage of a growing model; for the others it never ends
    "use_distributed_sampler": False,
    "enable_model_summary": False,
}
#: options of Lightning's Trainer that count, -> the least, beside what stands for "no bound"
COUNTS = {"max_epochs": 1, "max_steps": 1, "min_epochs": 0, "min_steps": 0, "num_nodes": 1, "log_every_n_steps": 1}
COUNTS |= {"check_val_every_n_epoch": 1, "fast_dev_run": 0, "num_sanity_val_steps": 0}
#: shares of an epoch, or batches
LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches")
#: options whose one value is the zoo's to say -> (values that may stand there, what to do instead)
OURS: dict[str, tuple[tuple, str]] = {
    "enable_checkpointing": (
        (None, False),
        "--checkpoints.every_kimg and --checkpoints.keep write the checkpoints",
    ),
    "barebones": ((False,), "a run has logs and checkpoints; --samples, --checkpoints and --evaluation take 0"),
    "overfit_batches": ((0, 0.0), "--data.limit trains on so few images"),
    "default_root_dir": ((None,), "--run_dir names the run's folder"),
    "accumulate_grad_batches": ((1,), "a paper's step says when it updates: --model.batch_size"),
    "gradient_clip_val": ((None, 0), "a paper's step says how it updates, and none of them clips gradients"),
    "reload_dataloaders_every_n_epochs": ((1,), "a growing model's stages are epochs"),
    "use_distributed_sampler": ((False,), "the data's own order is shared over the processes"),
}
#: beginnings of the names of what papers measure themselves
OWN_SCORES = ["reconstruction_", "parzen_", "test_accuracy", "test_accuracy_", "accuracy_1nn", "accuracy_1nn_codes"]
#: what a launcher of several nodes sets
LAUNCHERS = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "LSB_JOBID", "NODE_RANK")


def check_trainer(trainer: Any) -> None:
    """Refuse options under --trainer that could not be meant, or that are not Lightning's to say here.

    Raises:
        ValueError: naming the option, the value and what it takes.
    """
    for name, least in COUNTS.items():
        value = trainer.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value < least:
            if value == -1 and name.startswith("max_"):
                continue
            end = ", or -1 (training ends at --model.total_kimg)" if name.startswith("max_") else ""
            raise ValueError(f"trainer.{name} takes a whole number of at least {least}{end}, not {value}")
    for name in (*LIMITS, "val_check_interval"):
        value = trainer.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if value < 0 or (name in ("limit_train_batches", "val_check_interval") and not value):
            raise ValueError(f"trainer.{name} takes a number of batches, or a share of them, above 0, not {value}")
        if isinstance(value, float) and not value <= 1:
            raise ValueError(f"trainer.{name} takes a number of batches, or a share up to 1.0, not {value}")
    for name, (allowed, instead) in OURS.items():
        if (value := trainer.get(name)) not in allowed:
            raise ValueError(f"trainer.{name} is not to be set (here to {shown(value)}): {instead}")
    if (devices := trainer.get("devices")) in (0, "0", [], "[]", ""):
        raise ValueError(
            f"trainer.devices takes at least 1 device, a list such as [0,1], or auto, not {shown(devices)}"
        )
    if (trainer.get("num_nodes") or 1) > 1 and not any(name in os.environ for name in LAUNCHERS):
        raise ValueError(
            f"trainer.num_nodes {trainer.num_nodes} needs a launcher that starts this command on every node, or it "
            "would wait for the others for ever: srun, or torchrun --nnodes; or leave it out to train on one node"
        )


def check_machine(trainer: Any, build: Callable[[], L.Trainer]) -> None:
    """Build a Trainer on trial: what this machine has not, or Lightning does not do, is found out.

    Raises:
        ValueError: with the options that speak of the machine.
    """
    try:
        build()
    except Exception as error:  # each accelerator, strategy and plugin has its own kinds
        usual = {
            "accelerator": ("auto", "cpu"),
            "devices": ("auto", None),
            "strategy": ("auto",),
            "num_nodes": (1, None),
        }
        given = [f"--trainer.{k} {shown(trainer.get(k))}" for k, v in usual.items() if trainer.get(k) not in v]
        given += [f"--trainer.precision {p}" for p in [trainer.get("precision")] if p not in (None, "32-true")]
        said = " ".join(str(error).split())
        raise ValueError(
            f"{' '.join(given) or 'what stands under --trainer'} does not fit this machine or other options: {said}"
        ) from error


def on_cpu(trainer: Any) -> bool:
    """Whether Lightning will train on the CPU."""
    chosen = trainer.get("accelerator") or "auto"
    return chosen == "cpu" or (chosen == "auto" and not torch.accelerator.is_available())


def check_ways(config: Any, model: GAN) -> tuple[bool | str, bool]:
    """How networks are to be compiled, and whether their blocks are to be computed again.

    Raises:
        ValueError: as `zoo.engine.speed.check`, and without a compiler, or for CUDA graphs on a processor.
    """
    compiled, again, trainer = config.compile, config.checkpoint_activations, config.trainer
    speed.check(model, compiled, again, processes(trainer))
    if not compiled:
        return False, again
    on_cuda = trainer.get("accelerator") in ("gpu", "cuda", "auto") and torch.cuda.is_available()
    if compiled == speed.GRAPHS and not on_cuda:
        raise ValueError(f"--compile {compiled} takes CUDA graphs, and there is no CUDA here: give --compile true")
    cxx = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    headers = Path(sysconfig.get_path("include"), "Python.h")
    for lacks, mend in (
        (not shutil.which(cxx) and f"a C++ compiler, and there is no {cxx}", "install one, name it by CXX"),
        (not headers.is_file() and f"Python's headers, and there is no {headers}", "install them (python3-dev)"),
    ):
        if lacks:
            raise ValueError(f"--compile needs {lacks}: {mend}, or leave the option out")
    return compiled, again


def checkpoint_bytes(model: nn.Module) -> int:
    """What a checkpoint holds at the most: all parameters and buffers, and two moments of each that is trained."""
    state = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    return state + 2 * sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)


def checkpoint_files(model: nn.Module, keep: int, best_by: str | None = None) -> int:
    """How many checkpoints a run has at the most, but for the one that is being written."""
    return keep + bool(best_by) + bool(getattr(model, "watch_kimg", 0))  # before-collapse.ckpt


def check_disk(model: nn.Module, files: int, there: Path, folder: Path | None = None) -> None:
    """Refuse a run whose checkpoints would not fit on the disk: `files` of them, and one that is being written.

    Args:
        folder: of the run that is gone on with; its checkpoints give way to the new ones.

    Raises:
        ValueError: naming both sizes.
    """
    size, free = checkpoint_bytes(model), shutil.disk_usage(there).free
    stats = [path.stat() for path in (folder / "checkpoints").glob("*.ckpt*")] if folder else []
    held = sum({one.st_ino: one.st_size for one in stats}.values())  # a file may have two names
    if max((files + 1) * size - held, size) > free:
        beside = f" beside the {held / 2**30:.2f} GiB of those that are there" if held else ""
        raise ValueError(
            f"{files + 1} checkpoints of about {size / 2**30:.2f} GiB{beside} do not fit in the "
            f"{free / 2**30:.2f} GiB that are free at {there}: free some space, give --run_dir another disk, or "
            "lower --checkpoints.keep"
        )


def scores_on_the_way(model: GAN, extractors: Sequence[str]) -> list[str]:
    """Names of the scores of an evaluation before the end, and beginnings of those that only some models have."""
    names = [name for one in extractors for name in metric_names(one).values()]
    within = [name for name in names if name.startswith("intra_") and not model.n_classes]
    own = type(model).own_metrics is not GAN.own_metrics
    return [name for name in names if name not in within] + (OWN_SCORES if own else [])


def check_run(
    model: GAN, data: ImageDataModule, parts: Any, checkpoint: Path | None, base: Path, folder: Path | None
) -> None:
    """Refuse what cannot work with this data and on this disk, while nothing is written yet.

    Args:
        parts: the callbacks of the command line: `checkpoints`, `evaluation`, and those under `trainer`.
        checkpoint: what is to be gone on from.
        base: the run's folder is this with a number behind it.
        folder: the run's, if it goes on in one.

    Raises:
        ValueError, OSError: naming what is wrong.
    """
    model.check(data)
    if checkpoint:
        check_data(checkpoint, data)
    parts.evaluation.check(model, data)
    for watch in parts.trainer.callbacks or []:
        if isinstance(watch, CollapseWatch):
            watch.check(model, data)
    known = scores_on_the_way(model, parts.evaluation.extractors)
    check_best([parts.checkpoints], parts.evaluation.every_kimg, known)
    files = checkpoint_files(model, parts.checkpoints.keep, parts.checkpoints.best_by)
    check_disk(model, files, check_folder("--run_dir", base.parent), folder)


def on_trial(trainer: Any) -> dict[str, Any]:
    """Options of a Trainer without a run's folder, loggers, callbacks, and objects that serve one Trainer alone."""
    quiet = {"callbacks": [], "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    strategy = trainer.get("strategy")
    plain = strategy is None or isinstance(strategy, str)
    return quiet | {"plugins": cluster.environment() or None} | ({} if plain else {"strategy": "auto"})
