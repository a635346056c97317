"""DCGAN (Radford et al. 2016): python reproductions/dcgan.py [--config reproductions/dcgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.dcgan import DCGAN
from zoo.data import ImageDataModule
from zoo.training.cli import train

if __name__ == "__main__":
    train(DCGAN, ImageDataModule, recipe=Path(__file__).with_suffix("") / "paper.yaml")
