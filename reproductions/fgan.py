"""f-GAN (Nowozin et al. 2016): python reproductions/fgan.py [--config reproductions/fgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.fgan import FGAN
from zoo.data import CIFAR10
from zoo.training.cli import train

if __name__ == "__main__":
    train(FGAN, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
