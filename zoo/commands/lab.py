"""Small experiments on a CPU."""

from pathlib import Path
from typing import Literal

from zoo.options.ranges import FiniteFloat, NonNegativeFloat, PositiveFloat, PositiveInt, Seed, Steps


def saddle(out: Path = Path("saddle.png"), steps: Steps = 5000, runs: Steps = 20, seed: Seed = 0) -> None:
    """Play TTUR's toy problem, a saddle with noisy gradients, at one rate and at two.

    Args:
        out: The picture to write.
        steps: Steps of each run.
        runs: Runs of each setting; one is drawn.
        seed: Names the noise.
    """
    from zoo.pictures.plots import check_figure

    check_figure(out)
    from zoo.lab.saddle import lab

    print(lab(out, steps, runs, seed))


def plane(
    paper: str,
    data: str = "ring",
    out: Path | None = None,
    kimg: PositiveFloat | None = None,
    seed: Seed = 0,
    options: dict | None = None,
) -> None:
    """Train a paper's method on points, in about a minute: samples, D's level sets and gradient, modes covered.

    Args:
        paper: A paper or baseline, several with commas, or all.
        data: ring, ring-m17, ring-nk17, grid, swissroll, gaussian, line, lines, circle, submanifold (Roth's mixture
            in space).
        out: The picture to write; plane-PAPER-DATA.png by default.
        kimg: Thousands of real points to show; the paper's setting by default.
        seed: Of weights, latents and points.
        options: Arguments of the paper's model over its setting, such as '{penalty: none}'.
    """
    from zoo.pictures.plots import check_figure

    out = out or Path(f"plane-{paper}-{data}.png")
    check_figure(out)
    from zoo.lab.plane import lab

    print(lab(paper, data, out, kimg, seed, options))


def ring(
    papers: str = "all",
    data: str = "ring",
    seeds: PositiveInt = 1,
    kimg: PositiveFloat | None = None,
    out: Path | None = None,
    results: Path | None = None,
    animate: Path | None = None,
) -> None:
    """Train papers and baselines on the same points: a table of modes, good samples, reverse KL and W2, and panels.

    Args:
        papers: Names with commas between them, or all.
        data: As `zoo lab plane`, several with commas, or all.
        seeds: Runs of each with the seeds 0, 1, ...
        kimg: Thousands of real points to show; each paper's setting by default.
        out: A picture of seed 0's samples and D's level sets, to be drawn too.
        results: The results folder, to which each run's row goes; rows that are there are not computed again.
        animate: A GIF of the first paper's training, to be drawn too.
    """
    from zoo.engine.failures import Diverged
    from zoo.lab.track import animation, pictures, track
    from zoo.options.folders import check_folder
    from zoo.pictures.plots import FILMS, check_figure

    if out:
        check_figure(out)
    if animate:
        check_figure(animate, "--animate", FILMS)
    if results:
        check_folder("--results", results)
    told, diverged = track(papers, data, seeds, kimg, results)
    print(told)
    if out:
        print(pictures(papers, data, kimg, out))
    if animate:
        print(animation(papers, data, kimg, animate))
    if diverged:
        raise Diverged(f"{len(diverged)} runs diverged and are not in the table: {', '.join(diverged)}")


def trial(
    name: str, seeds: PositiveInt = 2, kimg: PositiveFloat | None = None, results: Path = Path("results")
) -> None:
    """Play a small experiment behind the papers' claims and write its rows.

    Args:
        name: methods-2d, noise-2d, disturbances or disturbances-net.
        seeds: Runs with the seeds 0, 1, ...; rows that are there are not made again.
        kimg: Thousands of real points to show; the experiment's own length by default.
        results: The results folder; rows go to its claims/lab.
    """
    from zoo.lab.trials import trial
    from zoo.options.folders import check_folder

    check_folder("--results", results)
    print(trial(name, seeds, kimg, results))


def dirac(
    method: str = "r1",
    gamma: NonNegativeFloat | None = None,
    sigma: NonNegativeFloat | None = None,
    eta: NonNegativeFloat | None = None,
    target: NonNegativeFloat | None = None,
    clip: PositiveFloat | None = None,
    h: PositiveFloat = 0.2,
    h_d: PositiveFloat | None = None,
    scheme: Literal["sim", "alt_gd", "alt_dg"] = "alt_gd",
    n_d: Steps = 1,
    start: tuple[FiniteFloat, FiniteFloat] = (1.0, 1.0),
    steps: Steps = 500,
    out: Path = Path("dirac.png"),
    animate: Path | None = None,
) -> None:
    """Play the Dirac-GAN: one number against one number, with field, trajectory and eigenvalues.

    Args:
        method: gan, nsgan or wgan, and after _ one of clip, gp, dragan, instnoise, js, r1, r2, conopt, nk17; alone,
            those belong to gan.
        gamma: Weight of gp, js, r1 and conopt.
        sigma: Deviation of the instance noise.
        eta: Weight of nk17.
        target: Slope that gp asks for.
        clip: Largest |psi| of clip; 1 by default.
        h: Step size of the generator, and of the discriminator unless h_d is given.
        h_d: Step size of the discriminator.
        scheme: Both at once, or in turn with the generator or the discriminator first.
        n_d: Discriminator steps of a round in turn.
        start: First theta and psi.
        steps: Rounds.
        out: The picture to write.
        animate: A GIF to write too.
    """
    from zoo.pictures.plots import FILMS, check_figure

    check_figure(out)
    if animate:
        check_figure(animate, "--animate", FILMS)
    from zoo.lab.tables import dirac

    given = {"gamma": gamma, "sigma": sigma, "eta": eta, "target": target}
    numbers = {k: v for k, v in given.items() if v is not None}
    print(dirac(method, numbers, clip, (h, h if h_d is None else h_d), scheme, n_d, start, steps, out, animate))


