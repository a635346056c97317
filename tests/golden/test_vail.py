"""VAIL's and VAIRL's discriminator steps, rewards and mazes against the authors' released code.

Everything is built from a file's meta. The official numbers are TensorFlow's float32; ours are computed in float64
and compared at the tolerance the files state.
"""

import re

import gymnasium as gym
import numpy as np
import pytest
import torch
from fitting import fit
from torch import Tensor
from vectors import Vectors, close, files, only

from zoo.imitation import environments
from zoo.imitation.base import Imitation
from zoo.imitation.mazes import MAZES, REACH, Maze
from zoo.imitation.rows import Transitions
from zoo.imitation.vail import VAIL
from zoo.imitation.vairl import VAIRL
from zoo.networks.imitation import CodedMLP
from zoo.official import vail as official

RTOL, ATOL = 2e-4, 2e-5  # of every file's meta: float32 TensorFlow
ATOL_AFTER = 1e-4  # of weights that Adam has moved

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


def agree(ours: Tensor, official_value: Tensor, what: str, atol: float = ATOL) -> None:
    close(ours, official_value, what, rtol=RTOL, atol=atol)


class Blank(gym.vector.VectorEnv):
    """An environment of given sizes that nobody steps."""

    def __init__(self, obs_dim: int, act_dim: int) -> None:
        self.single_observation_space = gym.spaces.Box(-1, 1, (obs_dim,))
        self.single_action_space = gym.spaces.Box(-1, 1, (act_dim,))


class Replayed:
    """Steps of a module's discriminator on the files' rows; keeps what each did."""

    def training_step(self, batch: int, batch_idx: int) -> None:
        self.betas.append(self.beta.clone())
        self.seen.append(self.judge(*self.pairs[batch_idx]) | {"beta_after": self.beta.clone()})

    def read_demonstrations(self) -> None:
        pass

    def update(self, which: int, loss: Tensor) -> float:
        norm = super().update(which, loss)
        self.totals.append(loss.detach())
        self.grads.append({k: p.grad.clone() for k, p in self.named_parameters() if p.grad is not None})
        return norm

    def play(self, v: Vectors, networks: dict[str, str], pairs: list) -> None:
        """Train on pairs of rows, from a file's weights of each network and with its optimizer's settings."""
        self.pairs = pairs
        self.betas, self.seen, self.totals, self.grads = [], [], [], []
        self.double().beta.fill_(v.meta["constructor"]["beta0"])
        for name, whose in networks.items():
            load(getattr(self, name), v.group(f"param/{whose}/"))
        numbers = {k: float(x) for k, x in re.findall(r"(beta1|beta2|eps) ([-+.\de]+)", v.meta["adam"])}
        self.adam = ((numbers.get("beta1", 0.9), numbers.get("beta2", 0.999)), numbers.get("eps", 1e-8))
        fit(self, list(range(len(pairs))))
        assert len(self.seen) == len(pairs)

    def configure_optimizers(self) -> list:
        (optimizer,) = super().configure_optimizers()
        for group in optimizer.param_groups:
            group["betas"], group["epsilon_hat"] = self.adam
        return [optimizer]


class ReplayedVAIL(Replayed, VAIL):
    pass


class ReplayedVAIRL(Replayed, VAIRL):
    pass


def load(net: CodedMLP, arrays: dict) -> None:
    weights = {k: x.double() for k, x in official.convert(arrays).items()}
    net.load_state_dict(weights | {"scale": net.scale})


def compare(module: Imitation, v: Vectors, prefix: str, networks: dict[str, str], grads: dict | None = None) -> int:
    """Weights, or gradients, against those of a file; how many there were."""
    n = 0
    for name, whose in networks.items():
        for key, value in official.convert(v.group(f"{prefix}{whose}/")).items():
            ours = module.get_parameter(f"{name}.{key}") if grads is None else grads[f"{name}.{key}"]
            agree(ours, value, f"{prefix}{name}.{key}", ATOL_AFTER if grads is None else ATOL)
            n += 1
    return n


def pairs(v: Vectors, **inputs: str) -> list[tuple[Transitions, Transitions]]:
    """A file's minibatches as rows of the policy (label 0) and of the expert (label 1)."""
    label = v["input/labels"].flatten()
    found = []
    for i in range(steps_of(v)):
        given = {name: v[f"input/{key}_{i}"] for name, key in inputs.items()}
        given["log_probs"] = given["log_probs"].flatten() if "log_probs" in given else torch.zeros(len(label))
        given.setdefault("next_obs", given["obs"])
        rows = Transitions(given["obs"], given["actions"], given["next_obs"], given["log_probs"].double())
        found.append((rows[label == 0], rows[label == 1]))
        assert (label[: len(found[0][0].obs)] == 0).all(), "the noise is in the order of the rows"
    return found


def steps_of(v: Vectors) -> int:
    return sum(bool(re.fullmatch(r"input/obs_\d+", key)) for key in v.arrays)


def built(kind: type[Imitation], v: Vectors, monkeypatch, **options) -> Imitation:
    about = v.meta["constructor"]
    only(about, vairl=True, vail=True, state_only=True, fusion=False, l2_reg=0, action_penalty=0.0)
    monkeypatch.setattr(environments, "make", lambda name, n: Blank(about["obs_dim"], about["act_dim"]))
    adaptive = about.get("adaptive_beta", about.get("vairl_adaptive_beta", True))
    return kind(
        d_width=about["d_hidden"],
        d_depth=about["layers"],
        code=None,
        information=about["kl_target"],
        beta=about["beta0"],
        beta_step=about["beta_step"] if adaptive else 0.0,
        cross_entropy="mean",
        lr_d=v.meta["lr"],
        gp=about.get("gp_coeff") or 0.0,
        **options,
    )


