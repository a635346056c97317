"""SNGAN (Miyato et al. 2018): python reproductions/sngan.py [--config reproductions/sngan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import ImageNet
from zoo.papers.sngan import SNGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(SNGAN, ImageNet, recipe=Path(__file__).with_suffix("") / "paper.yaml")
