"""StyleGAN (Karras et al. 2019): python reproductions/stylegan.py [--config .../<recipe>.yaml]"""

from pathlib import Path

from zoo.data import FFHQ
from zoo.papers.stylegan import StyleGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(StyleGAN, FFHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
