"""CGAN (Mirza, Osindero 2014): python reproductions/cgan.py [--config reproductions/cgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.cgan import CGAN
from zoo.data import MNIST
from zoo.training.cli import train

if __name__ == "__main__":
    train(CGAN, MNIST, recipe=Path(__file__).with_suffix("") / "paper.yaml")
