"""The end of an imitation run: what its policy is worth beside chance, cloning and the expert, as a results row."""

from functools import partial
from pathlib import Path

import lightning.pytorch as L
import numpy as np
from lightning.pytorch.callbacks import Callback

from zoo.engine.duties import perform
from zoo.imitation.base import Imitation
from zoo.imitation.playing import drawn, likeliest, play, references
from zoo.leaderboard.curves import log
from zoo.leaderboard.imitation import FOLDER, make_row, write_row
from zoo.leaderboard.naming import token_of, written
from zoo.leaderboard.rows import versions
from zoo.training.run import Run

#: what a row keeps of every iteration
KEPT = (
    "return/imitation",
    "return/transfer",
    "kl",
    "beta",
    "accuracy/d",
    "grad/d",
    "grad/reward",
    "policy/entropy",
)


class Returns(Callback):
    """Writes the row when training has come to its end.

    Args:
        episodes: of each policy that is played afresh.
        results_dir: where rows go; None writes none.
        run: the run.
        run_id: its name among all runs.
    """

    def __init__(self, episodes: int, results_dir: str | None, run: Run, run_id: str) -> None:
        self.episodes, self.results_dir, self.run, self.run_id = episodes, results_dir, run, run_id
        self.software = versions()

    def on_train_end(self, trainer: L.Trainer, model: Imitation) -> None:
        if model.finished and self.results_dir is not None and not self.settled(model):
            perform(trainer, partial(self.conclude, model))

    def settled(self, model: Imitation, nimg: int | None = None) -> bool:
        """Whether a run that stands where `model` stands, or at `nimg`, has its row already."""
        token = token_of(self.run_id, model.nimg if nimg is None else nimg)
        return self.results_dir is not None and written(self.results_dir, FOLDER, token) is not None

    def conclude(self, model: Imitation) -> None:
        with model.off_the_clock():
            row = make_row(
                algorithm=type(model).__name__.lower(),
                method=model.method,
                recipe=self.run.recipe,
                metrics=self.metrics(model),
                history=history(self.run.folder),
                conditions=self.conditions(model),
                training={
                    "ksteps": model.nimg / 1000,
                    "iterations": model.steps,
                    "hours": model.train_seconds / 3600,
                    "seed": model.seed,
                    "hardware": model.conditions["hardware"],
                },
                config=self.run.config["model"],
                software=self.software,
                run=self.run_id,
            )
            path = write_row(row, Path(self.results_dir), token_of(self.run_id, model.nimg))
        shown = "  ".join(f"{k} {v:.1f}" for k, v in row["metrics"].items() if not k.endswith("_std"))
        print(f"returns: {shown}\nresults row {path}")

    def metrics(self, model: Imitation) -> dict[str, float]:
        """`imitation` and `transfer`: mean true return of the last iteration of each part (the paper's measure),
        `*_last10` of its last ten, `*_mean` of all; `played` the final policy's fresh episodes by drawn actions,
        `played_best` by the likeliest; `*_std` standard deviations over episodes."""
        h, found = model.hparams, {}
        whole, seen = sum(map(len, model.returns.values())) == model.steps, history(self.run.folder)
        for part, values in model.returns.items():
            if not whole:  # begun by an earlier version, which kept them in the logs alone
                values = [x for x in seen.get(f"return/{part}", []) if x is not None]
            if values:
                means = {"": values[-1:], "_last10": values[-10:], "_mean": values}
                found |= {f"{part}{name}": float(np.mean(x)) for name, x in means.items()}
        env = h.transfer_env if model.transferred else h.env
        for name, act in {"played": drawn(model.policy), "played_best": likeliest(model.policy)}.items():
            returns = play(act, env, self.episodes, model.horizon, model.seed).returns()
            found |= {name: float(returns.mean()), f"{name}_std": float(returns.std(correction=0))}
        for name, (mean, std) in references(model, self.episodes, model.seed).items():
            found |= {name: mean, f"{name}_std": std}
        return found

    def conditions(self, model: Imitation) -> dict:
        h = model.hparams
        return {
            "env": h.env,
            "transfer_env": h.transfer_env,
            "horizon": model.horizon,
            "episodes": self.episodes,
            "demonstrations": len(model.demos.obs),
            "demonstrated_by": model.demos.about,
            "improvement": h.improvement,
        }


def history(folder: Path) -> dict[str, list[float | None]]:
    """Columns over the logged iterations, five digits each; None where a row has no such number."""
    rows = log(folder)
    names = [name for name in KEPT if any(name in row for row in rows)]

    def column(name: str) -> list[float | None]:
        return [float(f"{row[name]:.5g}") if name in row else None for row in rows]

    return {"ksteps": [row["ksteps"] for row in rows]} | {name: column(name) for name in names}
