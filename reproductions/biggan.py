"""BigGAN (Brock et al. 2019): python reproductions/biggan.py [--config reproductions/biggan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import ImageNet
from zoo.papers.biggan import BigGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(BigGAN, ImageNet, recipe=Path(__file__).with_suffix("") / "paper.yaml")
