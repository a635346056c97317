"""VAIRL and AIRL (Peng et al. 2019): python reproductions/vairl.py [--config reproductions/vairl/<recipe>.yaml]"""

from pathlib import Path

from zoo.imitation.vairl import VAIRL
from zoo.training.imitate import train

if __name__ == "__main__":
    train(VAIRL, recipe=Path(__file__).with_suffix("") / "paper.yaml")
