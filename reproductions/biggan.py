"""BigGAN (Brock et al. 2019): python reproductions/biggan.py [--config reproductions/biggan/<recipe>.yaml]"""

from pathlib import Path

from zoo.cli import train
from zoo.data import ImageNet
from zoo.papers.biggan import BigGAN

if __name__ == "__main__":
    train(BigGAN, ImageNet, recipe=Path(__file__).with_suffix("") / "paper.yaml")
