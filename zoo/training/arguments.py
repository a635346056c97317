"""Options of a run that are neither the model's nor the data's nor the trainer's."""

from typing import Literal

from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningArgumentParser

from zoo.options.ranges import Processes


def add_requeue_signal(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--requeue_signal",
        type=Literal["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGTERM"] | None,
        default="SIGUSR1",
        help="by which SLURM tells a time limit ahead: the run is saved, put back in the queue and ended",
    )


def add_run_arguments(parser: LightningArgumentParser) -> None:
    """Where a run begins and writes, and how it computes."""
    parser.add_argument(
        "--ckpt_path",
        type=str | None,
        default=None,
        help="'last' goes on in the recipe's newest run, of several in that of this command; a path starts a new "
        "run from that checkpoint",
    )
    parser.add_argument(
        "--init_from",
        type=str | None,
        default=None,
        help="a checkpoint whose weights a new run begins with; other data and settings are its own",
    )
    add_requeue_signal(parser)
    parser.add_argument(
        "--run_dir",
        type=str | None,
        default=None,
        help="folder of the run, without the number that comes behind it (default: runs/<paper>/<recipe>)",
    )
    parser.add_argument(
        "--threads",
        type=Processes | None,
        default=None,
        help="CPU threads of PyTorch (default: PyTorch's choice)",
    )
    parser.add_argument(
        "--half_where_fast",
        type=bool,
        default=False,
        help="--trainer.precision bf16-mixed if it is not given and this processor multiplies bfloat16 faster",
    )
    parser.add_argument(
        "--half_penalties",
        type=bool,
        default=False,
        help="with --trainer.precision bf16-mixed: gradient penalties in bfloat16 too, their sums in float32",
    )
    parser.add_argument(
        "--compile",
        type=bool | Literal["reduce-overhead"],
        default=False,
        help="torch.compile makes the networks' passes, but not those that penalties differentiate twice; "
        "reduce-overhead: with CUDA graphs",
    )
    parser.add_argument(
        "--checkpoint_activations",
        type=bool,
        default=False,
        help="less memory, more time: networks' blocks are computed again in the backward pass, to the same bits",
    )
    parser.add_argument("--wandb", type=bool, default=True, help="log to Weights & Biases beside CSV")
