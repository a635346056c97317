"""StyleGAN (Karras et al. 2019): python reproductions/stylegan.py [--config .../<recipe>.yaml]"""

from pathlib import Path

from zoo.cli import train
from zoo.data import FFHQ
from zoo.papers.stylegan import StyleGAN

if __name__ == "__main__":
    train(StyleGAN, FFHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
