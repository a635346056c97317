"""WGAN (Arjovsky et al. 2017): python reproductions/wgan.py [--config reproductions/wgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.wgan import WGAN
from zoo.data import ImageDataModule
from zoo.training.cli import train

if __name__ == "__main__":
    train(WGAN, ImageDataModule, recipe=Path(__file__).with_suffix("") / "paper.yaml")
