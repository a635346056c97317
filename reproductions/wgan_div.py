"""WGAN-div (Wu et al. 2018): python reproductions/wgan_div.py [--config reproductions/wgan_div/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.wgan_div import WGAN_Div
from zoo.data import ImageDataModule
from zoo.training.cli import train

if __name__ == "__main__":
    train(WGAN_Div, ImageDataModule, recipe=Path(__file__).with_suffix("") / "paper.yaml")
