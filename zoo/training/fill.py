"""`zoo leaderboard --fill`: metrics that old rows lack, from the checkpoints that are still there.

A row keeps every number that it has. What is added is measured under the row's own conditions (protocol, sizes,
seeds) and stands in its `filled` with date and commit, since other code made the numbers beside it. A checkpoint
must first show that it is the row's: at the same nimg, on the same data, with the same `fd_random`.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from zoo.data import ImageDataModule
from zoo.data.whole import write_whole
from zoo.engine.devices import device_here
from zoo.engine.gan import GAN
from zoo.evaluation.evaluate import build_extractors, evaluate
from zoo.evaluation.extractors import DEFAULT, Extractor, metric_names
from zoo.evaluation.extras import DOWNLOAD
from zoo.evaluation.protocols import OPTIONS, PROTOCOLS
from zoo.evaluation.small import over_seeds
from zoo.leaderboard.ranking import FLOOR
from zoo.leaderboard.rows import read_rows, validate, versions
from zoo.training.loading import load, read
from zoo.training.nearest import nearest_of, save_nearest
from zoo.training.run import config_to_score, data_to_score

WITNESS = "fd_random"  # of the old row: cheap, and every row has it
TOLERANCE = 0.02  # relative, between two machines
OVER_FEATURES = ("auth_pct", "c_t")  # extras with a number of each extractor


def lacking(row: dict, extractors: Sequence[Extractor]) -> tuple[list[Extractor], list[str]]:
    """What must be looked at again for what the row has not: extractors, and its protocol's extras.

    An extra may be over every extractor's features, and is then looked for over those that the row lacks it of. One
    that the row's `absent` explains by the data or the model is left out: another look would say the same.
    """
    wanted = [one for one in extractors if metric_names(one.name)["frechet"] not in row["metrics"]]
    protocol = PROTOCOLS.get(row["conditions"]["protocol"])
    extras = [] if protocol is None else list(protocol.extras)
    told = [*row["metrics"], *(name for name, why in row["absent"].items() if DOWNLOAD not in why)]

    def of(extra: str, one: Extractor) -> bool:
        return extra in told or f"{extra}_{one.name}" in told

    over = {x: [one for one in extractors if not of(x, one)] for x in extras if x in OVER_FEATURES}
    alone = [x for x in extras if x not in over and not any(name.startswith(x) for name in told)]
    nets = [one for one in extractors if alone or one in wanted or any(one in some for some in over.values())]
    return nets, [x for x in extras if x in alone or over.get(x)]


def checkpoint_of(row: dict, runs: Path) -> Path | None:
    """The checkpoint under `runs` that this row was measured of, or None."""
    if not row.get("run"):
        return None
    for marker in sorted(runs.glob("*/*/run_id")):
        if marker.read_text(errors="replace").strip() != row["run"]:
            continue
        for path in sorted((marker.parent / "checkpoints").glob("*.ckpt"), key=lambda p: p.name != "last.ckpt"):
            try:
                stored = read(path, mmap=True)
            except ValueError:  # damaged: another one may be whole
                continue
            same = stored["zoo"].get("chosen") == row["conditions"].get("chosen")
            if same and stored["state_dict"]["_extra_state"]["nimg"] == row["training"]["nimg"]:
                return path
    return None


def measured(
    row: dict, checkpoint: Path, extractors: list[Extractor], extras: list[str], device: str
) -> tuple[dict, GAN, ImageDataModule]:
    """`evaluate`'s result for the checkpoint under the row's conditions over these extractors; model and data.

    Raises:
        ValueError, OSError: in one sentence, if the checkpoint or the data is not the row's.
    """
    gan = load(checkpoint, device)
    data = data_to_score(config_to_score(checkpoint, gan, None)[0], gan)
    if data.fingerprint != row["data"]["fingerprint"]:
        raise ValueError(f"{data.name} is not the data of the row: its fingerprint is {data.fingerprint[:12]}")
    conditions = row["conditions"]
    options: dict[str, Any] = {key: conditions[key] for key in OPTIONS if key in conditions}
    options |= {"protocol": conditions["protocol"], "batch_size": conditions.get("batch_size", 128)}
    options["extras"] = tuple(extras)
    if WITNESS in row["metrics"] and not any(one.name == "random" for one in extractors):
        extractors = [*extractors, *build_extractors("random")[0]]
    result = over_seeds(
        lambda seed: evaluate(gan, data, extractors, seed=seed, **options),
        conditions["seed"],
        conditions.get("n_seeds", 1),
    )
    was, now = row["metrics"].get(WITNESS), result["metrics"].get(WITNESS)
    if was is not None and not (now is not None and abs(now - was) <= TOLERANCE * was):
        told = "no" if now is None else f"{now:.4g} as"
        raise ValueError(f"{checkpoint} gives {told} {WITNESS}, the row has {was:.4g}: it is another model")
    return result, gan, data


def filled(row: dict, result: dict, when: str, software: dict) -> tuple[dict, list[str]]:
    """The row with what it lacked of `result` and why the rest is absent, and the names that were added."""
    added = [name for name in result["metrics"] if name not in row["metrics"]]
    reasons = {k: v for k, v in result["absent"].items() if k not in row["metrics"]}
    classes = (row.get("classes") or {}) | {k: v for k, v in result.get("classes", {}).items() if k in added}
    mark = {"date": when, "commit": software["commit"], "dirty": software["dirty"]}
    used = result["conditions"]["extractors"]
    new = row | {
        **({"classes": classes} if classes else {}),
        "metrics": row["metrics"] | {name: result["metrics"][name] for name in added},
        "absent": {k: v for k, v in (row["absent"] | reasons).items() if k not in added},
        "notes": (row.get("notes") or {}) | {k: v for k, v in result["notes"].items() if k in added},
        "spread": (row.get("spread") or {}) | {k: v for k, v in result.get("spread", {}).items() if k in added},
        "conditions": row["conditions"] | {"extractors": used | row["conditions"]["extractors"]},
        "filled": (row.get("filled") or {}) | dict.fromkeys(added, mark),
    }
    return new, added


def fill(
    results_dir: Path,
    runs: Path = Path("runs"),
    extractors: Sequence[str] = DEFAULT,
    device: str = "cpu",
    report: Callable[[str], object] = print,
) -> list[Path]:
    """Add to each row what it lacks of `extractors` and of its protocol's extras; the files that were changed.

    What cannot be filled is told in one line a row, with the reason; nothing is ever taken away.

    Raises:
        ValueError, OSError: for a row that is none, without a folder of runs, or for a device that is not here.
    """
    rows = read_rows(results_dir)
    if not runs.is_dir():
        raise FileNotFoundError(f"there is no folder of runs {runs}: --runs names the one that holds checkpoints")
    device = str(device_here(device))
    built, missing = build_extractors(extractors)
    for reason in missing.values():
        report(reason)
    changed, software = [], versions()
    for path, row in rows:
        nets, extras = lacking(row, built)
        no_sheet = bool(row["samples"]) and not row.get("nearest")
        if row["paper"] == FLOOR or not (nets or extras or no_sheet):
            continue
        checkpoint = checkpoint_of(row, runs)
        if checkpoint is None:
            report(f"{path}: its checkpoint is not under {runs}")
            continue
        try:
            result, gan, data = measured(row, checkpoint, nets, extras, device)
            when = datetime.now(timezone.utc).isoformat(timespec="seconds")
            new, added = filled(row, result, when, software)
            validate(new, str(path))
            if no_sheet:
                new["nearest"] = save_nearest(
                    gan, data, built, new["conditions"], results_dir / nearest_of(new["samples"])
                )
        except (ValueError, OSError) as error:
            report(f"{path}: not filled, {error}")
            continue
        write_whole(path, json.dumps(new, indent=2, allow_nan=False) + "\n")
        if added or no_sheet:
            report(f"{path}: added {', '.join(added) or 'the sheet of nearest images'} from {checkpoint}")
            changed.append(path)
        else:
            report(f"{path}: nothing to add, {'; '.join(new['absent'].values())}")
    return changed
