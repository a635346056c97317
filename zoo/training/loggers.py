"""CSV and Weights & Biases."""

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from zoo.engine.stop import Interrupted
from zoo.training.history import History
from zoo.training.run import Run, run_id

WAIT = 20  # seconds that W&B's answer is waited for


class Untroubled(L.loggers.WandbLogger):
    """W&B's logger, whose trouble (a lost network, a full quota) is told once and never stops a run."""

    told = False

    def attempt(self, call: Callable[[], object]) -> None:
        """Do what W&B may refuse: whatever is asked of its run goes through here."""
        try:
            call()
        except Interrupted:
            raise
        except Exception as error:  # W&B has kinds of its own, and lets those of its network through
            if not self.told:
                print(
                    f"W&B takes no more ({' '.join(str(error).split())}); training goes on, the CSV logs are whole"
                )
            self.told = True

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.attempt(partial(super().log_metrics, metrics, step))

    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:  # Lightning's own, as training begins
        self.attempt(partial(super().log_hyperparams, params))


def attempt(logger: L.loggers.WandbLogger, call: Callable[[], object]) -> None:
    """Do what W&B may refuse; trouble of a logger that the user has given is the user's to hear of."""
    return logger.attempt(call) if isinstance(logger, Untroubled) else call()


def connected(about: dict, offline: bool | str) -> tuple[Untroubled, bool | str]:
    """W&B's logger with its run begun; offline where W&B gives no answer, which is told.

    Returns:
        the logger, and whether it is offline: "no answer" if it was to be online.
    """
    # offline=True alone comes too late after login()
    logger = Untroubled(**about, offline=bool(offline), mode="offline" if offline else "online")
    try:
        logger.experiment.id  # noqa: B018  begins the run
    except Exception as error:  # no network, a refused key, a project that is not ours: W&B has many kinds
        if offline:
            raise
        print(
            f"W&B gives no answer ({' '.join(str(error).split())[:200]}): training goes on, W&B offline", flush=True
        )
        return connected(about, True)[0], "no answer"
    return logger, offline


def loggers(run: Run, use_wandb: bool, trained_on: str, tags: tuple[str, ...] = (), unit: str = "kimg") -> list:
    """CSV always; W&B online when the user is logged in, offline otherwise, with a line that says how to sync.

    A resumed run goes on in its W&B run. Runs are grouped by paper and what they are trained on, a data set or an
    environment, and tagged with both, the recipe and more. `unit` is the column that progress is counted in.
    """
    found: list = [History(run.folder)]
    if use_wandb and os.environ.get("WANDB_MODE") != "disabled":
        try:
            import wandb
        except ImportError as error:
            raise ValueError("W&B is not installed: pip install wandb, or go without by --wandb false") from error

        os.environ.setdefault("WANDB_SILENT", "true")
        offline: bool | str = os.environ.get("WANDB_MODE") in ("offline", "dryrun")
        try:
            offline = offline or not wandb.login(prompt=False)
        except Exception as error:  # a key of another form, or one that is refused
            print(f"W&B refuses the login ({' '.join(str(error).split())[:200]}): training goes on, W&B offline")
            offline = "no answer"
        about = {
            "project": "gan-zoo",
            "id": run_id(run.folder),
            "resume": "allow",
            "group": f"{run.paper} / {trained_on}",
            "tags": [run.paper, trained_on[:64], run.recipe[:64], *tags],
            "name": run.folder.name,
            "save_dir": run.folder,
            "settings": wandb.Settings(init_timeout=WAIT),
        }
        logger, offline = connected(about, offline)
        # what dashboards group by: runs that differ by their seed are one recipe
        config = run.config | {"paper": run.paper, "recipe": run.recipe}
        logger.attempt(partial(describe, logger, config, unit))
        if offline:
            why = "" if offline == "no answer" else " (not logged in)"
            print(f"W&B logs offline{why}; {sync_hint(run.folder)}")
        found.append(logger)
    return found


def describe(logger: L.loggers.WandbLogger, config: dict, unit: str) -> None:
    """Tell W&B's run its configuration, and the column that progress is counted in."""
    logger.experiment.define_metric(unit)
    logger.experiment.define_metric("*", step_metric=unit)
    logger.experiment.config.update(config, allow_val_change=True)


def sync_hint(folder: Path) -> str:
    """How to upload an offline run: a resumed one has a part for each start, which become one W&B run in order."""
    parts = len(list((folder / "wandb").glob("offline-run-*")))
    several = f" (the run's {parts} parts, in order)" if parts > 1 else ""
    return f"sync later with: wandb sync --id {run_id(folder)} {folder}/wandb/offline-run-*{several}"


def beside(ours: list, given: object, config: dict) -> list:
    """Our loggers and those that `--trainer.logger` names, which get the run's configuration as hyperparameters.

    Args:
        ours: CSV, and W&B where it is wanted.
        given: what Lightning takes: a logger, several, or a bool or None, which add nothing.
        config: of the whole run.
    """
    several = given if isinstance(given, list | tuple) else [given]
    added = [logger for logger in several if isinstance(logger, L.loggers.Logger)]
    for logger in added:
        logger.log_hyperparams(config)
    return [*ours, *added]


def log_pictures(logger: L.loggers.Logger, pictures: dict[str, Path], kimg: float, step: int, unit: str) -> None:
    """Show pictures where a logger can: W&B, TensorBoard and MLflow."""
    if isinstance(logger, L.loggers.WandbLogger):
        attempt(logger, partial(show_in_wandb, logger, pictures, {unit: kimg}))
    elif isinstance(logger, L.loggers.TensorBoardLogger):
        import numpy as np
        from PIL import Image

        for name, file in pictures.items():
            image = np.asarray(Image.open(file).convert("RGB"))
            logger.experiment.add_image(name, image, step, dataformats="HWC")
    elif isinstance(logger, L.loggers.MLFlowLogger):
        for name, file in pictures.items():
            logger.experiment.log_artifact(logger.run_id, str(file), f"{name}/{unit}-{kimg:09.1f}")


def show_in_wandb(logger: L.loggers.WandbLogger, pictures: dict[str, Path], at: dict[str, float]) -> None:
    import wandb

    logger.experiment.log({name: wandb.Image(str(file)) for name, file in pictures.items()} | at)


def log_row(logger: L.loggers.Logger, row: dict) -> None:
    """Show a results row where a logger can: in the table of W&B's runs."""
    if isinstance(logger, L.loggers.WandbLogger):
        attempt(logger, lambda: logger.experiment.summary.update({"row": wandb_summary(row)}))


def wandb_summary(row: dict) -> dict:
    """What of a row a table of W&B runs shows, so that it can serve as a leaderboard there."""
    training, software = row["training"], row["software"]
    return {
        "protocol": row["conditions"]["protocol"],
        "data": row["data"]["name"],
        "fingerprint": row["data"]["fingerprint"][:12],
        "kimg": training["kimg"],
        "hours": training["hours"],
        "commit": software["commit"][:8],
        **row["metrics"],
    }
