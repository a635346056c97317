"""Whether a run that was stopped, however often, owes anything beside one that never was."""

import csv
import json
from pathlib import Path

import torch
import yaml

CLOCK = {"hours", "speed/images_per_s", "train_seconds", "date", "dynamics/share"}
OURS = {".lock", "process"}  # of the process that trains, or trained
#: of a row: its own names, and what is true of a moment
ROW = {"run", "software", "samples"}


def plain(value: object) -> object:
    """Without what a clock says, and tensors as what can be compared."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in CLOCK}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, torch.Tensor):
        return (
            str(value.dtype),
            tuple(value.shape),
            value.contiguous().flatten().view(torch.uint8).numpy().tobytes(),
        )
    return repr(value) if isinstance(value, float) else value  # nan is nan


def unequal(a: object, b: object, where: str) -> list[str]:
    """Where two plain values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = [f"{where}: {k} is on one side only" for k in a.keys() ^ b.keys()]
        return found + [text for k in a.keys() & b.keys() for text in unequal(a[k], b[k], f"{where}/{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [text for i, (x, y) in enumerate(zip(a, b, strict=True)) for text in unequal(x, y, f"{where}/{i}")]
    return [] if a == b else [f"{where}: {str(a)[:60]} and {str(b)[:60]}"]


def content(path: Path) -> object:
    """A file's content as it should be the same."""
    if path.suffix == ".ckpt":
        checkpoint = torch.load(path, weights_only=True)
        for state in checkpoint.values():
            if isinstance(state, dict):  # a growing model's next data may be open already when a score is made up
                state.pop("fingerprints", None)
        return plain({k: v for k, v in checkpoint.items() if k not in ("loops", "epoch")})  # Lightning's own counts
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return plain([{k: v for k, v in row.items() if v} for row in csv.DictReader(file)])
    if path.suffix == ".jsonl":
        return plain([json.loads(line) for line in path.read_text().splitlines()])
    if path.name == "config.yaml":
        return plain(yaml.safe_load(path.read_text()))
    if path.suffix == ".json":
        return plain({k: v for k, v in json.loads(path.read_text()).items() if k not in ROW})
    return path.read_bytes()


def compare(whole: Path, stopped: Path) -> list[str]:
    """What differs between two working folders with one run (`run-...`) and its results, a sentence each."""
    found, names = [], []
    for folder in (whole, stopped):
        run, *more = sorted(folder.glob("run-*"))
        found += [f"{one.name}: left over" for one in more]
        names.append({str(p.relative_to(run)): p for p in run.rglob("*") if p.is_file()})
    for name in sorted(names[0].keys() | names[1].keys()):
        if name in OURS or name == "run_id":
            continue
        if name not in names[0] or name not in names[1]:
            found.append(f"{name}: {'left over' if name in names[1] else 'lost'}")
        else:
            found += unequal(content(names[0][name]), content(names[1][name]), name)
    rows = [sorted((f / "results").rglob("*.json")) for f in (whole, stopped)]
    if len(rows[1]) != len(rows[0]):
        return [*found, f"{len(rows[1])} rows for {len(rows[0])}"]
    for one, other in zip(*rows, strict=True):
        found += unequal(content(one), content(other), "the row")
        pictures = [sorted(p.parent.glob(f"{p.stem}*.png")) for p in (one, other)]
        contents = [
            {p.name.removeprefix(q.stem): p.read_bytes() for p in ps}
            for ps, q in zip(pictures, (one, other), strict=True)
        ]
        found += unequal(*contents, "pictures of the row")
    beside = [len([p for p in (f / "results").rglob("*") if p.is_file()]) for f in (whole, stopped)]
    return found if beside[0] == beside[1] else [*found, f"results has {beside[1]} files for {beside[0]}"]
