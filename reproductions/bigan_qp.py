"""BiGAN-QP (Su 2018): python reproductions/bigan_qp.py [--config reproductions/bigan_qp/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.bigan_qp import BiGAN_QP
from zoo.data import CelebAHQ
from zoo.training.cli import train

if __name__ == "__main__":
    train(BiGAN_QP, CelebAHQ, recipe=Path(__file__).with_suffix("") / "paper.yaml")
