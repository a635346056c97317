"""NK17 (Nagarajan and Kolter 2017): python reproductions/nk17.py [--config reproductions/nk17/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.nk17 import NK17
from zoo.data import CIFAR10
from zoo.training.cli import train

if __name__ == "__main__":
    train(NK17, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
