"""CT-GAN (Wei et al. 2018): python reproductions/ctgan.py [--config reproductions/ctgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import CIFAR10
from zoo.papers.ctgan import CTGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(CTGAN, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
