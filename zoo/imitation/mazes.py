"""The point-mass mazes of the transfer experiment, without a physics engine: walls, dynamics and rewards in numpy.

A ball slides in the plane between capsules. Free motion is that of MuJoCo's Euler integrator with implicit damping,
exactly; at a wall the ball is put where MuJoCo's soft contact lets it rest. Geometry and rewards are those of
qxcv/vdb-irl @ e3d1292 (point_maze_env.py, rooms.py), lengths in metres, times in seconds.
"""

import math
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

RADIUS, DENSITY = 0.03, 1000.0  # of the ball, in m and kg/m^3
MASS = DENSITY * 4 / 3 * math.pi * RADIUS**3
DAMPING = 1.0  # of both slide joints, in N s/m
TIMESTEP, FRAME_SKIP = 0.01, 5
#: distance of the ball's centre from a wall's middle line where it rests, pushed with 1 N (MuJoCo 4.0; radii add to
#: 0.05)
REACH = 0.0527


@dataclass(frozen=True)
class Maze:
    """Where walls, start and goal are, and how strong the motors are.

    Args:
        walls: middle lines (W, 2, 2): two ends (x, y) each, in m.
        start, goal: (x, y), in m.
        strength: the motors give at most so many N along each axis.
        gaps: x of the opening in each inner wall of the S-maze; the wall i = 1, 2 lies at y = 0.6 i. None in the
            C-maze.
        mass, damping, timestep, frame_skip, reach: of the dynamics.
    """

    walls: Array
    start: tuple[float, float]
    goal: tuple[float, float]
    strength: float
    gaps: tuple[float, ...] | None = None
    mass: float = MASS
    damping: float = DAMPING
    timestep: float = TIMESTEP
    frame_skip: int = FRAME_SKIP
    reach: float = REACH

    def move(self, x: Array, v: Array, actions: Array) -> tuple[Array, Array]:
        """Positions and velocities (N, 2) one action (N, 2), `frame_skip` physics steps, later."""
        force, h = np.clip(actions, -self.strength, self.strength), self.timestep
        for _ in range(self.frame_skip):
            v = v + h * (force - self.damping * v) / (self.mass + h * self.damping)
            x, v = self.stop_at_walls(x + h * v, v)
        return x, v

    def stop_at_walls(self, x: Array, v: Array) -> tuple[Array, Array]:
        """Put balls that are in a wall back to where they rest, without the velocity into it; no friction."""
        start, along = self.walls[:, 0], self.walls[:, 1] - self.walls[:, 0]
        # all walls at once says which are hit: mostly none
        hit = (np.square(self.from_wall(x[:, None], start, along)).sum(-1) < self.reach**2).any(0)
        for a, b in zip(start[hit], along[hit], strict=True):
            away = self.from_wall(x, a, b)
            distance = np.linalg.norm(away, axis=1, keepdims=True)
            normal = away / np.maximum(distance, 1e-12)
            touches = distance < self.reach
            inward = np.minimum((v * normal).sum(1, keepdims=True), 0)
            x = np.where(touches, x + (self.reach - distance) * normal, x)
            v = np.where(touches, v - inward * normal, v)
        return x, v

    @staticmethod
    def from_wall(x: Array, start: Array, along: Array) -> Array:
        """The way (..., 2) to x from the nearest point of the segments that begin at `start` and go `along`."""
        t = ((x - start) * along).sum(-1) / (along * along).sum(-1)
        return x - (start + np.clip(t, 0, 1)[..., None] * along)

    def reward(self, before: Array, after: Array, actions: Array) -> Array:
        """The true reward (N,) of a move from `before` to `after` (N, 2) by `actions` (N, 2), not clipped.

        C-maze: -|x - goal| - 0.001 |a|^2. S-maze: 2 within 0.1 m of the goal, 1 within 0.2 m, plus what the shaped
        distance has shrunk. x is the position before the action.
        """
        distance = np.linalg.norm(before - self.goal, axis=-1)
        if self.gaps is None:
            return -distance - 0.001 * np.square(actions).sum(-1)
        near = np.where(distance <= 0.1, 2.0, np.where(distance <= 0.2, 1.0, 0.0))
        return near + self.shaped_distance(before) - self.shaped_distance(after)

    def shaped_distance(self, x: Array) -> Array:
        """Length (N,) of the way from x (N, 2) through the openings still ahead to the goal, in the S-maze.

        To the first opening ahead straight, then by fixed lengths; as the official code has it, which turns to the
        next wall 0.05 m behind a wall.
        """
        inner, last = math.hypot(0.2, 0.6), math.hypot(0.2, 0.3)
        found = np.linalg.norm(x - self.goal, axis=-1)
        for i in range(len(self.gaps), 0, -1):
            to_gap = np.linalg.norm(x - np.array([self.gaps[i - 1], 0.6 * i]), axis=-1)
            ahead = to_gap + (len(self.gaps) - i) * inner + last
            found = np.where(x[..., 1] < 0.6 * i + 0.05, ahead, found)
        return found


def box(left: float, bottom: float, right: float, top: float) -> list:
    """The four middle lines of the outer walls."""
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return [[corners[i], corners[(i + 1) % 4]] for i in range(4)]


def c_maze(left: bool = False) -> Maze:
    """The C-maze: one wall between start and goal; the opening is left in training, right in the test.

    The mirror is not exact, as in the official code: the box's middle is 0.25, start and goal are at 0.3.
    """
    wall = [(-0.1, 0.3), (0.4, 0.3)] if left else [(0.2, 0.3), (0.6, 0.3)]
    return Maze(np.array([*box(-0.1, -0.1, 0.6, 0.6), wall]), (0.3, 0.0), (0.3, 0.5), strength=1.0)


def s_maze(flip: bool = False) -> Maze:
    """The S-maze: two walls with openings on different sides; the test has it mirrored."""
    low, high = [(-0.3, 0.6), (0.1, 0.6)], [(-0.1, 1.2), (0.3, 1.2)]
    gaps = (0.2, -0.2)
    if flip:
        low, high, gaps = [(-0.1, 0.6), (0.3, 0.6)], [(-0.3, 1.2), (0.1, 1.2)], (-0.2, 0.2)
    walls = np.array([*box(-0.3, 0.0, 0.3, 1.8), low, high])
    return Maze(walls, (0.0, 0.3), (0.0, 1.5), strength=5.0, gaps=gaps)


#: environment's id -> its maze
MAZES = {
    "CMazeRight-v0": c_maze(),
    "CMazeLeft-v0": c_maze(left=True),
    "SMaze-v0": s_maze(),
    "SMazeFlip-v0": s_maze(flip=True),
}
