"""Rows of experiments that are no training of images: `results/claims/lab/<experiment>/<variant>-<seed>.json`."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from jsonschema import Draft7Validator

from zoo.data.whole import write_whole
from zoo.leaderboard.rows import versions
from zoo.leaderboard.schema import COUNT, NUMBER, hold

FOLDER = Path("claims", "lab")
#: what stands in a row
ROW = Draft7Validator(
    {
        "type": "object",
        "required": ["experiment", "variant", "seed", "metrics"],
        "properties": {
            "experiment": {"type": "string"},
            "variant": {"type": "string"},
            "seed": {"type": "integer", **COUNT},
            "metrics": {"type": "object", "additionalProperties": NUMBER},
            "kimg": {"type": "number", **COUNT},
            "cpu_seconds": {"type": "number", **COUNT},
            "settings": {"type": "object"},
            "software": {"type": "object"},
        },
    }
)


@dataclass(frozen=True)
class Trial:
    """One variant of one experiment with one seed.

    Args:
        metrics: what was measured, by name, all finite.
        kimg: thousands of real points or images shown; 0 where nothing is trained.
        settings: what the variant was made with.
        cpu_seconds: of this variant, or of all that were made together with it.
        software: what computed it.
    """

    experiment: str
    variant: str
    seed: int
    metrics: dict[str, float]
    kimg: float = 0.0
    settings: dict = field(default_factory=dict)
    cpu_seconds: float = 0.0
    software: dict = field(default_factory=versions)

    @classmethod
    def read(cls, path: Path) -> "Trial":
        """One row.

        Raises:
            ValueError: if the file is not a row of an experiment.
        """
        known = {f.name for f in fields(cls)}
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            hold(ROW, row, "it")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is no row of an experiment ({error}); repair or remove it") from error
        trial = cls(**{k: v for k, v in row.items() if k in known})
        if not all(abs(x) < float("inf") for x in trial.metrics.values()):
            raise ValueError(f"{path} holds a number that is not finite; remove it")
        return trial


def path_of(results_dir: Path, experiment: str, variant: str, seed: int) -> Path:
    return results_dir / FOLDER / experiment / f"{variant}-{seed}.json"


def write_trial(trial: Trial, results_dir: Path) -> Path:
    """Write a row, complete or not at all, and return its file; folders are made.

    Raises:
        ValueError: for a number that is not finite.
    """
    path = path_of(results_dir, trial.experiment, trial.variant, trial.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(asdict(trial), indent=1, allow_nan=False, default=str) + "\n")
    return path


def read_trials(results_dir: Path) -> list[Trial]:
    """All rows of experiments, in the order of their files' names.

    Raises:
        ValueError: naming the first that is none.
    """
    return [Trial.read(path) for path in sorted((results_dir / FOLDER).glob("*/*.json"))]
