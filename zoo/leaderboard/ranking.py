"""What a metric is called, which way it counts, and which rows may be ranked together."""

import json
from typing import Any

# metric: its heading, format, and whether the tables show it (the page and the CSV hold every one)
_METRICS = {
    "fid": ("FID", ".2f", True),
    "is_mean": ("IS", ".2f", True),
    "kid": ("KID", ".5f", True),
    "intra_fid": ("intra-FID", ".1f", True),
    "intra_ms_ssim": ("intra-class MS-SSIM", ".3f", True),
    "fd_efficientnet-lite0": ("FD EfficientNet-Lite0", ".4g", True),
    "fd_random": ("FD random", ".4g", True),
    "precision": ("precision", ".3f", True),
    "recall": ("recall", ".3f", True),
    "precision_random": ("precision random", ".3f", True),
    "recall_random": ("recall random", ".3f", True),
    "kid_random": ("KID random", ".4g", False),
    "swd_average": ("SWD", ".2f", True),
    "ms_ssim": ("MS-SSIM", ".4f", True),
    "ppl_w_full": ("PPL w full", ".1f", True),
    "ppl_z_full": ("PPL z full", ".1f", True),
    "test_accuracy": ("test accuracy in %", ".2f", False),
    "test_error": ("test error in %", ".2f", True),
    "reconstruction_psnr": ("reconstruction PSNR", ".2f", True),
}
_HIGHER = (
    *("is_", "precision", "recall", "density", "coverage", "label_accuracy", "test_accuracy"),
    *("reconstruction_psnr", "reconstruction_ssim"),
)


RELEASED = "released weights"  # how published.csv marks, in source_note, numbers of a file that people can have


def set_of(row: dict) -> str:
    """ "CIFAR-10 (JPEG copy)" belongs beside CIFAR-10; the heading of its own table says what it is."""
    return row["data"]["name"].partition(" (")[0]


# of the conditions, what does not set two rows apart; what a protocol was changed by, its numbers tell
_ASIDE = ("seed", "n_seeds", "ema", "batch_size", "changed", "n_prdc")


def comparable(row: dict) -> str:
    """Rows are ranked together if and only if they agree in this."""
    # rows of before these conditions were recorded were measured so
    conditions = {"is_shuffle": True, "n_is": row["conditions"]["n_fake"]} | row["conditions"]
    of_the_measurement = {key: value for key, value in conditions.items() if key not in _ASIDE}
    distances = sorted(name for name in row["metrics"] if name == "fid" or name.startswith("fd_"))
    key = [row["data"]["name"], row["data"]["fingerprint"], of_the_measurement, distances]
    key += [RELEASED] if row.get("imported") else []  # networks that others trained rank apart
    return json.dumps(key, sort_keys=True)


def measured(row: dict) -> str:
    """How the row was measured, in a few words."""
    c = row["conditions"]
    words = [f"protocol {c['protocol']}", f"{c['n_real']:,} real against {c['n_fake']:,} generated"]
    words += [f"truncation {c['truncation']}"] if c["truncation"] else []
    words += [c["chosen"]] if c.get("chosen") else []
    return ", ".join(words)


def of_each_seed(rows: list[dict]) -> list[dict]:
    """The newest row of each training seed, among those measured and trained as long as the newest of all."""
    alike = [r for r in rows if comparable(r) == comparable(rows[-1])]
    alike = [r for r in alike if r["training"]["nimg"] == rows[-1]["training"]["nimg"]]
    return list({row["training"]["seed"]: row for row in alike}.values())


def ordered(names: set[str]) -> list[str]:
    """Metrics in the order of the tables."""
    known = list(_METRICS)
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))


def in_tables(name: str) -> bool:
    """Whether the tables show this metric."""
    return _METRICS[name][2] if name in _METRICS else name.startswith(("fd_", "fwd-", "label_accuracy_"))


def higher(name: str) -> bool:
    """Whether more of it is better."""
    return name.removeprefix("heldout_").startswith(_HIGHER)


def heading_of(name: str) -> str:
    """A metric's name for people."""
    if name in _METRICS:
        return _METRICS[name][0]
    if name.startswith("label_accuracy_"):
        return f"label accuracy {name.removeprefix('label_accuracy_')}"
    if name.startswith("fwd-"):
        return f"FWD level {name.removeprefix('fwd-')}"
    return f"FD {name.removeprefix('fd_')}" if name.startswith("fd_") else name


def title(name: str) -> str:
    """The heading with an arrow to the better side."""
    return heading_of(name) + (" ↑" if higher(name) else " ↓")


def value(name: str, value: float | None, is_std: float | None) -> str:
    """A metric's value with its digits, or nothing."""
    if value is None:
        return ""
    shown = format(value, _METRICS[name][1] if name in _METRICS else ".4g")
    return f"{shown} ± {is_std:.2f}" if name == "is_mean" and is_std is not None else shown


LAST = 4

FLOOR = "real"  # the paper of rows where real images stand in the place of fakes


def leading(metrics: dict[str, float]) -> str | None:
    """The metric that counts most, or None."""
    name = min(sorted(metrics), key=rank, default=None)
    return None if name is None or rank(name) == LAST else name


def of_floor(row: dict, rows: list[dict]) -> float | None:
    """The leading distance as a multiple of what real images score, measured in the same way; None if unknown."""
    name = leading(row["metrics"])
    floors = [r["metrics"][name] for r in rows if r["paper"] == FLOOR and r["metrics"].get(name)] if name else []
    return None if not floors or higher(name) else row["metrics"][name] / floors[-1]


def half_width(row: dict, rows: list[dict]) -> float | None:
    """How far chance moves the leading metric: half the range over training seeds, or the deviation over sampling
    seeds if that is more; None where neither was measured."""
    name = leading(row["metrics"])
    same = [r for r in rows if (r["paper"], r["recipe"]) == (row["paper"], row["recipe"])]
    values = [r["metrics"][name] for r in of_each_seed([*same, row]) if name in r["metrics"]]
    known = [(max(values) - min(values)) / 2] if len(values) > 1 else []
    known += [row["spread"][name]] if name in (row.get("spread") or {}) else []
    return max(known, default=None)


def against(row: dict, better: dict, rows: list[dict]) -> str:
    """What is to be said of a row and the one ranked above it: nothing, no difference, or that nobody can tell."""
    name = leading(row["metrics"])
    widths = half_width(row, rows), half_width(better, rows)
    if name is None or name != leading(better["metrics"]):
        return ""
    if None in widths:
        return "unknown: one seed"
    return "no difference" if abs(row["metrics"][name] - better["metrics"][name]) <= sum(widths) else ""


def rank(name: str) -> int:
    """How much a metric counts: FID, then other distances with the untrained network's behind, then IS."""
    if name == "fid":
        return 0
    if name.startswith("fd_"):
        return 2 if name == "fd_random" else 1
    return 3 if name == "is_mean" else LAST


def merit(metrics: dict[str, float]) -> tuple[int, float]:
    """Sorts the best first, by the metric that counts most; those without any come last."""
    name = leading(metrics)
    if name is None:
        return LAST, 0.0
    return rank(name), -metrics[name] if higher(name) else metrics[name]


def or_unknown(value: Any) -> Any:
    """The value, or a question mark for None."""
    return "?" if value is None else value
