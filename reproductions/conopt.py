"""ConOpt (Mescheder et al. 2017): python reproductions/conopt.py [--config reproductions/conopt/<recipe>.yaml]"""

from pathlib import Path

from zoo.baselines.conopt import ConOpt
from zoo.data import CIFAR10
from zoo.training.cli import train

if __name__ == "__main__":
    train(ConOpt, CIFAR10, recipe=Path(__file__).with_suffix("") / "paper.yaml")
