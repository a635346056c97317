"""The page of claims: what the papers say, what was run here, and a verdict that a rule computes.

`claims.yaml` in `results/claims` holds the claims; rows are results rows in `results/claims/<paper>` and
`results/<paper>`, named `paper/recipe`, and rows of experiments, named `experiment/variant`. A claim has one of
three forms:

    orders: [[a, b, c], ...]       runs, the best first, by `metric`; `higher: true` where more is better
    near: {run: a, value: 0.89, within: 0.13}
    bound: {run: a, least: 0}      or `most`
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from pathlib import Path

from zoo.leaderboard.claim_entries import Claim
from zoo.leaderboard.ranking import speaking
from zoo.leaderboard.rows import read_rows
from zoo.leaderboard.trials import read_trials

FOLDER = "claims"
HOLDS, DIRECTION, NOT_SEEN, CONTRADICTED = (
    "holds",
    "holds in direction",
    "not seen at this budget",
    "contradicted",
)
NO_ROWS, LENGTHS, SCORES = "too few rows yet", "not at one budget", "not scored alike"
VERDICTS = (HOLDS, DIRECTION, NOT_SEEN, CONTRADICTED, NO_ROWS, LENGTHS, SCORES)
SEEDS = 2  # of each run, at the least
#: share of the published relative effect that ours must reach to hold
ENOUGH = 0.5
#: by which share of the shortest run the longest of a claim may be longer
SLACK = 0.05


@dataclass(frozen=True)
class Seen:
    """One run: its seed, its metrics, and the thousands of images that it was shown; of a training also its
    evaluations as in the row's `history`, the images of a step and of the data set, the model's options, the file
    with its grid of samples, and what it was scored on."""

    seed: int
    metrics: dict[str, float]
    kimg: float
    history: Sequence[dict] = ()
    batch_size: int = 0
    n_images: int = 0
    model: dict = field(default_factory=dict)
    samples: Path | None = None
    scored: dict = field(default_factory=dict)


Evidence = dict[str, list[Seen]]


def evidence(results_dir: Path) -> Evidence:
    """All runs by name, in the order of their seeds; of a run and seed the row that speaks for it."""
    found: dict[str, dict[int, Seen]] = defaultdict(dict)
    folders = (results_dir, results_dir / FOLDER)
    rows = [(folder, row) for folder in folders for _, row in read_rows(folder)]
    for folder, row in sorted(rows, key=lambda one: speaking(one[1])):
        training = row["training"]
        seed = training["seed"] or 0
        name = f"{row['paper']}/{row['recipe']}"
        found[name][seed] = Seen(
            seed,
            row["metrics"],
            training["kimg"] or 0,
            row.get("history") or (),
            training["batch_size"] or 0,
            row["data"]["n_images"],
            (row["config"] or {}).get("model") or {},
            folder / row["samples"] if row.get("samples") else None,
            {key: row["conditions"].get(key) for key in ("n_fake", "n_real", "truncation", "chosen")}
            | {"data": [row["data"]["name"], row["data"].get("pictures", row["data"]["fingerprint"])]},
        )
    for trial in read_trials(results_dir):
        name = f"{trial.experiment}/{trial.variant}"
        found[name][trial.seed] = Seen(trial.seed, trial.metrics, trial.kimg)
    return {name: [runs[seed] for seed in sorted(runs)] for name, runs in found.items()}


def short(run: str) -> str:
    return run.partition("/")[2] or run


def values(seen: Evidence, run: str, metric: str) -> list[float]:
    """One number for each seed of a run that has it."""
    return [one.metrics[metric] for one in seen.get(run, []) if metric in one.metrics]


# ---- the rule


def apart(better: list[float], worse: list[float], higher: bool) -> int:
    """1 if every run of `better` beats every run of `worse`, -1 if none beats any, 0 in between."""
    if higher:
        better, worse = [-x for x in better], [-x for x in worse]
    return int(max(better) < min(worse)) - int(min(better) > max(worse))


def each_seed(claim: Claim, seen: Evidence, better: str, worse: str) -> str:
    """ "as claimed" or "reversed" if no seed of the two at least that both runs have says otherwise, else "".

    Runs of one seed share their start and their images, so seeds that differ more than the runs do hide an order.
    """
    a, b = ({one.seed: one.metrics[claim.metric] for one in seen[run]} for run in (better, worse))
    gains = [(a[seed] - b[seed]) * (1 if claim.higher else -1) for seed in a.keys() & b.keys()]
    if len(gains) < SEEDS or not any(gains):
        return ""
    return "as claimed" if min(gains) >= 0 else "reversed" if max(gains) <= 0 else ""


def effect(better: float, worse: float) -> float:
    """By which share of the worse value the two differ."""
    return abs(worse - better) / abs(worse) if worse else 0.0


def verdict(claim: Claim, seen: Evidence) -> tuple[str, str]:
    """One of `VERDICTS`, and the sentence that says why."""
    for run in claim.runs:
        if (n := len(values(seen, run, claim.metric))) < SEEDS:
            return NO_ROWS, f"{run} has {n} of the {SEEDS} seeds that a verdict needs"
    if unlike := _unlike(claim, seen):
        return unlike
    found, why = (_ordered if claim.orders else _near if claim.near else _bound)(claim, seen)
    low, high = _lengths(claim, seen)
    return found, f"{why}; runs of {low:g} to {high:g} kimg: {claim.lengths}" if _apart(low, high) else why


def _unlike(claim: Claim, seen: Evidence) -> tuple[str, str] | None:
    """The verdict on runs whose numbers do not compare, or None; what a trial does not say is left out."""
    low, high = _lengths(claim, seen)
    if _apart(low, high) and not claim.lengths:
        return LENGTHS, f"the runs were shown {low:g} to {high:g} kimg"
    scored = [(run, one.scored) for run in claim.runs for one in seen[run] if one.scored]
    for run, other in scored[1:]:
        first, ours = scored[0]
        if differing := [key for key in ours if other[key] != ours[key]]:
            key = differing[0]
            told = "" if key == "data" else f" ({ours[key] or 'none'} and {other[key] or 'none'})"
            return SCORES, f"{first} and {run} differ in {key}{told}"
    return None


def _lengths(claim: Claim, seen: Evidence) -> tuple[float, float]:
    """Thousands of images of the shortest and of the longest run; a trial that trains nothing has no length."""
    shown = [one.kimg for run in claim.runs for one in seen[run] if one.kimg]
    return min(shown, default=0.0), max(shown, default=0.0)


def _apart(low: float, high: float) -> bool:
    return high > (1 + SLACK) * low


def _ordered(claim: Claim, seen: Evidence) -> tuple[str, str]:
    pairs = [pair for order in claim.orders for pair in combinations(order, 2)]
    found = {
        (a, b): apart(values(seen, a, claim.metric), values(seen, b, claim.metric), claim.higher) for a, b in pairs
    }
    right, wrong = sum(x > 0 for x in found.values()), sum(x < 0 for x in found.values())
    paired = [each_seed(claim, seen, *pair) for pair in pairs if not found[pair]]
    why = f"{right} of {len(pairs)} pairs apart as claimed, {wrong} apart the other way round"
    if any(paired):
        why += f"; of the {len(paired)} whose seeds overlap, {paired.count('as claimed')} as claimed seed by seed, "
        why += f"{paired.count('reversed')} reversed"
    if len(pairs) == 1:
        a, b = (len(values(seen, run, claim.metric)) for run in pairs[0])
        order = {1: "all seeds apart as claimed", 0: "seeds overlap", -1: "all seeds reversed"}[found[pairs[0]]]
        order += f", seed by seed {paired[0]}" if any(paired) else ""
        why = f"{order}; chance of a separation is 1 in {comb(a + b, a)} each way"
    if right == len(pairs):
        if weak := [pair for pair in pairs if _weak(claim, seen, *pair)]:
            return DIRECTION, f"{why}; the effect is below half of the published one for {' and '.join(weak[0])}"
        return HOLDS, why
    share = (right - wrong) / len(pairs)
    if share >= 1 / 3:
        return DIRECTION, why
    if share <= -1 / 3:
        return _reversed(claim, seen, why)
    return NOT_SEEN, why


def _weak(claim: Claim, seen: Evidence, better: str, worse: str) -> bool:
    """Whether the paper gives both numbers, and ours differ by less than half of what its do."""
    if not {better, worse} <= claim.published.keys():
        return False
    ours = [statistics.mean(values(seen, run, claim.metric)) for run in (better, worse)]
    return effect(*ours) < ENOUGH * effect(claim.published[better], claim.published[worse])


def _reversed(claim: Claim, seen: Evidence, why: str) -> tuple[str, str]:
    shown = min(one.kimg for run in claim.runs for one in seen[run])
    if shown < claim.speaks_from:
        return NOT_SEEN, f"{why}; {shown:g} of the {claim.speaks_from:g} kimg that the claim is about"
    return CONTRADICTED, why


def _near(claim: Claim, seen: Evidence) -> tuple[str, str]:
    found, target, within = values(seen, claim.near["run"], claim.metric), claim.near["value"], claim.near["within"]
    off = statistics.mean(found) - target
    why = f"{off:+.3g} from the value, tolerance {within:g}"
    if abs(off) <= within:
        return HOLDS, why
    towards = claim.near.get("start")
    if towards is not None and abs(off) < ENOUGH * abs(towards - target):
        return DIRECTION, f"{why}; nearer to it than to {towards:g}, where nothing is learned"
    return _reversed(claim, seen, why)


def _bound(claim: Claim, seen: Evidence) -> tuple[str, str]:
    found = values(seen, claim.bound["run"], claim.metric)
    least, most = claim.bound.get("least", -float("inf")), claim.bound.get("most", float("inf"))
    inside = sum(least <= x <= most for x in found)
    why = f"{inside} of {len(found)} runs keep the bound"
    if inside == len(found):
        return HOLDS, why
    return (DIRECTION, why) if inside else _reversed(claim, seen, why)
