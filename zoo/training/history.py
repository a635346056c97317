"""What a run has logged: one history from its first step to its last, however often it was stopped between."""

import csv
import json
import math
import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment

from zoo.data.whole import write_whole
from zoo.engine.gan import GAN
from zoo.options.ranges import shown
from zoo.training.loading import read
from zoo.training.run import EVALUATIONS

Row = dict[str, str]


def read_log(file: Path) -> list[Row]:
    """The rows of a CSV log; a last line that a kill has torn is none."""
    text = file.read_text() if file.is_file() else ""
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))


class Writer(ExperimentWriter):
    """Rows of numbers in `metrics.csv`: each is added in one piece, and another column writes the file anew.

    A row that the disk refuses is kept for the next time, and the file has none of it.
    """

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.file = Path(self.metrics_file_path)
        rows = read_log(self.file)
        self.metrics_keys = list(rows[0]) if rows else []
        self.told = False  # of a full disk
        self.known: set[tuple] = set()  # step and columns of rows that need not be written again

    def _check_log_dir_exists(self) -> None:
        """An earlier part of the run is kept, which Lightning would remove."""

    def rewind(self, step: int) -> None:
        """Take away what was logged after a step, and what a kill has torn; what is made up is not told twice."""
        rows = [row for row in read_log(self.file) if int(row["step"]) <= step]
        self.known = {(step, frozenset(k for k, v in row.items() if v)) for row in rows if int(row["step"]) == step}
        if self.file.is_file():
            used = {k for row in rows for k, v in row.items() if v}
            self.metrics_keys = [k for k in self.metrics_keys if k in used]
            write_whole(self.file, self.text(rows, header=True))

    def text(self, rows: list, header: bool = False) -> str:
        out = StringIO()
        writer = csv.DictWriter(out, self.metrics_keys, extrasaction="ignore", lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def save(self) -> None:
        rows = [row for row in self.metrics if (row["step"], frozenset(row)) not in self.known]
        if not rows:
            self.metrics = []
            return
        keys = sorted({*self.metrics_keys, *(k for row in rows for k in row)})
        old = self.metrics_keys
        try:
            if keys != old or not self.file.is_file():
                self.metrics_keys = keys
                write_whole(self.file, self.text([*read_log(self.file), *rows], header=True))
            else:
                append(self.file, self.text(rows))
            self.metrics = []
        except OSError as error:
            self.metrics_keys = old
            if not self.told:
                print(f"{self.file} was not written ({error}); training goes on", file=sys.stderr, flush=True)
            self.told = True


def append(file: Path, text: str) -> None:
    """Add text to a file, all of it or nothing.

    Raises:
        OSError: if the disk refuses a part of it; the file is then as it was.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    try:
        size, content = os.fstat(descriptor).st_size, text.encode()
        try:
            if os.write(descriptor, content) != len(content):
                raise OSError(28, "No space left on device", str(file))
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


class History(L.loggers.CSVLogger):
    """Lightning's CSV logger with one log for the whole run, `csv/version_0/metrics.csv`.

    A run that was begun before there was one goes on in its newest part.
    """

    def __init__(self, folder: Path) -> None:
        parts = (path.name.partition("_")[2] for path in folder.glob("csv/version_*"))
        super().__init__(folder, name="csv", version=max((int(n) for n in parts if n.isdigit()), default=0))

    @property
    @rank_zero_experiment
    def experiment(self) -> Writer:
        if self._experiment is None:
            self._experiment = Writer(self.log_dir)
        return self._experiment

    def rewind(self, step: int) -> None:
        """Forget what was logged after a step."""
        self.experiment.rewind(step)


class Rewind(Callback):
    """Where a run goes on, its log is taken back to there before anything is added; the first of all callbacks."""

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, History):
                logger.rewind(gan.steps)


def evaluations(file: Path, nimg: float = math.inf) -> dict[int, dict]:
    """The evaluations of a run's `evaluations.jsonl` up to an image count, by it; a last line that is torn is none.

    Raises:
        ValueError: naming the file and the line that is no evaluation.
    """
    found = {}
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            one = json.loads(line)
        except ValueError:
            one = None
            if number == len(lines):
                break
        if not is_evaluation(one):
            raise ValueError(f"{file} is damaged: its line {number} is no evaluation but {shown(line)}; remove it")
        if one["nimg"] <= nimg:
            found[one["nimg"]] = one
    return found


def still_whole(file: Path, nimg: float) -> dict[int, dict]:
    """As `evaluations`; of a damaged file, which is told, none: a checkpoint has those before it."""
    try:
        return evaluations(file, nimg)
    except ValueError as error:
        print(error, file=sys.stderr)
        return {}


def is_evaluation(one: Any) -> bool:
    """Whether a line of JSON holds what `write_evaluations` writes of one."""
    if not (isinstance(one, dict) and type(one.get("nimg")) is int and isinstance(one.get("metrics"), dict)):
        return False
    return all(type(v) in (int, float) for v in (one.get("kimg"), one.get("hours"), *one["metrics"].values()))


def write_evaluations(file: Path, history: dict[int, dict]) -> None:
    """Write a run's `evaluations.jsonl`; a disk that refuses it is told, and costs no training."""
    try:
        write_whole(file, "".join(json.dumps(history[nimg]) + "\n" for nimg in sorted(history)))
    except OSError as error:
        print(f"{file} was not written ({error}); training goes on")


def history_of(checkpoint: Path, nimg: int) -> dict[int, dict]:
    """The evaluations up to an image count of the run that a checkpoint lies in, by it; none for a lone file."""
    states = read(checkpoint).get("callbacks") or {}
    kept = next((state["history"] for state in states.values() if "history" in state), [])
    return {one["nimg"]: one for one in kept} | evaluations(checkpoint.resolve().parents[1] / EVALUATIONS, nimg)
