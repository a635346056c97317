"""Pictures of imitation: mazes with paths and the learned reward, a policy in motion, curves over seeds."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from zoo.imitation.base import Imitation
from zoo.imitation.mazes import MAZES, Maze
from zoo.imitation.paths import Paths
from zoo.imitation.playing import drawn, likeliest, play
from zoo.leaderboard.curves import Run, band
from zoo.leaderboard.imitation import read_row
from zoo.options.bar import track
from zoo.pictures.plots import FIGURES, FILMS, check_figure, new_figure, save_figure
from zoo.training.loading import load_policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: logged number -> what a panel of curves calls it
PANELS = {
    "return/imitation": "true return",
    "return/transfer": "true return of the new policy",
    "accuracy/d": "D's accuracy",
    "kl": "KL of the code, nats",
    "beta": "beta",
    "grad/reward": "|gradient of the reward in the state|",
}


def draw_maze(axes: "Axes", maze: Maze) -> None:
    """Walls, start and goal, in metres."""
    for (x0, y0), (x1, y1) in maze.walls:
        axes.plot([x0, x1], [y0, y1], color="black", linewidth=3, solid_capstyle="round")
    axes.plot(*maze.start, "o", color="tab:blue", markersize=7)
    axes.plot(*maze.goal, "*", color="tab:green", markersize=12)
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])


def reward_map(model: Imitation, maze: Maze, n: int = 60) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The learned reward of states on a grid over the maze (rows from below), and the grid's bounds."""
    (left, bottom), (right, top) = maze.walls.min((0, 1)), maze.walls.max((0, 1))
    xs, ys = np.linspace(left, right, n), np.linspace(bottom, top, n)
    points = np.stack([*np.meshgrid(xs, ys), np.zeros((n, n))], -1).reshape(-1, 3)
    obs = torch.from_numpy(points).float()
    with torch.no_grad():
        values = model.reward(obs, torch.zeros(len(obs), model.n_actions))
    return values.view(n, n).numpy(), (left, right, bottom, top)


def show_paths(axes: "Axes", obs: torch.Tensor, color: str, label: str) -> None:
    for i in range(obs.shape[1]):
        axes.plot(
            obs[:, i, 0], obs[:, i, 1], color=color, linewidth=0.8, alpha=0.7, label=label if i == 0 else None
        )


def maze_picture(model: Imitation, demos: torch.Tensor, paths: Paths, out: Path) -> None:
    """The training maze with demonstrations and the learned reward, and the last maze with it and the policy."""
    figure = new_figure(9, 4.6)
    env, last = model.hparams.env, model.hparams.transfer_env or model.hparams.env
    shown = [
        (env, demos, "tab:orange", "demonstrations"),
        (last, paths.obs, "tab:red", f"policy by {model.method}"),
    ]
    for axes, (name, obs, color, label) in zip(figure.subplots(1, 2), shown, strict=True):
        values, extent = reward_map(model, MAZES[name])
        image = axes.imshow(values, origin="lower", extent=extent, cmap="viridis", aspect="equal")
        figure.colorbar(image, ax=axes, label="learned reward", shrink=0.8)
        show_paths(axes, obs, color, label)
        draw_maze(axes, MAZES[name])
        axes.set_title(f"{name}: {label}", fontsize="medium")
    save_figure(figure, out)


