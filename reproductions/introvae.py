"""IntroVAE (Huang et al. 2018): python reproductions/introvae.py [--config reproductions/introvae/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import CelebAHQ
from zoo.papers.introvae import IntroVAE
from zoo.training.cli import train

if __name__ == "__main__":
    train(IntroVAE, CelebAHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
