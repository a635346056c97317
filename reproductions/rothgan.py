"""RothGAN (Roth et al. 2017): python reproductions/rothgan.py [--config reproductions/rothgan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import ImageDataModule
from zoo.papers.rothgan import RothGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(RothGAN, ImageDataModule, recipe=Path(__file__).with_suffix("") / "paper.yaml")