def animation(env: str, paths: Paths, out: Path, every: int = 2) -> None:
    """A GIF of some paths at once: balls in a maze, or the pendulum's rod."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    frames = []
    times = range(0, len(paths.obs), every)
    for t in track(times, len(times), what="frames"):
        figure = new_figure(3, 3)
        axes = figure.subplots()
        if env in MAZES:
            draw_maze(axes, MAZES[env])
            axes.plot(paths.obs[t, :, 0], paths.obs[t, :, 1], "o", color="tab:red", markersize=8, alpha=0.7)
        else:
            for cos, sin in paths.obs[t, :, :2].tolist():
                axes.plot([0, -sin], [0, cos], color="tab:red", linewidth=5, alpha=0.6, solid_capstyle="round")
            axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), xticks=[], yticks=[], aspect="equal")
        axes.set_title(f"{env}, step {t}", fontsize="small")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(32))
    out.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=50 * every, loop=0)


def lab(checkpoint: Path, out: Path | None, episodes: int, best: bool, seed: int) -> str:
    """Play the policy of a checkpoint and show it: a PNG of mazes, paths and reward, or a GIF of mazes or pendulum.

    Raises:
        FileNotFoundError, ValueError: if there is no such policy, its environment has no such picture, or its
            demonstrations are not there.
    """
    model = load_policy(checkpoint)
    env = model.hparams.transfer_env if model.transferred else model.hparams.env
    film = out is not None and out.suffix.lower() in FILMS
    if out is not None:
        check_picture(model, env, out)
        if not film:
            model.read_demonstrations()
    act = (likeliest if best else drawn)(model.policy)
    paths = play(act, env, episodes, model.horizon, seed)
    returns = paths.returns()
    spread = float(returns.std(correction=0))
    told = f"{model.method} in {env}: return {float(returns.mean()):.1f} ± {spread:.1f}, {len(returns)} episodes"
    if out is None:
        return told
    few = paths.columns(slice(12))
    if film:
        animation(env, few, out)
    else:
        maze_picture(model, model.demos.obs[:: max(len(model.demos.obs) // 12, 1)][:12].transpose(0, 1), few, out)
    return f"{told}\n{out}"


def check_picture(model: Imitation, env: str, out: Path) -> None:
    """Refuse a picture that there is none of, before anything is played.

    Raises:
        ValueError: naming the environment, or the file.
    """
    kinds = FILMS if out.suffix.lower() in FILMS else FIGURES
    shown = {env} if kinds is FILMS else {model.hparams.env, model.hparams.transfer_env or env}
    if not shown <= {*MAZES, *(["Pendulum-v1"] if kinds is FILMS else [])}:
        raise ValueError(
            f"there is no {out.suffix or 'such'} picture of {env}: mazes give .png and .gif, Pendulum-v1 .gif"
        )
    check_figure(out, "--out", kinds)


def curves(rows: list[str], out: Path) -> str:
    """Panels of returns, accuracy, KL, beta and the reward's slope against steps: a band for each method's seeds.

    Raises:
        ValueError: if a file is no imitation row, or rows of several tasks are given.
    """
    runs: dict[str, list[tuple[str, dict]]] = defaultdict(list)
    for name in {Path(name).resolve(): name for name in rows}.values():  # a seed counts once
        row = read_row(Path(name))
        runs[f"{row['method']} ({row['recipe']})"].append((name, row))
    if not runs:
        raise ValueError("name at least one row of results/imitation")
    tasks = {(r["conditions"]["env"], r["conditions"]["transfer_env"]) for some in runs.values() for _, r in some}
    if len(tasks) > 1:
        raise ValueError(f"rows of several tasks do not compare: {', '.join(sorted(env for env, _ in tasks))}")
    there = [k for k in PANELS if any(k in row["history"] for some in runs.values() for _, row in some)]
    figure = new_figure(4.2 * ((len(there) + 1) // 2), 6)
    lines = []
    for k, (name, axes) in enumerate(zip(there, figure.subplots(2, (len(there) + 1) // 2).flat, strict=False)):
        for i, (label, some) in enumerate(runs.items()):
            found = [run for path, row in some if (run := as_run(path, row, name)) is not None]
            if not found:
                continue
            at, mean, low, high = band(found)
            axes.plot(
                at, mean, color=f"C{i}", label=f"{label}, {len(found)} seed{'s' * (len(found) > 1)}", linewidth=1.4
            )
            axes.fill_between(at, low, high, color=f"C{i}", alpha=0.2, linewidth=0)
            lines += [f"{PANELS[name]}, {label}: {mean[-1]:.4g} at {at[-1]:g} thousand steps"]
        axes.set(xlabel="environment steps (thousands)", title=PANELS[name])
        axes.grid(alpha=0.3)
        if name in ("kl", "grad/reward"):
            axes.set_yscale("log")
        if k == 0:
            axes.legend(fontsize="small")
    for axes in figure.axes[len(there) :]:
        axes.set_axis_off()
    save_figure(figure, out)
    return "\n".join([*lines, str(out)])


def as_run(path: str, row: dict, name: str) -> Run | None:
    """One number's curve of a row; None where it has none, or a constant one that means nothing."""
    values = row["history"].get(name)
    if values is None or (name in ("kl", "beta") and row["config"].get("bottleneck", "none") == "none"):
        return None
    points = [(x, y) for x, y in zip(row["history"]["ksteps"], values, strict=True) if y is not None]
    x, y = np.array(points, dtype=float).T
    return Run(Path(path), row["algorithm"], row["recipe"], {}, {}, kimg=x, x=x, y=y)
