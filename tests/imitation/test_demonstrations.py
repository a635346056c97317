"""Demonstrations on disk, good ones and bad ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.imitation import environments
from zoo.imitation.demonstrations import load, of_paths, save
from zoo.imitation.experts import RULES, acting
from zoo.imitation.paths import rollout


@pytest.fixture
def pendulum(tmp_path):
    envs = environments.make("Pendulum-v1", 3)
    paths = rollout(envs, acting(RULES["Pendulum-v1"], 0.0, torch.Generator()), 200, 0)
    save(of_paths(paths, {"env": "Pendulum-v1", "expert": "rule"}), tmp_path / "demos.npz")
    return envs, paths, tmp_path / "demos.npz"


def changed(path, **arrays):
    with np.load(path) as z:
        kept = {k: z[k] for k in z.files}
    np.savez(path, **{k: v for k, v in (kept | arrays).items() if v is not None})


def test_what_was_saved_comes_back(pendulum):
    envs, paths, path = pendulum
    demos = load(path, envs, "Pendulum-v1")
    obs, actions, next_obs = demos.steps()
    assert obs.shape == (600, 3)
    assert torch.equal(obs[:200], paths.obs[:, 0])
    assert torch.equal(actions[200:400], paths.actions[:, 1])
    assert torch.equal(next_obs[400:], paths.next_obs[:, 2])
    torch.testing.assert_close(demos.returns, paths.returns())
    assert len(demos.first(2, "x").obs) == 2


def test_an_episode_that_ended_sooner_has_no_more_steps(tmp_path):
    envs = environments.make("CartPole-v1", 4)
    right = acting(lambda obs: torch.ones(len(obs), dtype=torch.int64), 0.0, torch.Generator())
    paths = rollout(envs, right, 40, 0)
    save(of_paths(paths, {"env": "CartPole-v1"}), tmp_path / "d.npz")
    demos = load(tmp_path / "d.npz", envs, "CartPole-v1")
    assert (demos.lengths < 15).all()
    assert torch.equal(demos.returns, demos.lengths.float())
    obs, actions, next_obs = demos.steps()
    assert len(obs) == len(actions) == demos.lengths.sum()
    last = demos.lengths.cumsum(0) - 1
    assert (next_obs[last][:, 2].abs() > 0.2).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"obs": np.zeros((0, 200, 3), np.float32)}, ["no episode", "zoo lab expert"]),
        ({"lengths": np.zeros(3, np.int64)}, ["no episode"]),
        (
            {"obs": np.zeros((3, 200, 5), np.float32), "last_obs": np.zeros((3, 5), np.float32)},
            ["shape (5,)", "(3,)"],
        ),
        ({"actions": np.zeros((3, 200, 2), np.float32)}, ["2 numbers an action", "takes 1"]),
        ({"obs": np.full((3, 200, 3), np.nan, np.float32)}, ["not finite"]),
        ({"about": json.dumps({"env": "CMazeLeft-v0"})}, ["CMazeLeft-v0", "--model.env"]),
        ({"actions": None}, ["holds no demonstrations", "zoo lab expert"]),
        ({"actions": np.zeros((3, 199, 1), np.float32)}, ["actions of shape (3, 199, 1)", "(3, 200, 3)"]),
        ({"last_obs": np.full((3, 3), np.nan, np.float32)}, ["not finite"]),
        ({"last_obs": np.zeros((3, 2), np.float32)}, ["last_obs of shape (3, 2)"]),
        ({"lengths": np.full(3, 201)}, ["lengths from 201 to 201", "200 steps"]),
        ({"lengths": np.array([5, -1, 5])}, ["lengths from -1"]),
        ({"lengths": np.full(3, 50.0)}, ["holds no demonstrations", "float64"]),
        ({"returns": np.zeros(2, np.float32)}, ["returns of shape (2,)"]),
        ({"about": json.dumps([1])}, ["about is no mapping"]),
    ],
)
def test_bad_demonstrations_are_told(pendulum, change, words):
    envs, _, path = pendulum
    changed(path, **change)
    with pytest.raises(ValueError, match=r"demos.npz") as refused:
        load(path, envs, "Pendulum-v1")
    for word in words:
        assert word in str(refused.value)


def test_numbers_of_other_types_are_taken_as_networks_take_them(pendulum):
    envs, paths, path = pendulum
    with np.load(path) as z:
        changed(path, **{k: z[k].astype(np.float64) for k in ("obs", "actions", "last_obs", "returns")})
    demos = load(path, envs, "Pendulum-v1")
    assert {x.dtype for x in (*demos.steps(), demos.returns)} == {torch.float32}
    assert torch.equal(demos.obs[0], paths.obs[:, 0])


@pytest.mark.parametrize(
    ("choice", "words"), [(2, "none of the 2 of CartPole-v1"), (-1, "none of the 2"), (0.5, "float64")]
)
def test_choices_that_are_none_are_told(choice, words, tmp_path):
    envs = environments.make("CartPole-v1", 2)
    save(
        of_paths(rollout(envs, acting(RULES["CartPole-v1"], 0.0, torch.Generator()), 9, 0), {"env": "CartPole-v1"}),
        tmp_path / "d.npz",
    )
    changed(tmp_path / "d.npz", actions=np.array([[0] * 9, [0] * 8 + [choice]]))
    with pytest.raises(ValueError, match=words):
        load(tmp_path / "d.npz", envs, "CartPole-v1")


def test_the_zoo_s_own_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load("reproductions/vail/pendulum.npz").obs) == 10
    Path("reproductions").mkdir()
    Path("reproductions", "mine.npz").write_text("here first")
    with pytest.raises(ValueError, match=r"mine.npz holds no demonstrations"):
        load("reproductions/mine.npz")
    with pytest.raises(FileNotFoundError, match=r"no demonstrations at reproductions/vail/none.npz"):
        load("reproductions/vail/none.npz")


def test_no_file_no_npz_and_too_many_episodes_are_told(pendulum, tmp_path):
    _, _, path = pendulum
    with pytest.raises(FileNotFoundError, match=r"zoo lab expert Pendulum-v1 --out nowhere.npz"):
        load("nowhere.npz", None, "Pendulum-v1")
    with pytest.raises(ValueError, match=r"holds 3 episodes, not 4: change --model.n_demonstrations"):
        load(path).first(4, str(path))
    (tmp_path / "text.npz").write_text("no zip")
    np.save(tmp_path / "one.npy", np.zeros((3, 200, 3)))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(ValueError, match=f"{name} holds no demonstrations"):
            load(tmp_path / name)
