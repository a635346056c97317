"""BiGAN (Donahue et al. 2017): python reproductions/bigan.py [--config reproductions/bigan/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.bigan import BiGAN
from zoo.data import MNIST
from zoo.training.cli import train

if __name__ == "__main__":
    train(BiGAN, MNIST, recipe=Path(__file__).with_suffix("") / "paper.yaml")
