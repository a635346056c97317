"""The mazes in gymnasium, and environments that cannot serve."""

import gymnasium as gym
import numpy as np
import pytest

from zoo.imitation import environments
from zoo.imitation.mazes import MASS, MAZES


def test_the_mass_is_that_of_the_official_model():
    assert pytest.approx(0.11309733552923255, rel=1e-12) == MASS


@pytest.mark.parametrize("name", sorted(MAZES))
def test_one_ball_moves_as_one_of_many(name):
    environments.register()
    one, many = gym.make(name), environments.make(name, 3)
    alone, _ = one.reset(seed=5)
    together, _ = many.reset(seed=5)
    one.unwrapped.one.v[:] = many.v[:1]  # the start velocity is drawn for as many as there are
    np.testing.assert_array_equal(alone, together[0])
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    for action in actions:
        alone, reward, *_ = one.step(action.astype(np.float32))
        together, rewards, *_ = many.step(np.tile(action.astype(np.float32), (3, 1)))
        np.testing.assert_allclose(alone, together[0], atol=1e-12)
        assert reward == pytest.approx(rewards[0])
    assert one.observation_space.contains(alone)
    # gymnasium's own spaces say what is shown and taken
    assert many.action_space.shape == (3, 2)
    assert many.observation_space.shape == together.shape


def test_episodes_end_after_two_hundred_steps_and_start_anew():
    envs = environments.make("SMaze-v0", 2)
    envs.reset(seed=0)
    for step in range(200):
        obs, _, terminated, truncated, info = envs.step(np.ones((2, 2), np.float32))
        assert not terminated.any()
        assert truncated.all() == (step == 199)
    np.testing.assert_allclose(obs[:, :2], [[0, 0.3]] * 2)
    assert (info["final_obs"][:, 1] > 0.5).all()


@pytest.mark.parametrize("name", sorted(MAZES))
def test_no_ball_leaves_its_maze(name):
    maze, rng = MAZES[name], np.random.default_rng(1)
    x = np.tile(maze.start, (64, 1))
    v = np.zeros_like(x)
    low, high = maze.walls.min((0, 1)), maze.walls.max((0, 1))
    push = rng.uniform(-1, 1, x.shape) * 10
    for _ in range(100):
        x, v = maze.move(x, v, np.where(rng.random(x.shape) < 0.1, -push, push))
        assert (x >= low).all()
        assert (x <= high).all()
        a, b = maze.walls[:, 0], maze.walls[:, 1]
        gap = np.linalg.norm(maze.from_wall(x[:, None], a, b - a), axis=-1)
        assert gap.min() > 0.02  # never through a wall's middle line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Pendulm-v1", ["Pendulm-v1", "Pendulum-v1"]),
        ("CMazeRigth-v0", ["CMazeRight-v0"]),
        ("FrozenLake-v1", ["vectors of numbers"]),
        ("nowhere.envs:Thing-v0", ["cannot be made here", "nowhere"]),
    ],
)
def test_environments_that_cannot_serve_are_told(name, words):
    with pytest.raises(ValueError, match=name) as refused:
        environments.make(name, 1)
    for word in words:
        assert word in str(refused.value)


def test_a_module_before_the_name_registers_it(tmp_path, monkeypatch):
    """gymnasium's own way to name environments of a package that has to be imported first."""
    (tmp_path / "own_envs.py").write_text(
        "import gymnasium as gym\n"
        "gym.register('Own-v0', entry_point='gymnasium.envs.classic_control:PendulumEnv', max_episode_steps=7)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    envs = environments.make("own_envs:Own-v0", 2)
    assert envs.single_observation_space.shape == (3,)
