"""VGAN (Peng et al. 2019): python reproductions/vgan.py [--config reproductions/vgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import CIFAR10
from zoo.papers.vgan import VGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(VGAN, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
