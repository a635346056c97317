"""Experts, play, pictures and curves of imitation learning, by the commands that make them."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.__main__ import main
from zoo.imitation.demonstrations import Demonstrations, load
from zoo.lab.expert import spread
from zoo.leaderboard.imitation import write_row
from zoo.training.imitate import train

ROOT = Path(__file__).parents[2]
TRPO = ("--by", "trpo")
CMAZE = str(ROOT / "reproductions" / "vairl" / "cmaze.npz")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from zoo.imitation.vairl import VAIRL

    folder = tmp_path_factory.mktemp("run")
    options = [
        "--model.demonstrations",
        CMAZE,
        "--model.n_envs",
        "2",
        "--model.horizon",
        "30",
        "--model.d_steps",
        "2",
    ]
    options += ["--model.total_ksteps", "0.12", "--wandb", "false", "--run_dir", str(folder / "run")]
    train(VAIRL, args=[*options, "--evaluation.episodes", "2", "--evaluation.results_dir", str(folder / "results")])
    return folder / "run-001" / "checkpoints" / "last.ckpt", next((folder / "results").glob("imitation/*.json"))


def test_pictures_of_a_maze(run, tmp_path, monkeypatch, capsys):
    for name in ("maze.png", "maze.gif"):
        main(["lab", "play", str(run[0]), "--out", str(tmp_path / name), "--episodes", "3"])
        assert "VAIRL in CMazeRight-v0: return -" in capsys.readouterr().out
    assert Image.open(tmp_path / "maze.png").width > 500
    assert Image.open(tmp_path / "maze.gif").n_frames == 15
    monkeypatch.setattr("zoo.lab.imitation.play", None)  # what is refused is so before anything is played
    (tmp_path / "some.gif").mkdir()
    for name, words in {"a.txt": "no figure", "a": "no figure", "some.gif": "no film", "some": "no figure"}.items():
        with pytest.raises(SystemExit):
            main(["lab", "play", str(run[0]), "--out", str(tmp_path / name)])
        assert f"--out {tmp_path / name} is {words}" in capsys.readouterr().err
    monkeypatch.setattr("zoo.imitation.base.load", lambda *_: Path("no demonstrations").read_bytes())
    with pytest.raises(SystemExit):
        main(["lab", "play", str(run[0]), "--out", str(tmp_path / "b.png")])
    assert "no demonstrations" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["sample", str(run[0])])
    assert "a policy that VAIRL has trained, which makes no images" in capsys.readouterr().err


def test_curves_of_rows(run, tmp_path, capsys):
    main(["lab", "returns", str(run[1]), str(run[1]), "--out", str(tmp_path / "curves.png")])
    said = capsys.readouterr().out
    assert "true return, VAIRL (defaults)" in said
    assert "KL of the code" in said
    assert Image.open(tmp_path / "curves.png").width > 500
    from zoo.leaderboard.imitation import read_row

    row = read_row(run[1])
    bare = {k: v for k, v in row["config"].items() if k != "bottleneck"}  # as GAIL and AIRL have it
    without = write_row(row | {"config": bare, "method": "AIRL"}, tmp_path)
    main(["lab", "returns", str(without), "--out", str(tmp_path / "without.png")])
    assert "KL of the code" not in capsys.readouterr().out
    other = write_row(row | {"conditions": row["conditions"] | {"env": "SMaze-v0"}}, tmp_path)
    with pytest.raises(SystemExit):
        main(["lab", "returns", str(run[1]), str(other)])
    assert "several tasks" in capsys.readouterr().err


def test_a_trained_expert_shows_its_last_iterations(tmp_path, capsys):
    out = tmp_path / "demos.npz"
    command = ["lab", "expert", "CMazeRight-v0", "--out", str(out), "--by", "trpo", "--n_envs", "4"]
    main([*command, "--iterations", "6", "--episodes", "10", "--horizon", "20"])
    assert "10 episodes" in capsys.readouterr().out
    demos = load(out)
    assert demos.obs.shape == (10, 20, 3)
    assert demos.about["expert"] == "trpo"


@pytest.mark.parametrize(("n", "which"), [(5, [0, 4, 8, 12, 16]), (12, [0, 1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18])])
def test_episodes_are_of_all_the_last_iterations(n, which):
    rows = torch.arange(20.0).view(5, 4, 1, 1)
    parts = [Demonstrations(x, x, x, x[:, 0, 0], x[:, 0, 0], {}) for x in rows]
    assert spread(parts, n, {}).returns.tolist() == which


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["expert", "Nowhere-v0"], "no environment Nowhere-v0"),
        (["expert", "MountainCarContinuous-v0", "--episodes", "0"], "--episodes"),
        (
            ["expert", "Pendulum-v1", *TRPO, "--n_envs", "3", "--episodes", "16"],
            "the last 5 iterations have 15 episodes, not 16: lower --episodes, or raise --n_envs to 4",
        ),
        (
            ["expert", "Pendulum-v1", *TRPO, "--iterations", "2", "--n_envs", "3", "--episodes", "7"],
            "--n_envs to 4",
        ),
        (["expert", "Pendulum-v1", *TRPO, "--noise", "3"], "--noise does nothing with --by trpo"),
        (["expert", "Pendulum-v1", "--kl_step", "1"], "--kl_step does nothing with --by rule"),
        (["expert", "CartPole-v1", *TRPO, "--std", "2"], "--std does nothing in CartPole-v1"),
        (["play", "nowhere.ckpt"], "nowhere.ckpt"),
    ],
)
def test_mistakes_are_told(command, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["lab", *command])
    assert words in capsys.readouterr().err
