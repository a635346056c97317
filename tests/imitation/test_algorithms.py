"""The four algorithms: what each does with a bottleneck and without, runs, resume, mistakes."""

import json
import os
from pathlib import Path

import pytest
import torch
from runs import final_state

from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.imitation.demonstrations import load as demonstrations_of
from zoo.imitation.demonstrations import save
from zoo.imitation.paths import Paths
from zoo.imitation.replay import Replay
from zoo.imitation.vail import GAIL, VAIL
from zoo.imitation.vairl import AIRL, VAIRL
from zoo.training.imitate import train
from zoo.training.loading import load, load_policy

ROOT = Path(__file__).parents[2]
PENDULUM = str(ROOT / "reproductions" / "vail" / "pendulum.npz")
CMAZE = str(ROOT / "reproductions" / "vairl" / "cmaze.npz")
#: what makes a run small: iterations of 100 steps, 4 of them
SMALL = {
    "gail": f"--model.env Pendulum-v1 --model.demonstrations {PENDULUM} --model.improvement ppo --model.epochs 2 "
    "--model.batch_size 64 --model.gp 1 --model.inputs state-action",
    "vail": f"--model.env Pendulum-v1 --model.demonstrations {PENDULUM} --model.improvement ppo --model.epochs 2 "
    "--model.batch_size 64 --model.beta_step 0.1 --model.replay_paths 3 --model.transfer_env Pendulum-v1 "
    "--model.imitation_ksteps 0.2",
    "airl": f"--model.demonstrations {CMAZE} --model.n_demonstrations 3 --model.replay_paths 3",
    "vairl": f"--model.demonstrations {CMAZE} --model.n_demonstrations 3 --model.beta_step 0.1 --model.gp 1 "
    "--model.replay_paths 3 --model.transfer_env CMazeLeft-v0 --model.imitation_ksteps 0.2",
}


def run(name: str, tmp_path: Path, *more: str, ksteps: float = 0.4):
    args = [
        *SMALL[name].split(),
        *("--model.n_envs", "2", "--model.horizon", "50", "--model.d_steps", "3", "--model.batch_size_d", "16"),
        *("--model.total_ksteps", str(ksteps), "--checkpoints.every_ksteps", "0.1", "--wandb", "false"),
        *("--run_dir", str(tmp_path / "run"), "--evaluation.results_dir", "null", *more),
    ]
    return train(algorithm_class(name), args=args)


