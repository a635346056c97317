"""TTUR (Heusel et al. 2017): python reproductions/ttur.py [--config reproductions/ttur/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import ImageDataModule
from zoo.papers.ttur import TTUR
from zoo.training.cli import train

if __name__ == "__main__":
    train(TTUR, ImageDataModule, recipe=Path(__file__).with_suffix("") / "paper.yaml")
