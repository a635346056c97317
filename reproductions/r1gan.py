"""R1GAN (Mescheder et al. 2018): python reproductions/r1gan.py [--config reproductions/r1gan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import ImageNet
from zoo.papers.r1gan import R1GAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(R1GAN, ImageNet, recipe=Path(__file__).with_suffix("") / "paper.yaml")
