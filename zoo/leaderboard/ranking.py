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
    "auth_pct_efficientnet-lite0": ("AuthPct", ".1f", True),
    "c_t_efficientnet-lite0": ("C_T", ".2f", True),
    "swd_average": ("SWD", ".2f", True),
    "ms_ssim": ("MS-SSIM", ".4f", True),
    "ppl_w_full": ("PPL w full", ".1f", True),
    "ppl_z_full": ("PPL z full", ".1f", True),
    "test_accuracy": ("test accuracy in %", ".2f", False),
    "test_error": ("test error in %", ".2f", True),
    "accuracy_1nn": ("1-NN accuracy in %", ".2f", False),
    "accuracy_1nn_codes": ("1-NN accuracy of codes in %", ".2f", False),
    "parzen_ll": ("Parzen log-likelihood in nats", ".4g", False),
    "reconstruction_psnr": ("reconstruction PSNR", ".2f", True),
}
_HIGHER = (
    *("is_", "precision", "recall", "density", "coverage", "label_accuracy", "test_accuracy"),
    *("reconstruction_psnr", "reconstruction_ssim"),
    *("accuracy", "mean_ap", "mean_iu", "parzen_ll"),
    *("digit_accuracy", "d_accuracy"),
    *("auth_pct", "c_t"),  # below: copies
)


RELEASED = "released weights"  # how published.csv marks, in source_note, numbers of a file that people can have
QUOTED = "as quoted there"  # likewise: what a paper quotes of its rivals, which is none of its own numbers


def set_of(row: dict) -> str:
    """ "CIFAR-10 (JPEG copy)" belongs beside CIFAR-10; the heading of its own table says what it is."""
    return row["data"]["name"].partition(" (")[0]


# of the conditions, what does not set two rows apart: how G is averaged before it is sampled, and how finely KID is
# averaged over subsets, which moves no expectation; what a protocol was changed by, its numbers tell
_ASIDE = (
    *("seed", "n_seeds", "batch_size", "changed", "n_prdc", "kid_subsets"),
    *("ema", "standing_passes", "standing_batch"),
)


def comparable(row: dict) -> str:
    """Rows are ranked together if and only if they agree in this."""
    # rows of before these conditions were recorded were measured so
    conditions = {"is_shuffle": True, "n_is": row["conditions"]["n_fake"]} | row["conditions"]
    of_the_measurement = {key: value for key, value in conditions.items() if key not in _ASIDE}
    distances = sorted(name for name in row["metrics"] if name == "fid" or name.startswith("fd_"))
    # without labels, which no distance sees; where neither this nor another row of the data tells, there are none
    images = row["data"].get("pictures", row["data"]["fingerprint"])
    key = [row["data"]["name"], images, of_the_measurement, distances]
    key += [RELEASED] if row.get("imported") else []  # networks that others trained rank apart
    return json.dumps(key, sort_keys=True)


def measured(row: dict) -> str:
    """How the row was measured, in a few words."""
    c = row["conditions"]
    words = [f"protocol {c['protocol']}", f"{c['n_real']:,} real against {c['n_fake']:,} generated"]
    words += [f"truncation {c['truncation']}"] if c["truncation"] else []
    words += [c["chosen"]] if c.get("chosen") else []
    return ", ".join(words)


def speaking(row: dict) -> tuple:
    """Sorts rows of a recipe so that the one that speaks for it comes last: without truncation, of no chosen
    checkpoint, the longest, the newest."""
    conditions = row["conditions"]
    return not conditions["truncation"], not conditions.get("chosen"), row["training"]["nimg"], row["date"]


def of_each_seed(rows: list[dict]) -> list[dict]:
    """The last row of each training seed, among those measured and trained as long as the last of all."""
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
    name = name.removeprefix("heldout_")
    return name == "modes" or (name.startswith(_HIGHER) and not name.endswith("_sem"))  # a standard error


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


def told(name: str, row: dict, times: dict) -> str:
    """A metric of a row with its deviation over seeds of samples, its multiple of the floor, and what is to be
    expected of infinitely many samples, where known."""
    spread, later = row.get("spread") or {}, row.get("filled") or {}
    text = value(name, row["metrics"].get(name), row["metrics"].get("is_std")) + ("†" if name in later else "")
    if text and name in spread and "±" not in text:
        text += f" ± {spread[name]:.2g}"
    limit = _limit(name, row) if is_frechet(name) else None
    beside = [f"{times[name]:.3g}x"] if name in times else []
    beside += [f"∞ {limit:.4g}"] if limit is not None else []
    return text + (f" ({', '.join(beside)})" if text and beside else "")


