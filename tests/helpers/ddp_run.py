"""One small training from the command line; every process leaves its weights in $OUT. Started by test_ddp.py."""

import os
from pathlib import Path

import torch

from zoo.data import Drawn
from zoo.papers import paper_class
from zoo.training.cli import train


class Recorded(paper_class(os.environ["PAPER"])):
    def on_train_end(self):
        torch.save(self.state_dict(), Path(os.environ["OUT"], f"rank{self.global_rank}.pt"))


if __name__ == "__main__":
    train(Recorded, Drawn)
