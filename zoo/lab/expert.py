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
from zoo.options.heeded import check_heeded

#: how TRPO's expert is trained where nobody says otherwise
TRPO = {"iterations": 200, "n_envs": 100, "std": 1.0, "kl_step": 0.01}
#: who demonstrates -> what of the options that only some heed
HEEDED = {"--by rule": {"noise"}, "--by trpo": set(TRPO)}
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


def spread(parts: list[Demonstrations], n: int, about: dict) -> Demonstrations:
    """n of the parts' episodes, evenly from the first part to the last."""
    total = sum(len(d.obs) for d in parts)
    which = torch.arange(n) * total // n
    names = ("obs", "actions", "next_obs", "lengths", "returns")
    return Demonstrations(*(torch.cat([getattr(d, name) for d in parts])[which] for name in names), about=about)


def lab(
    env: str,
    out: Path,
    episodes: int,
    by: str,
    horizon: int,
    seed: int,
    noise: float | None = None,
    iterations: int | None = None,
    n_envs: int | None = None,
    std: float | None = None,
    kl_step: float | None = None,
) -> str:
    """Make demonstrations and write them; one line that says what they are worth.

    Args:
        noise: of a rule; None for none.
        iterations, n_envs, std, kl_step: of TRPO; None takes those of `TRPO`.

    Raises:
        ValueError: for an environment that does not exist, or has no rule, for options that the expert does not
            heed, and for more episodes than it shows.
    """
    given = {"iterations": iterations, "n_envs": n_envs, "std": std, "kl_step": kl_step}
    check_heeded(f"--by {by}", HEEDED, noise=noise, **given)
    options = TRPO | {k: v for k, v in given.items() if v is not None}
    envs = environments.make(env, 1)
    envs.close()
    if episodes < 1 or horizon < 1 or options["iterations"] < 1:
        raise ValueError("--episodes, --horizon and --iterations must be at least 1")
    about = {"env": env, "expert": by, "seed": seed, "horizon": horizon}
    if by == "rule":
        if env not in RULES:
            raise ValueError(f"no rule is known for {env}: add --by trpo; there are rules for {', '.join(RULES)}")
        act = acting(RULES[env], noise or 0.0, torch.Generator().manual_seed(seed))
        paths = rollout(environments.make(env, episodes), act, horizon, seed)
        demos = of_paths(paths, about | {"noise": noise or 0.0})
    else:
        if std is not None and environments.discrete(envs):
            raise ValueError(f"--std does nothing in {env}, whose actions are choices: leave it out")
        last = min(options["iterations"], SNAPSHOTS)
        if episodes > last * options["n_envs"]:
            raise ValueError(
                f"the last {last} iterations have {last * options['n_envs']} episodes, not {episodes}: lower "
                f"--episodes, or raise --n_envs to {-(-episodes // last)}"
            )
        about |= options
        shown = trained(env, horizon=horizon, seed=seed, **options)
        demos = spread([of_paths(paths, about) for paths in shown], episodes, about)
    save(demos, out)
    mean, std_ = float(demos.returns.mean()), float(demos.returns.std(correction=0))
    return f"{out}: {len(demos.obs)} episodes, return {mean:.1f} ± {std_:.1f}"
