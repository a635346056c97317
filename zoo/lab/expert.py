"""Demonstrations from an expert: a rule, or a policy that TRPO trains on the true reward."""

from pathlib import Path

import torch

from zoo.imitation import environments
from zoo.imitation.demonstrations import Demonstrations, of_paths, save
from zoo.imitation.experts import RULES, acting
from zoo.imitation.improvement import improve_by_trpo
from zoo.imitation.paths import LinearBaseline, Paths, rollout
from zoo.imitation.playing import drawn
from zoo.networks.imitation import CategoricalPolicy, GaussianPolicy
from zoo.options.bar import track

SNAPSHOTS = 5  # the paper demonstrates with the paths of the last five iterations (vdb-irl log_utils.py:165-180)


def trained(
    env: str, iterations: int, n_envs: int, horizon: int, std: float, kl_step: float, seed: int
) -> list[Paths]:
    """The paths of each of the last five iterations of TRPO on the true reward.

    The paper's expert (vdb-irl env_data_collect.py): tanh 32-32, linear baseline, discount 0.99, lambda 1.
    """
    torch.manual_seed(seed)
    envs = environments.make(env, n_envs)
    sizes = (envs.single_observation_space.shape[0], environments.action_size(envs), 32, 2)
    policy = CategoricalPolicy(*sizes) if environments.discrete(envs) else GaussianPolicy(*sizes, std=std)
    baseline, last = LinearBaseline(), []
    for i in track(range(iterations), iterations, what="iterations"):
        paths = rollout(envs, drawn(policy), horizon, seed + 1000 + i)
        last = [*last, paths][-SNAPSHOTS:]
        improve_by_trpo(policy, baseline, paths, paths.rewards, 0.99, 1.0, kl_step)
        if (i + 1) % 20 == 0:
            print(f"iteration {i + 1}: return {float(paths.returns().mean()):.1f}", flush=True)
    return last


def joined(parts: list[Demonstrations], about: dict) -> Demonstrations:
    names = ("obs", "actions", "next_obs", "lengths", "returns")
    return Demonstrations(*(torch.cat([getattr(d, name) for d in parts]) for name in names), about=about)


def lab(
    env: str,
    out: Path,
    episodes: int,
    by: str,
    noise: float,
    horizon: int,
    seed: int,
    iterations: int,
    n_envs: int,
    std: float,
    kl_step: float,
) -> str:
    """Make demonstrations and write them; one line that says what they are worth.

    Raises:
        ValueError: for an environment that does not exist, or has no rule.
    """
    environments.make(env, 1).close()
    if episodes < 1 or horizon < 1 or iterations < 1:
        raise ValueError("--episodes, --horizon and --iterations must be at least 1")
    about = {"env": env, "expert": by, "seed": seed, "horizon": horizon}
    if by == "rule":
        if env not in RULES:
            raise ValueError(f"no rule is known for {env}: add --by trpo; there are rules for {', '.join(RULES)}")
        act = acting(RULES[env], noise, torch.Generator().manual_seed(seed))
        demos = of_paths(rollout(environments.make(env, episodes), act, horizon, seed), about | {"noise": noise})
    else:
        about |= {"iterations": iterations, "n_envs": n_envs, "std": std, "kl_step": kl_step}
        last = trained(env, iterations, n_envs, horizon, std, kl_step, seed)
        demos = joined([of_paths(paths, about) for paths in last], about)
        # as many of each snapshot
        every = max(len(demos.obs) // episodes, 1)
        which = torch.arange(len(demos.obs))[::every][:episodes]
        if len(which) < episodes:
            raise ValueError(f"the last {SNAPSHOTS} iterations have {len(which)} episodes, not {episodes}")
        names = ("obs", "actions", "next_obs", "lengths", "returns")
        demos = Demonstrations(*(getattr(demos, name)[which] for name in names), about=about)
    save(demos, out)
    mean, std_ = float(demos.returns.mean()), float(demos.returns.std(correction=0))
    return f"{out}: {len(demos.obs)} episodes, return {mean:.1f} ± {std_:.1f}"
