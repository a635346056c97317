"""Demonstrations: what an expert did, as an npz with everything that made it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from zoo.data.whole import replacing
from zoo.imitation.environments import action_size, discrete
from zoo.imitation.paths import Paths
from zoo.options.folders import here_or_ours


@dataclass(frozen=True)
class Demonstrations:
    """E episodes of at most T steps; what lies behind an episode's end is left out of `steps`.

    Args:
        obs: (E, T, d); next_obs: (E, T, d); actions: (E, T, k), or (E, T) choices.
        lengths: (E,), steps of each episode.
        returns: (E,), undiscounted true returns.
        about: env, expert, seed and whatever else made them.
    """

    obs: Tensor
    actions: Tensor
    next_obs: Tensor
    lengths: Tensor
    returns: Tensor
    about: dict

    def steps(self) -> tuple[Tensor, Tensor, Tensor]:
        """Observations (N, d), actions (N, k) or (N,), and what followed (N, d) of all episodes in turn."""
        there = torch.arange(self.obs.shape[1]) < self.lengths[:, None]
        return self.obs[there], self.actions[there], self.next_obs[there]

    @property
    def fingerprint(self) -> str:
        """A name of what is shown, wherever its file lies."""
        found = hashlib.sha256()
        for shown in (*self.steps(), self.lengths):
            found.update(shown.contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    def first(self, n: int | None, path: str) -> "Demonstrations":
        """The first n episodes; all for None.

        Raises:
            ValueError: if there are not so many.
        """
        if n is None:
            return self
        if not 1 <= n <= len(self.obs):
            raise ValueError(f"{path} holds {len(self.obs)} episodes, not {n}: change --model.n_demonstrations")
        tensors = (getattr(self, name)[:n] for name in ("obs", "actions", "next_obs", "lengths", "returns"))
        return Demonstrations(*tensors, about=self.about)


def of_paths(paths: Paths, about: dict) -> Demonstrations:
    """The first episode of each environment."""
    steps = len(paths.obs)
    ends = torch.where(paths.done.any(0), paths.done.int().argmax(0) + 1, steps)
    inside = torch.arange(steps)[:, None] < ends
    obs, actions, then = (x.transpose(0, 1).contiguous() for x in (paths.obs, paths.actions, paths.next_obs))
    return Demonstrations(obs, actions, then, ends, (paths.rewards * inside).sum(0), about)


def save(demonstrations: Demonstrations, path: Path) -> None:
    """Write an npz, complete or not at all; what followed a step is kept for the last one alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    d = demonstrations
    last = d.next_obs[torch.arange(len(d.obs)), d.lengths - 1]
    arrays = {"obs": d.obs, "actions": d.actions, "last_obs": last, "lengths": d.lengths, "returns": d.returns}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, about=json.dumps(d.about), **{k: x.numpy() for k, x in arrays.items()})


def load(path: str | Path, envs: gym.vector.VectorEnv | None = None, env: str = "") -> Demonstrations:
    """Read demonstrations, and check them against the environment that they are for.

    Args:
        path: where they lie; the zoo's own, `reproductions/...`, are found from anywhere.
        envs: of the environment named `env`; None checks the file alone.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no demonstrations, none at all, numbers that are not finite, or those of an
            environment with other observations or actions.
    """
    if not (file := here_or_ours(path)).is_file():
        raise FileNotFoundError(
            f"no demonstrations at {path}: make some with `zoo lab expert {env or 'ENVIRONMENT'} --out {path}`"
        )
    try:
        demos = read(file)
    except Exception as error:  # zipfile's, zlib's, numpy's and json's own, of bytes that are none
        raise ValueError(f"{path} holds no demonstrations ({error}): `zoo lab expert` makes them") from error
    if not all(x.isfinite().all() for x in (demos.obs, demos.actions, demos.next_obs, demos.returns)):
        raise ValueError(f"{path} holds numbers that are not finite: make the demonstrations anew")
    if envs is not None:
        check(demos, envs, env, path)
    return demos


def read(file: Path) -> Demonstrations:
    """What `save` has written, in the types that networks take.

    Raises:
        Exception: of any kind, if the file is none of `save`'s.
    """
    with np.load(file, allow_pickle=False) as z:
        a = {k: z[k] for k in ("obs", "actions", "last_obs", "lengths", "returns", "about")}
    about = json.loads(str(a.pop("about")))
    whole = {"lengths"} | ({"actions"} if a["actions"].ndim == 2 else set())
    kinds = {k: np.int64 if k in whole else np.float32 for k in a}
    found = {k: torch.from_numpy(np.array(x.astype(kinds[k], casting="same_kind"))) for k, x in a.items()}
    obs, actions, lengths = found["obs"], found["actions"], found["lengths"]
    if not len(obs) or not lengths.any():
        raise ValueError("no episode")
    e, t = obs.shape[:2]
    shapes = {"actions": (e, t), "last_obs": (e, *obs.shape[2:]), "lengths": (e,), "returns": (e,)}
    for name, shape in shapes.items():
        if found[name].shape[: len(shape)] != shape or (name != "actions" and found[name].ndim != len(shape)):
            raise ValueError(f"{name} of shape {tuple(found[name].shape)} beside obs of {tuple(obs.shape)}")
    if not ((lengths >= 1) & (lengths <= t)).all():
        raise ValueError(f"lengths from {lengths.min()} to {lengths.max()} beside obs of {t} steps")
    if not isinstance(about, dict):
        raise ValueError("about is no mapping")
    next_obs = torch.cat([obs[:, 1:], obs[:, -1:]], 1)
    next_obs[torch.arange(e), lengths - 1] = found["last_obs"]
    return Demonstrations(obs, actions, next_obs, lengths, found["returns"], about)


def check(demos: Demonstrations, envs: gym.vector.VectorEnv, env: str, path: str | Path) -> None:
    """Refuse demonstrations that are not the environment's.

    Raises:
        ValueError: naming what differs.
    """
    whose = demos.about.get("env", "another environment")
    d = envs.single_observation_space.shape[0]
    if demos.obs.ndim != 3 or demos.obs.shape[-1] != d:
        shape = tuple(demos.obs.shape[2:])
        raise ValueError(f"{path} shows {whose} by observations of shape {shape}, {env} has ({d},): take others")
    n = action_size(envs)
    k = 1 if discrete(envs) else n
    given = 1 if demos.actions.ndim == 2 else demos.actions.shape[-1]
    if given != k or (demos.actions.ndim == 2) != discrete(envs):
        raise ValueError(f"{path} has {given} numbers an action of {whose}, {env} takes {k}: take others")
    if discrete(envs) and not 0 <= demos.actions.min() <= demos.actions.max() < n:
        raise ValueError(f"{path} holds choices of {whose} that are none of the {n} of {env}: take others")
    if whose != env:
        raise ValueError(f"{path} shows {whose}, not {env}: take others, or set --model.env {whose}")
