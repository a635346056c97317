"""WGAN-GP (Gulrajani et al. 2017): python reproductions/wgan_gp.py [--config FILE from reproductions/wgan_gp]"""

from pathlib import Path

from zoo.baselines.wgan_gp import WGAN_GP
from zoo.data import CIFAR10
from zoo.training.cli import train

if __name__ == "__main__":
    train(WGAN_GP, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