@pytest.mark.parametrize("path", files("vail-vail*.npz"))
def test_vail_steps(path, monkeypatch):
    v = Vectors(path)
    modes = sorted({key.split("/")[1] for key in v.arrays if key.startswith("output/")})
    batches, networks = pairs(v, obs="obs", actions="act"), {"D": "vail"}
    compared = 0
    for mode in modes:
        noisy = mode == "noise"
        options = {"inputs": "state-action", "noise": noisy, "reward": "released"}
        vail = built(ReplayedVAIL, v, monkeypatch, **options)
        eps = (v[f"input/eps_{i}"] for i in range(len(batches)))
        vail.D.bottleneck.noise = lambda mean, eps=eps: next(eps)
        judged, judge = [], vail.D.value_and_kl
        vail.D.value_and_kl = lambda x, sample=True, j=judge, to=judged: to.append(j(x, sample)) or to[-1]
        vail.play(v, networks, batches)
        for i, seen in enumerate(vail.seen):
            out = {k: v[f"output/{mode}/it{i}/{k}"] for k in v.group(f"output/{mode}/it{i}/")}
            agree(vail.betas[i], out["beta_before"], "beta in the loss")
            agree(seen["kl"], out["kl"], "KL")
            agree(seen["loss/d"], out["bce"], "cross-entropy")
            agree(vail.totals[i], out["loss_total"], "loss")
            agree(torch.sigmoid(judged[i][0]), out["D"], "D")
            agree(seen["beta_after"], out["beta_after"], "beta after the step")
        compared += compare(vail, v, f"grad_{mode}/", networks, vail.grads[0])
        compared += compare(vail, v, f"after_{mode}/", networks)
        x = torch.cat([torch.cat([rows.obs, rows.actions], 1) for rows in batches[0]])
        obs, actions = x[:, : v.meta["constructor"]["obs_dim"]], x[:, v.meta["constructor"]["obs_dim"] :]
        agree(vail.reward(obs, actions), v[f"output/{mode}/reward_logD"], "released reward")
        paper = built(ReplayedVAIL, v, monkeypatch, inputs="state-action").double()
        paper.D.load_state_dict(vail.D.state_dict())
        agree(paper.reward(obs, actions), v[f"output/{mode}/reward_paper"], "the paper's reward")
    assert compared == sum(key.startswith(("grad_", "after_")) for key in v.arrays)


@pytest.mark.parametrize("path", files("vail-vairl*.npz"))
def test_vairl_steps(path, monkeypatch):
    v = Vectors(path)
    networks = {"E": "airl/discrim/energy", "h": "airl/discrim/vfn"}
    batches = pairs(v, obs="obs", actions="act", next_obs="nobs", log_probs="lprobs")
    vairl = built(ReplayedVAIRL, v, monkeypatch, shaping=v.meta["constructor"]["gamma"])
    steps = range(len(batches))
    eps_g = (v[f"input/eps_g_{i}"] for i in steps)
    eps_h = (v[f"input/{name}_{i}"] for i in steps for name in ("eps_h_next", "eps_h"))
    vairl.E.bottleneck.noise, vairl.h.bottleneck.noise = lambda mean: next(eps_g), lambda mean: next(eps_h)
    told, parts = [], vairl.parts
    vairl.parts = lambda *args: told.append(parts(*args)) or told[-1]
    vairl.play(v, networks, batches)
    shaping = vairl.shaping

    def D(f: Tensor, i: int) -> Tensor:
        return torch.sigmoid(f - torch.cat([rows.log_probs for rows in batches[i]]))

    for i, seen in enumerate(vairl.seen):
        out = {k: v[f"output/it{i}/{k}"] for k in v.group(f"output/it{i}/")}
        energy, after, before, _ = told[i]
        f = -energy + shaping * after - before
        agree(-energy, out["r"], "r")
        agree(before, out["h"], "h")
        agree(f, out["f"], "f")
        agree(D(f, i), out["D"], "D")
        agree(vairl.betas[i], out["beta_before"], "beta in the loss")
        agree(seen["kl"], out["kl"], "KL")
        agree(seen["loss/d"], out["cent"], "cross-entropy")
        agree(vairl.totals[i], out["total"], "loss")
        agree(seen["beta_after"], out["beta_after"], "beta after the step")
    compared = compare(vairl, v, "grad_0/", networks, vairl.grads[0]) + compare(vairl, v, "after/", networks)
    assert compared == sum(key.startswith(("grad_", "after/")) for key in v.arrays)

    # without noise, after training, on the first minibatch
    obs, next_obs = (torch.cat([getattr(rows, name) for rows in batches[0]]) for name in ("obs", "next_obs"))
    energy, after, before, _ = parts(obs, next_obs, False)
    agree(vairl.reward(obs), v["output/eval/r"], "the reward handed to the policy")
    agree(-energy + shaping * after - before, v["output/eval/f"], "f without noise")
    agree(D(-energy + shaping * after - before, 0), v["output/eval/D"], "D without noise")