def same(a: object, b: object, where: str = "") -> None:
    """Bit for bit the same, but for the clock."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            if key != "train_seconds":
                same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}/{i}")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


@pytest.mark.parametrize(
    ("name", "how"),
    [("gail", "crash"), ("vail", "signal"), ("airl", "signal"), ("vairl", "crash"), ("vairl", "signal")],
)
def test_killed_and_resumed_equals_never_killed(name, how, tmp_path, monkeypatch, capsys):
    """Stopped after the second iteration by SIGTERM, or dead in the fourth after the third was saved."""
    run(name, tmp_path / "whole", ksteps=0.6)

    model = algorithm_class(name)
    step = model.training_step

    def killed(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.nimg == 400 and how == "crash":
            raise RuntimeError("power cut")
        if self.nimg == 200 and how == "signal":
            os.kill(os.getpid(), 15)

    monkeypatch.setattr(model, "training_step", killed)
    with pytest.raises((SystemExit, RuntimeError)) as stopped:
        run(name, tmp_path / "halves", ksteps=0.6)
    reached = final_state(tmp_path / "halves" / "run-001")["state_dict"]["_extra_state"]["nimg"]
    assert reached == (300 if how == "crash" else 200)
    if how == "signal":
        assert stopped.value.code == 128 + 15
        assert "--ckpt_path last" in capsys.readouterr().out
    monkeypatch.setattr(model, "training_step", step)
    run(name, tmp_path / "halves", "--ckpt_path", "last", ksteps=0.6)
    whole, halves = (final_state(tmp_path / part / "run-001") for part in ("whole", "halves"))
    for part in ("state_dict", "optimizer_states", "zoo"):
        same(whole[part], halves[part], part)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_a_checkpoint_gives_the_policy_back_and_is_no_model_of_images(name, tmp_path):
    model = run(name, tmp_path, ksteps=0.3)
    path = tmp_path / "run-001" / "checkpoints" / "last.ckpt"
    loaded = load_policy(path)
    assert type(loaded) is type(model)
    assert loaded.method == {"gail": "GAIL", "vail": "VAIL", "airl": "AIRL", "vairl": "VAIRL"}[name]
    obs = torch.randn(5, loaded.n_obs)
    assert torch.equal(loaded.policy.best(obs), model.policy.best(obs))
    actions = torch.zeros(5, loaded.n_actions)
    assert torch.equal(loaded.reward(obs, actions), model.reward(obs, actions))
    with pytest.raises(ValueError, match=f"a policy that {name.upper()} has trained.*zoo lab play"):
        load(path)


@pytest.mark.parametrize("name", ["vail", "vairl"])
def test_the_carried_reward_is_frozen_and_the_policy_new(name, tmp_path):
    model = run(name, tmp_path, "--checkpoints.keep", "9")
    found = sorted((tmp_path / "run-001" / "checkpoints").glob("ksteps-*.ckpt"))
    states = [torch.load(path, weights_only=True)["state_dict"] for path in found]
    assert [state["_extra_state"]["nimg"] for state in states] == [100, 200, 300, 400]
    judges = [k for k in states[0] if k.startswith(("D.", "E.", "h.", "beta")) and "scale" not in k]

    def moved(a: dict, b: dict, keys: list[str]) -> bool:
        return any(not torch.equal(a[k], b[k]) for k in keys)

    assert moved(states[0], states[1], judges)
    assert not moved(states[1], states[3], judges)
    assert model.transferred
    first_layer = "policy.trunk.0.weight"
    step = (states[1][first_layer] - states[0][first_layer]).abs().max()
    assert (states[2][first_layer] - states[1][first_layer]).abs().max() > 3 * step


def test_without_a_bottleneck_there_is_no_kl_and_no_multiplier(tmp_path):
    for name, kind, whole in (("gail", GAIL, VAIL), ("airl", AIRL, VAIRL)):
        assert issubclass(kind, whole)
        model = run(name, tmp_path / name, ksteps=0.1)
        assert model.scalars["kl"] == 0
        assert float(model.beta) == 0


def test_beta_climbs_where_the_code_holds_more_than_it_may(tmp_path):
    model = run("vairl", tmp_path, "--model.information", "0", "--model.beta", "0.5", ksteps=0.3)
    assert float(model.beta) > 0.5
    assert run("vairl", tmp_path, "--model.information", "1e9", ksteps=0.3).scalars["beta"] == 0


def test_the_rewards_are_the_papers_and_the_released_ones():
    options = {"env": "Pendulum-v1", "n_envs": 1}
    torch.manual_seed(0)
    paper, released = VAIL(**options), VAIL(reward="released", **options)
    released.load_state_dict(paper.state_dict())
    obs = torch.randn(9, 3)
    d = torch.sigmoid(paper.D(obs, sample=False))
    torch.testing.assert_close(paper.reward(obs, obs), -(1 - d).log(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(released.reward(obs, obs), (d + 1e-8).log(), atol=1e-5, rtol=1e-4)
    vairl = VAIRL(n_envs=1)
    assert torch.equal(vairl.reward(obs, obs), -vairl.E(obs, sample=False))


def test_a_checkpoint_that_lies_anywhere_is_left_alone_there(tmp_path, monkeypatch, capsys):
    """A finished run's file, copied: nothing is owed for it, and its folder is no run's."""
    run("gail", tmp_path, ksteps=0.1)
    (tmp_path / "deep").mkdir()
    last = (tmp_path / "run-001" / "checkpoints" / "last.ckpt").read_bytes()
    monkeypatch.chdir(tmp_path)
    for name in ("mine.ckpt", "deep/mine.ckpt"):
        Path(name).write_bytes(last)
        with pytest.raises(SystemExit) as refused:
            run("gail", tmp_path, "--ckpt_path", name, "--evaluation.results_dir", "results", ksteps=0.1)
        assert refused.value.code == 2
        assert f"{name} has already reached 0.1 ksteps" in capsys.readouterr().err
    assert not Path("run_id").exists()
    assert not list(tmp_path.glob("run-002"))


@pytest.mark.parametrize("name", ["FOO", "SIGKILL"])
def test_a_signal_that_cannot_tell_a_time_limit_is_refused(name, tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        run("gail", tmp_path, "--requeue_signal", name)
    assert refused.value.code == 2
    assert "requeue_signal takes SIGUSR1, SIGUSR2, SIGHUP, SIGINT, SIGTERM" in capsys.readouterr().err


def test_a_run_ends_with_a_row_and_choices_can_be_imitated(tmp_path, capsys):
    from zoo.lab.expert import lab

    demos = tmp_path / "cart.npz"
    told = lab("CartPole-v1", demos, 2, "rule", 60, 0)
    assert "2 episodes, return 60.0" in told
    more = ("--model.env", "CartPole-v1", "--model.demonstrations", str(demos), "--evaluation.episodes", "3")
    results = tmp_path / "results"
    run("gail", tmp_path, *more, "--evaluation.results_dir", str(results), ksteps=0.2)
    (path,) = (results / "imitation").glob("gail-*.json")
    row = json.loads(path.read_text())
    assert row["method"] == "GAIL"
    assert row["training"]["iterations"] == 2
    assert row["metrics"]["demonstrations"] == 60
    assert row["metrics"]["random"] < row["metrics"]["cloned"]
    assert row["history"]["ksteps"] == [0.1, 0.2]
    assert row["metrics"]["imitation"] == pytest.approx(row["history"]["return/imitation"][-1], rel=1e-4)
    assert "results row" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--model.env", "CMazeMiddle-v0"), ["no environment CMazeMiddle-v0", "CMaze"]),
        (("--model.demonstrations", "nowhere.npz"), ["nowhere.npz", "zoo lab expert"]),
        (("--model.demonstrations", PENDULUM), ["Pendulum-v1"]),
        (("--model.n_demonstrations", "9999"), ["episodes, not 9999", "--model.n_demonstrations"]),
        (("--model.n_envs", "0"), ["model.n_envs takes a whole number of at least 1, not 0"]),
        (("--model.lr_d", "0"), ["model.lr_d takes a number above 0, not 0"]),
        (("--model.scale", "[1,2]"), ["2 factors", "3 numbers", "--model.scale"]),
        (("--model.imitation_ksteps", "null"), ["go together"]),
        (("--model.transfer_env", "CartPole-v1"), ["transfer_env CartPole-v1", "4 numbers", "one of 2 choices"]),
        (("--model.transfer_env", "Pendulum-v1"), ["transfer_env Pendulum-v1", "takes 1", "takes 2"]),
        (("--model.imitation_ksteps", "5"), ["must lie between 0 and total_ksteps"]),
        (("--model.bottleneck", "wide"), ["none", "wide"]),
        (("--ckpt_path", "nowhere.ckpt"), ["nowhere.ckpt"]),
        (("--evaluation.results_dir", f"{__file__}/rows"), ["results_dir"]),
        (("--evaluation.episodes", "0"), ["evaluation.episodes"]),
        (("--model.kl_stp", "1"), ["kl_stp"]),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_written(more, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        run("vairl", tmp_path, *more)
    assert refused.value.code == 2
    said = capsys.readouterr().err
    (line,) = [e for e in said.splitlines() if "error:" in e]
    for word in words:
        assert word in line
    assert not (tmp_path / "run-001").exists()


def test_other_settings_and_other_algorithms_do_not_go_on(tmp_path, capsys):
    run("vairl", tmp_path)
    for more, words in (
        (("--model.beta", "1"), "beta 0.005 -> 1.0"),
        ((), "has already reached 0.4 ksteps"),
    ):
        with pytest.raises(SystemExit):
            run("vairl", tmp_path, "--ckpt_path", "last", *more, ksteps=0.4 if not more else 0.5)
        assert words in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("airl", tmp_path, "--ckpt_path", str(tmp_path / "run-001" / "checkpoints" / "last.ckpt"), ksteps=0.5)
    assert "a checkpoint of vairl, not of AIRL" in capsys.readouterr().err
    assert run("vairl", tmp_path, "--ckpt_path", "last", ksteps=0.5).nimg == 500
    assert "total_ksteps 0.4 -> 0.5" in capsys.readouterr().out


def test_a_run_does_not_go_on_with_other_demonstrations_under_the_name_of_its_own(tmp_path, capsys):
    file = tmp_path / "demos.npz"
    demos = demonstrations_of(CMAZE)
    save(demos.first(4, CMAZE), file)
    run("vairl", tmp_path, "--model.demonstrations", str(file), "--model.n_demonstrations", "null")
    save(demos.first(3, CMAZE), file)
    again = ("--model.demonstrations", str(file), "--model.n_demonstrations", "null", "--ckpt_path", "last")
    with pytest.raises(SystemExit):
        run("vairl", tmp_path, *again, ksteps=0.5)
    assert "cannot go on with what the demonstrations show " in capsys.readouterr().err
    save(demos.first(4, CMAZE), file)
    assert run("vairl", tmp_path, *again, ksteps=0.5).nimg == 500


def test_the_row_s_returns_are_of_every_iteration_whatever_is_logged(tmp_path, monkeypatch):
    found = {}
    monkeypatch.setattr("zoo.training.returns.references", lambda *_: {})
    for name, parts in {"each": [("1", 1.2)], "some": [("7", 0.5), ("5", 1.2)]}.items():
        more = (
            "--evaluation.results_dir",
            str(tmp_path / name),
            "--evaluation.episodes",
            "1",
            "--ckpt_path",
            "last",
        )
        for every, ksteps in parts:
            run("airl", tmp_path / name, *more, "--log_every", every, ksteps=ksteps)
        rows = [json.loads(p.read_text()) for p in (tmp_path / name / "imitation").glob("*.json")]
        found[name] = max(rows, key=lambda row: row["training"]["ksteps"])
    assert len(found["some"]["history"]["ksteps"]) < len(found["each"]["history"]["ksteps"]) == 12
    assert found["some"]["metrics"] == found["each"]["metrics"]
    returns = found["each"]["history"]["return/imitation"]
    expected = {"imitation": returns[-1], "imitation_last10": sum(returns[-10:]) / 10}
    assert found["each"]["metrics"] | expected == pytest.approx(found["each"]["metrics"], rel=1e-4)


def numbered(first: int, n: int) -> Paths:
    """Two steps of n environments, each with a number of its own."""
    obs, blank = torch.arange(first, first + n).float().view(1, n, 1).expand(2, n, 1), torch.zeros(2, n)
    return Paths(obs, obs, blank, obs, blank, blank.bool(), blank.bool())


def test_old_paths_come_back_and_are_bounded():
    replay = Replay(4)
    torch.manual_seed(0)
    assert replay.joined(numbered(0, 6)).obs.shape[1] == 6
    assert sorted(replay.kept.obs[0, :, 0].tolist()) == [0, 1, 2]
    both = replay.joined(numbered(10, 6))
    assert both.obs.shape[1] == 12
    assert set(both.obs[0, 6:, 0].tolist()) <= {0, 1, 2}
    assert replay.kept.obs.shape[1] == 4
    other = Replay(4)
    other.restore(replay.state())
    assert torch.equal(other.kept.obs, replay.kept.obs)
    assert Replay(0).joined(numbered(0, 2)).obs.shape[1] == 2


def test_a_job_put_back_passes_by_what_it_had_finished(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    run("gail", tmp_path, ksteps=0.1)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with pytest.raises(SystemExit) as end:
        run("gail", tmp_path, ksteps=0.1)
    assert end.value.code == 0
    assert "was whole before job 77 was put back in the queue" in capsys.readouterr().out
