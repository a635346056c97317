"""CT-GAN SSL (Wei et al. 2018): `python reproductions/ctgan_ssl.py [--config <recipe>.yaml]`."""

from pathlib import Path

from zoo.data import CIFAR10
from zoo.papers.ctgan_ssl import CTGAN_SSL
from zoo.training.cli import train

if __name__ == "__main__":
    train(CTGAN_SSL, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