#: features of the extractors that rows were scored with before an extrapolation had to have four fakes for each
_FEATURES = {"fid": 2048, "fd_efficientnet-lite0": 1280, "fd_random": 512}


def _limit(name: str, row: dict) -> float | None:
    """A Frechet distance extrapolated to infinitely many fakes, or None where there were too few to tell."""
    limit = row["metrics"].get("fid_inf" if name == "fid" else name.replace("fd_", "fdinf_", 1))
    few = row["conditions"]["n_fake"] < 4 * _FEATURES.get(name, 0)
    return None if few or limit is None or limit < 0 else limit


LAST = 4

FLOOR = "real"  # the paper of rows where real images stand in the place of fakes


def leading(metrics: dict[str, float]) -> str | None:
    """The metric that counts most, or None."""
    name = min(sorted(metrics), key=rank, default=None)
    return None if name is None or rank(name) == LAST else name


def is_floor(row: dict) -> bool:
    """Whether real images stand in the place of fakes here."""
    return row["paper"] == FLOOR


def times_the_floor(row: dict, rows: list[dict]) -> dict[str, float]:
    """Each distance as a multiple of what real images score in the newest floor measured in the same way.

    That is against as many reals of the same images, with as many samples, over the same extractor. Labels do not
    matter, so a floor row names the fingerprints with labels and without. Distances without a floor are absent.
    """
    found = {}
    # the newest last; of the set itself rather than of images held out, which training never sees either
    for floor in sorted(rows, key=lambda one: (one["recipe"].endswith("-others"), one.get("date", ""))):
        data = floor["data"]
        same = row["data"]["fingerprint"] in [data["fingerprint"], *data.get("same_images", [])]
        alike = all(row["conditions"].get(key) == floor["conditions"].get(key) for key in ("n_real", "n_fake"))
        if not (is_floor(floor) and same and alike) or is_floor(row):
            continue
        for name, value in row["metrics"].items():
            least = floor["metrics"].get(name)
            if least and is_distance(name) and _extractor(row, name) == _extractor(floor, name):
                found[name] = value / least
    return found


def is_frechet(name: str) -> bool:
    """Whether a metric is the Frechet distance over an extractor's features."""
    return name == "fid" or name.startswith("fd_")


def is_distance(name: str) -> bool:
    """Whether a metric is a distance that real images do not bring to 0: KID's is, on average."""
    return is_frechet(name) or name.startswith(("fwd-", "swd_"))


def _extractor(row: dict, metric: str) -> str | None:
    """Id of the extractor that a distance is over; None of those that need none."""
    name = "inception" if metric == "fid" else metric.removeprefix("fd_")
    return (row["conditions"]["extractors"].get(name) or {}).get("id")


def half_width(row: dict, rows: list[dict]) -> float | None:
    """How far chance moves the leading metric: half the range over training seeds, or the deviation over sampling
    seeds if that is more; None where neither was measured."""
    name = leading(row["metrics"])
    values = [r["metrics"][name] for r in _trained_alike(row, rows) if name in r["metrics"]]
    known = [(max(values) - min(values)) / 2] if len(values) > 1 else []
    known += [row["spread"][name]] if name in (row.get("spread") or {}) else []
    return max(known, default=None)


def _trained_alike(row: dict, rows: list[dict]) -> list[dict]:
    """A row, and its recipe's of other training seeds."""
    return of_each_seed([*(r for r in rows if (r["paper"], r["recipe"]) == (row["paper"], row["recipe"])), row])


def against(row: dict, better: dict, rows: list[dict]) -> str:
    """What is to be said of a row and the one ranked above it: nothing, no difference, or that nobody can tell.

    Samples of one training tell nothing of another training of the same recipe.
    """
    name = leading(row["metrics"])
    widths = half_width(row, rows), half_width(better, rows)
    if name is None or name != leading(better["metrics"]):
        return ""
    if None in widths:
        return "unknown: one seed"
    if abs(row["metrics"][name] - better["metrics"][name]) <= sum(widths):
        return "no difference"
    trained = [len(_trained_alike(one, rows)) for one in (row, better) if not is_floor(one)]
    return "unknown: one training seed" if min(trained, default=2) < 2 else ""


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
