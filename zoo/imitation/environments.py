"""gymnasium environments: the mazes, registered, and any other whose observations are vectors.

Many episodes at a time come from gymnasium's own vector environments; the mazes bring one in numpy, since 100
Python objects that step one after another cost more than the learning.
"""

import difflib
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from zoo.imitation.mazes import MAZES

#: of the official environments; training cuts paths sooner, after `horizon` steps
MAZE_STEPS = 200


class PointMazeVector(gym.vector.VectorEnv):
    """Many balls in one of `MAZES`: observations (n, 3) of (x, y, 0) in m, actions (n, 2) in N.

    The start position is fixed, each start velocity U(-0.01, 0.01) m/s. A ball starts anew in the step that ends
    its episode, after `max_episode_steps`.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (gymnasium's form)

    def __init__(self, maze: str, num_envs: int = 1, max_episode_steps: int = MAZE_STEPS) -> None:
        self.maze, self.num_envs, self.max_episode_steps = MAZES[maze], num_envs, max_episode_steps
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float64)
        strength = np.float32(self.maze.strength)
        self.single_action_space = gym.spaces.Box(-strength, strength, (2,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.x, self.v = self.starts(np.zeros((num_envs, 2)))
        self.steps = np.zeros(num_envs, int)

    def starts(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.tile(self.maze.start, (len(v), 1)), v

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        if seed is not None:
            self._np_random, self._np_random_seed = gym.utils.seeding.np_random(seed)
        self.x, self.v = self.starts(self.np_random.uniform(-0.01, 0.01, (self.num_envs, 2)))
        self.steps[:] = 0
        return self.seen(), {}

    def seen(self) -> np.ndarray:
        return np.concatenate([self.x, np.zeros((self.num_envs, 1))], 1)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        before, actions = self.x, np.asarray(actions, float)
        self.x, self.v = self.maze.move(self.x, self.v, actions)
        reward = self.maze.reward(before, self.x, actions)
        self.steps += 1
        over, info = self.steps >= self.max_episode_steps, {}
        if over.any():
            info = {"final_obs": self.seen(), "_final_obs": over}
            starts = self.starts(self.np_random.uniform(-0.01, 0.01, (int(over.sum()), 2)))
            self.x, self.v = self.x.copy(), self.v.copy()
            self.x[over], self.v[over], self.steps[over] = *starts, 0
        return self.seen(), reward, np.zeros(self.num_envs, bool), over, info


class PointMaze(gym.Env):
    """One ball in one of `MAZES`, the form of gymnasium.make; gymnasium's own wrapper ends the episodes."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, maze: str) -> None:
        self.one = PointMazeVector(maze, max_episode_steps=2**62)
        self.observation_space, self.action_space = self.one.single_observation_space, self.one.single_action_space

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        return self.one.reset(seed=seed)[0][0], {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        obs, reward, *_ = self.one.step(np.asarray(action)[None])
        return obs[0], float(reward[0]), False, False, {}


def register() -> None:
    """Make the mazes known to gymnasium under their names; again is no harm."""
    for name in MAZES:
        if name not in gym.registry:
            gym.register(
                name,
                entry_point="zoo.imitation.environments:PointMaze",
                vector_entry_point="zoo.imitation.environments:PointMazeVector",
                kwargs={"maze": name},
                max_episode_steps=MAZE_STEPS,
            )


def make(name: str, n: int) -> gym.vector.VectorEnv:
    """`n` environments of a name, or `module:name`, side by side, each of which starts anew where its episode ends.

    Raises:
        ValueError: for a name that gymnasium does not have, or an environment whose observations are not vectors or
            whose actions are neither vectors nor choices.
    """
    register()
    if ":" not in name and name not in gym.registry:  # a module before a colon registers the name behind it
        near = difflib.get_close_matches(name, gym.registry, 3, 0.5) or [*MAZES, "Pendulum-v1"]
        raise ValueError(f"there is no environment {name}; similar ones are {', '.join(near)}")
    try:
        if name in MAZES:
            envs = gym.make_vec(name, n, vectorization_mode="vector_entry_point")
        else:
            # gymnasium's checks of every step would take a third of the time
            one = partial(gym.make, name, disable_env_checker=True)
            envs = gym.vector.SyncVectorEnv([one] * n, autoreset_mode=AutoresetMode.SAME_STEP)
    except (gym.error.Error, ImportError) as error:
        told = " ".join(str(error).split())
        raise ValueError(f"the environment {name} cannot be made here: {told}") from error
    obs, action = envs.single_observation_space, envs.single_action_space
    if not (isinstance(obs, gym.spaces.Box) and len(obs.shape) == 1):
        raise ValueError(
            f"{name} shows {obs}; imitation learning here takes vectors of numbers, as Pendulum-v1 has"
        )
    if not isinstance(action, gym.spaces.Discrete) and not (
        isinstance(action, gym.spaces.Box) and len(action.shape) == 1
    ):
        raise ValueError(f"the actions of {name} are {action}; here they are vectors of numbers, or choices")
    return envs


def action_size(envs: gym.vector.VectorEnv) -> int:
    """Numbers of an action, or how many there are to choose from."""
    space = envs.single_action_space
    return int(space.n) if isinstance(space, gym.spaces.Discrete) else space.shape[0]


def discrete(envs: gym.vector.VectorEnv) -> bool:
    """Whether actions are choices."""
    return isinstance(envs.single_action_space, gym.spaces.Discrete)
