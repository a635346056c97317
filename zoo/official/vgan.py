"""Parameters of akanazawa/vgan, a modified GAN_stability: names of zoo.networks.r1gan and zoo.networks.vgan."""

from zoo.official.r1gan import convert

__all__ = ["convert"]
