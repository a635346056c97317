"""One small training from the command line; every process leaves its weights in $OUT. Started by test_ddp.py."""

import atexit
import os
from pathlib import Path

import torch
import torch.distributed as dist

from zoo.data import Drawn
from zoo.papers import paper_class
from zoo.training.cli import train

OUT = Path(os.environ["OUT"])


def at_exit(rank: list[int]) -> None:
    """Leave a file if the process has let go of the others."""
    if not dist.is_initialized():
        (OUT / f"parted{rank[0]}").touch()


if __name__ == "__main__":
    ranks: list[int] = []
    atexit.register(at_exit, ranks)  # runs after what is registered later
    run = train(paper_class(os.environ["PAPER"]), Drawn)
    ranks.append(run.trainer.global_rank)
    torch.save(run.model.state_dict(), OUT / f"rank{ranks[0]}.pt")
