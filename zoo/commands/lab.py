"""Small experiments on a CPU."""

from pathlib import Path
from typing import Literal


def saddle(out: Path = Path("saddle.png"), steps: int = 5000, runs: int = 20, seed: int = 0) -> None:
    """Play TTUR's toy problem, a saddle with noisy gradients, at one rate and at two.

    Args:
        out: The picture to write.
        steps: Steps of each run.
        runs: Runs of each setting; one is drawn.
        seed: Names the noise.
    """
    from zoo.lab.saddle import lab

    print(lab(out, steps, runs, seed))


def plane(
    paper: str,
    data: str = "ring",
    out: Path | None = None,
    kimg: float | None = None,
    seed: int = 0,
    options: dict | None = None,
) -> None:
    """Train a paper's method on points, in about a minute: samples, D's level sets and gradient, modes covered.

    Args:
        paper: One of r1gan, rothgan, ttur, ctgan and vgan, several with commas, or all.
        data: ring, grid, swissroll, submanifold (Roth's mixture in space).
        out: The picture to write; plane-PAPER-DATA.png by default.
        kimg: Thousands of real points to show; the paper's setting by default.
        seed: Of weights, latents and points.
        options: Arguments of the paper's model over its setting, such as '{penalty: none}'.
    """
    from zoo.lab.plane import lab

    print(lab(paper, data, out or Path(f"plane-{paper}-{data}.png"), kimg, seed, options))


def expert(
    env: str,
    out: Path | None = None,
    episodes: int = 10,
    by: Literal["rule", "trpo"] = "rule",
    noise: float = 0.0,
    horizon: int = 200,
    seed: int = 0,
    iterations: int = 200,
    n_envs: int = 100,
    std: float = 1.0,
    kl_step: float = 0.01,
) -> None:
    """Make demonstrations for imitation learning, as an npz.

    Args:
        env: gymnasium's name; the mazes are CMazeRight-v0, CMazeLeft-v0, SMaze-v0, SMazeFlip-v0.
        out: The npz to write; ENV.npz by default.
        episodes: How many.
        by: A rule, or a policy that TRPO trains on the true reward; it shows its last five iterations.
        noise: Standard deviation of normal noise on a rule's actions.
        horizon: Most steps of an episode.
        seed: Of starts, noise and training.
        iterations: Of TRPO.
        n_envs: Episodes of each of TRPO's iterations.
        std: First standard deviation of TRPO's policy, in the actions' unit.
        kl_step: TRPO's bound on a step, in nats.
    """
    from zoo.lab.expert import lab

    print(lab(env, out or Path(f"{env}.npz"), episodes, by, noise, horizon, seed, iterations, n_envs, std, kl_step))


def play(checkpoint: Path, out: Path | None = None, episodes: int = 50, best: bool = False, seed: int = 0) -> None:
    """Play the policy of an imitation run: its true return, and a picture of it.

    Args:
        checkpoint: Of reproductions/vail.py or vairl.py.
        out: A PNG of a maze with paths and the learned reward, or a GIF of the policy; none without it.
        episodes: How many count.
        best: Take the likeliest actions; else they are drawn.
        seed: Of starts and actions.
    """
    from zoo.lab.imitation import lab

    print(lab(checkpoint, out, episodes, best, seed))


def returns(rows: list[str], out: Path = Path("returns.png")) -> None:
    """Draw rows of results/imitation: returns, D's accuracy, KL, beta and the reward's slope, a band over seeds.

    Args:
        rows: Files of results/imitation, of one task.
        out: The picture to write.
    """
    from zoo.lab.imitation import curves

    print(curves(rows, out))