def verdicts(h: PositiveFloat | None = None, out: Path | None = None) -> None:
    """Which methods converge on the Dirac-GAN: eigenvalues, rates, end radii and verdicts, all computed.

    Args:
        h: Step size of both players, but for the two time scales of the table; 0.2 by default.
        out: A picture of the notebook's nine methods under alternating steps.
    """
    from zoo.lab.tables import verdicts
    from zoo.pictures.plots import check_figure

    if out:
        check_figure(out)
    print(verdicts(h, out))


def eigen(
    subject: str,
    data: str = "ring-m17",
    kimg: PositiveFloat | None = None,
    n: PositiveInt | None = None,
    k: PositiveInt = 12,
    seed: Seed = 0,
    out: Path = Path("eigen.png"),
) -> None:
    """Eigenvalues of a game's Jacobian: of a checkpoint, or of a paper on points before and after training.

    Args:
        subject: A checkpoint in its run's folder, or a name of `zoo lab ring`.
        data: Points to train on, for a name.
        kimg: Thousands of points, for a name; its setting by default.
        n: Real images or points of the fixed batch; 16 images or 512 points by default.
        k: Eigenvalues of the largest real parts, where a network is too large for all.
        seed: Names batch and latents.
        out: The picture to write.
    """
    from zoo.pictures.plots import check_figure

    check_figure(out)
    from zoo.lab.tables import eigen

    print(eigen(subject, data, kimg, n, k, seed, out))


def paper(out: Path = Path("results/toy/figures"), only: str = "all") -> None:
    """Redraw the figures of "Which Training Methods" and "The Numerics of GANs", in about a minute.

    Args:
        out: The folder to draw into.
        only: Names of figures with commas between them.
    """
    from zoo.lab.paper import paper
    from zoo.pictures.plots import check_figure

    check_figure(out / "figure.png")
    print(paper(out, only))


def expert(
    env: str,
    out: Path | None = None,
    episodes: Steps = 10,
    by: Literal["rule", "trpo"] = "rule",
    noise: NonNegativeFloat | None = None,
    horizon: PositiveInt = 200,
    seed: Seed = 0,
    iterations: PositiveInt | None = None,
    n_envs: PositiveInt | None = None,
    std: PositiveFloat | None = None,
    kl_step: PositiveFloat | None = None,
) -> None:
    """Make demonstrations for imitation learning, as an npz.

    Args:
        env: gymnasium's name; the mazes are CMazeRight-v0, CMazeLeft-v0, SMaze-v0, SMazeFlip-v0.
        out: The npz to write; ENV.npz by default.
        episodes: How many.
        by: A rule, or a policy that TRPO trains on the true reward; it shows its last five iterations.
        noise: Standard deviation of normal noise on a rule's actions; 0 by default.
        horizon: Most steps of an episode.
        seed: Of starts, noise and training.
        iterations: Of TRPO; 200 by default.
        n_envs: Episodes of each of TRPO's iterations; 100 by default.
        std: First standard deviation of TRPO's policy, in the actions' unit; 1 by default.
        kl_step: TRPO's bound on a step, in nats; 0.01 by default.
    """
    from zoo.lab.expert import lab
    from zoo.options.folders import check_new

    out = out or Path(f"{env}.npz")
    check_new("--out", out, ".npz")
    print(lab(env, out, episodes, by, horizon, seed, noise, iterations, n_envs, std, kl_step))


def play(
    checkpoint: Path, out: Path | None = None, episodes: Steps = 50, best: bool = False, seed: Seed = 0
) -> None:
    """Play the policy of an imitation run: its true return, and a picture of it.

    Args:
        checkpoint: Of reproductions/vail.py or vairl.py.
        out: A PNG of a maze with paths and the learned reward, or a GIF of the policy; none without it.
        episodes: How many count.
        best: Take the likeliest actions; else they are drawn.
        seed: Of starts and actions.
    """
    from zoo.lab.imitation import lab
    from zoo.options.folders import check_folder

    if out is not None:
        check_folder("--out", out.parent)
    print(lab(checkpoint, out, episodes, best, seed))


def returns(rows: list[str], out: Path = Path("returns.png")) -> None:
    """Draw rows of results/imitation: returns, D's accuracy, KL, beta and the reward's slope, a band over seeds.

    Args:
        rows: Files of results/imitation, of one task.
        out: The picture to write.
    """
    from zoo.pictures.plots import check_figure

    check_figure(out)
    from zoo.lab.imitation import curves

    print(curves(rows, out))
