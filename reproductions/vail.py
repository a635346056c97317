"""VAIL and GAIL (Peng et al. 2019): python reproductions/vail.py [--config reproductions/vail/<recipe>.yaml]"""

from pathlib import Path

from zoo.imitation.vail import VAIL
from zoo.training.imitate import train

if __name__ == "__main__":
    train(VAIL, recipe=Path(__file__).with_suffix("") / "pendulum.yaml")
