"""PGGAN (Karras et al. 2018): python reproductions/pggan.py [--config reproductions/pggan/<recipe>.yaml]"""

from pathlib import Path

from zoo.data import CelebAHQ
from zoo.papers.pggan import PGGAN
from zoo.training.cli import train

if __name__ == "__main__":
    train(PGGAN, CelebAHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
