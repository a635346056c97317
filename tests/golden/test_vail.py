"""VAIL's and VAIRL's discriminator steps, rewards and mazes against the authors' released code.

Everything is built from a file's meta. The official numbers are TensorFlow's float32; ours are computed in float64 and
compared at the tolerance the files state.
"""

import numpy as np
import pytest
import torch
from vectors import Vectors, files

from zoo.imitation.mazes import MAZES, REACH, Maze

#: the files' name of a maze -> its environment
NAMES = {
    "cmaze_right": "CMazeRight-v0",
    "cmaze_left": "CMazeLeft-v0",
    "smaze": "SMaze-v0",
    "smaze_flip": "SMazeFlip-v0",
}


def maze_of(meta: dict, name: str) -> Maze:
    """The maze with the walls and dynamics that a file states."""
    ours = MAZES[NAMES[name]]
    walls = np.array([[[x0, y0], [x1, y1]] for _, (x0, y0, _, x1, y1, _) in meta["walls"][name]])
    dynamics = {key: meta[key] for key in ("mass", "damping", "timestep", "frame_skip")}
    return Maze(walls, ours.start, ours.goal, ours.strength, ours.gaps, reach=REACH, **dynamics)


@pytest.mark.parametrize("path", files("vail-maze*.npz"))
def test_mazes(path):
    v = Vectors(path)
    compared = 0
    for name in v.meta["walls"]:
        maze = maze_of(v.meta, name)
        for sequence in sorted({key.split("/")[0] for key in v.group(f"output/{name}/")}):
            out = {k: np.asarray(a, float) for k, a in v.group(f"output/{name}/{sequence}/").items()}
            obs = out["obs"]
            x, vel, rewards = obs[:1, :2], out["vel"][:1], []
            ours_x, ours_v = [x], [vel]
            for action in out["actions"]:
                before = x
                x, vel = maze.move(x, vel, action[None])
                rewards.append(maze.reward(before, x, action[None])[0])
                ours_x.append(x), ours_v.append(vel)
            ours_x, ours_v = np.concatenate(ours_x), np.concatenate(ours_v)
            if sequence == "bump":  # soft contact: where the ball comes to rest
                np.testing.assert_allclose(ours_x[-1], obs[-1, :2], atol=5e-3, rtol=0)
            else:
                np.testing.assert_allclose(ours_x, obs[:, :2], atol=1e-6, rtol=0)
                np.testing.assert_allclose(ours_v, out["vel"], atol=1e-6, rtol=0)
                np.testing.assert_allclose(rewards, out["reward"], atol=1e-6, rtol=0)
            # the reward's formula on the file's own positions, walls or not
            formula = maze.reward(obs[:-1, :2], obs[1:, :2], out["actions"])
            np.testing.assert_allclose(formula, out["reward"], atol=1e-9, rtol=0)
            if "shaped_distance" in out:
                np.testing.assert_allclose(maze.shaped_distance(obs[:, :2]), out["shaped_distance"], atol=1e-9)
            assert (obs[:, 2] == 0).all()
            compared += 1
    assert compared >= len(v.meta["walls"])
