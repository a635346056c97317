"""GAN-QP (Su 2018): python reproductions/gan_qp.py [--config reproductions/gan_qp/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.gan_qp import GAN_QP
from zoo.data import CelebAHQ
from zoo.training.cli import train

if __name__ == "__main__":
    train(GAN_QP, CelebAHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
