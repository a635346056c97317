"""Experts that need no learning: rules for some of gymnasium's tasks, and a walk through the mazes.

A rule is a function of observations (n, d) -> actions (n, k), or (n,) choices. Returns of 30 to 50 episodes are
told with each.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.imitation.mazes import MAZES, Maze

Rule = Callable[[Tensor], Tensor]


def cart_pole(obs: Tensor) -> Tensor:
    """Right exactly if 3 theta + theta' + 0.1 x + 0.3 x' > 0: 500.0 +- 0.0."""
    return (obs @ torch.tensor([0.1, 0.3, 3.0, 1.0]) > 0).long()


def mountain_car(obs: Tensor) -> Tensor:
    """Push along the velocity: -119.7 +- 3.2."""
    return torch.where(obs[:, 1] >= 0, 2, 0)


def mountain_car_continuous(obs: Tensor) -> Tensor:
    """Push along the velocity: 89.4 +- 0.1."""
    return torch.where(obs[:, 1:] >= 0, 1.0, -1.0)


def acrobot(obs: Tensor) -> Tensor:
    """Torque along the speed of the second joint: -84.6 +- 29.5."""
    return torch.where(obs[:, 5] > 0, 2, 0)


def pendulum(obs: Tensor) -> Tensor:
    """Pump energy to that of rest at the top, and hold there: -139.6 +- 90.5."""
    cos, sin, speed = obs.T
    energy = speed.square() / 6 + 5 * cos
    hold = -(12 * torch.atan2(sin, cos) + 3 * speed)
    pump = 2 * speed.sign() * (5 - energy).sign() * ((5 - energy).abs() > 0.05)
    return torch.where(cos > 0.9, hold.clamp(-2, 2), pump)[:, None]


def way_points(maze: Maze) -> list[tuple[float, float]]:
    """Where a walk from start to goal turns, in m."""
    if maze.gaps is not None:
        return [(x, 0.6 * (i + 1)) for i, x in enumerate(maze.gaps)]
    (x0, y), (x1, _) = maze.walls[4]
    left, right = maze.walls[:, :, 0].min(), maze.walls[:, :, 0].max()
    return [((left + x0) / 2 if x0 > left else (right + x1) / 2, y)]


def walk(maze: Maze) -> Rule:
    """Head for the next way point, or the goal, at full force: the position alone says which is next."""
    points = way_points(maze)

    def rule(obs: Tensor) -> Tensor:
        x = obs[:, :2]
        target = torch.tensor(maze.goal).expand_as(x)
        for point in reversed(points):
            target = torch.where(x[:, 1:] < point[1] + 0.04, torch.tensor(point), target)
        # beside a wall first sideways, below the opening then up through it
        for px, py in points:
            to_wall = ((x[:, 1] < py + 0.04) & (x[:, 1] > py - 0.15) & ((x[:, 0] - px).abs() > 0.05))[:, None]
            beside = torch.stack([torch.full_like(x[:, 0], px), torch.full_like(x[:, 1], py - 0.1)], 1)
            target = torch.where(to_wall, beside, target)
            through = ((x[:, 1] <= py + 0.04) & (x[:, 1] > py - 0.15) & ((x[:, 0] - px).abs() <= 0.05))[:, None]
            target = torch.where(through, torch.tensor([px, py + 0.1]), target)
        return (8 * maze.strength * (target - x)).clamp(-maze.strength, maze.strength)

    return rule


RULES: dict[str, Rule] = {
    "CartPole-v1": cart_pole,
    "MountainCar-v0": mountain_car,
    "MountainCarContinuous-v0": mountain_car_continuous,
    "Acrobot-v1": acrobot,
    "Pendulum-v1": pendulum,
    **{name: walk(maze) for name, maze in MAZES.items()},
}


def acting(rule: Rule, noise: float, generator: torch.Generator) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A rule as `rollout` takes it, with N(0, noise^2) on each number of an action; no density is known.

    Raises:
        ValueError: for noise on actions that are choices.
    """

    def act(obs: Tensor) -> tuple[Tensor, Tensor]:
        actions = rule(obs)
        if noise and not actions.is_floating_point():
            raise ValueError("these actions are choices and take no noise: leave out --noise")
        if noise:
            actions = actions + noise * torch.randn(actions.shape, generator=generator)
        return actions, torch.full((len(obs),), math.nan)

    return act
