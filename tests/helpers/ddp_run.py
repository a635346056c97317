"""One small training from the command line; every process leaves its weights in $OUT. Started by test_ddp.py."""

import os
from pathlib import Path

import torch
import torch.distributed as dist

from zoo.data import Drawn
from zoo.papers import paper_class
from zoo.training.cli import train

if __name__ == "__main__":
    run = train(paper_class(os.environ["PAPER"]), Drawn)
    assert not dist.is_initialized(), "the run has ended and still holds the other processes"
    torch.save(run.model.state_dict(), Path(os.environ["OUT"], f"rank{run.trainer.global_rank}.pt"))
