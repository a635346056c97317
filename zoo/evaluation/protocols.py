"""Named evaluation protocols. A row names its protocol, and two rows are ranked together only within one.

Facts are from the papers' own evaluation code unless a record says otherwise; `differs` is what of the original we
do not do. `zoo` is the default. Options given beside a protocol are recorded in the row as changes of it.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

ROUNDING = {
    "round": "round(127.5 x + 127.5), clipped to 0..255",
    "truncate": "floor of 127.5 x + 127.5 clipped to 0..255",  # SNGAN's evaluation.py:26-36
}


@dataclass(frozen=True)
class Protocol:
    """What a number depends on beside the model, the data and the extractor.

    Attributes:
        about: one line for the leaderboard.
        source: where the facts are from.
        differs: what the original does otherwise; empty if nothing is known.
        n_fake: generated images that distances count.
        n_real: real images; None for the whole training set, else a fixed random choice of it.
        n_is: generated images that the Inception Score counts; None for n_fake.
        is_splits: parts of the Inception Score.
        is_shuffle: shuffle before the parts are made, as torch-fidelity does; the official code does not.
        rounding: how float images become bytes, a key of `ROUNDING`.
        truncation: bound of the truncation trick.
        ema: score the average of G where the model keeps one.
        kid_subsets, kid_subset_size: KID's subsets; the size is cut to the smaller of the two sets.
        n_prdc: images of each set that precision, recall, density and coverage count, at most.
        extras: metrics beyond those of features; names of `zoo.evaluation.extras.EXTRAS`.
    """

    about: str
    source: str
    differs: str = ""
    n_fake: int = 50_000
    n_real: int | None = None
    n_is: int | None = None
    is_splits: int = 10
    is_shuffle: bool = True
    rounding: str = "round"
    truncation: float | None = None
    ema: bool = True
    kid_subsets: int = 100
    kid_subset_size: int = 1000
    n_prdc: int = 10_000
    extras: tuple[str, ...] = ("fwd", "auth_pct", "c_t")


OPTIONS = tuple(f.name for f in fields(Protocol) if f.name not in ("about", "source", "differs"))

PROTOCOLS: dict[str, Protocol] = {
    "zoo": Protocol(
        about="50,000 samples against the whole training set, TF1 legacy resize, IS in 10 shuffled parts",
        source="ours; the sizes of TTUR's fid.py and torch-fidelity's defaults for the rest",
    ),
    "torch-fidelity": Protocol(
        about="torch-fidelity 0.4's defaults on 50,000 samples",
        source="torch_fidelity/defaults.py",
        n_prdc=50_000,
    ),
    "sngan-2018": Protocol(
        about="IS: 10 sets of 5,000 samples; FID: 10,000 real against 5,000 generated",
        source="SNGAN B.1; pfnet-research/sngan_projection evaluation.py:26-36, calc_inception_score.py:37",
        differs="which 10,000 reals are taken is not stated; ours are a fixed random choice",
        n_fake=5_000,
        n_real=10_000,
        n_is=50_000,
        is_shuffle=False,
        rounding="truncate",
    ),
    "ttur-2017": Protocol(
        about="FID of 50,000 samples against the whole training set",
        source="TTUR fid.py, run.sh, gan_64x64_FID.py:103",
        differs="the DCGAN code keeps samples as floats, the WGAN-GP code truncates and samples in batches of 1000 "
        "with batch statistics; a last incomplete batch of reals is dropped there; the published value is the best "
        "of all evaluations and runs",
        is_shuffle=False,
    ),
    "pggan-2018": Protocol(
        about="FID and IS of 50,000 samples, SWD of 16,384 images, MS-SSIM of 10,000 pairs",
        source="progressive_growing_of_gans config.py:134-138, metrics/; as many reals as fakes: util_scripts.py",
        differs="reals are the first 50,000 there, mirrored at random if training mirrored them, and a smaller set "
        "starts over; ours are a fixed random choice, never mirrored, and a smaller set counts once",
        n_real=50_000,
        is_shuffle=False,
        extras=("fwd", "auth_pct", "c_t", "swd", "ms_ssim"),
    ),
    "stylegan-2019": Protocol(
        about="FID of 50,000 samples without truncation against 50,000 reals, PPL of 100,000 paths",
        source="stylegan metrics/frechet_inception_distance.py, metric_base.py:310",
        differs="the reals are the first 50,000 there, mirrored at random if training mirrored; a "
        "smaller set starts over; ours are a fixed random choice, never mirrored, and a smaller set counts once",
        n_real=50_000,
        is_shuffle=False,
        extras=("fwd", "auth_pct", "c_t", "ppl"),
    ),
    "biggan-2019": Protocol(
        about="50,000 samples of the average with standing statistics against the training set, IS in 10 parts",
        source="BigGAN as a third party's digest tells it; BigGAN-PyTorch calculate_inception_moments.py",
        differs="whether the paper's IS shuffles is not known",
        is_shuffle=False,
    ),
    "studiogan": Protocol(
        about="as many samples as training images (ImageNet: 50,000) against the training set, IS in one part",
        source="PyTorch-StudioGAN's 2023 benchmark, read second-hand",
        differs="its earlier tables (2021) take test or validation images as reals, and that the IS has one part "
        "is known of those alone; our n_fake is 50,000 always; the number for precision and recall is unverified",
        is_splits=1,
        n_prdc=50_000,
    ),
}

# the protocol a paper's own numbers follow, by the paper's name in the zoo
OWN = {
    "sngan": "sngan-2018",
    "ttur": "ttur-2017",
    "pggan": "pggan-2018",
    "stylegan": "stylegan-2019",
    "biggan": "biggan-2019",
}


def asked(name: str, changed: dict[str, Any], seed: int, n_seeds: int) -> dict[str, Any]:
    """What two scores of a model share that are the same score, as a row's `conditions` have it; extras may differ.

    Args:
        name, changed: a protocol and what it is changed by, see `resolve`.
    """
    changed = {k: v for k, v in changed.items() if k != "extras"}
    return {"protocol": name, "changed": changed, "seed": seed, "n_seeds": n_seeds}


def asked_of(conditions: dict[str, Any]) -> dict[str, Any]:
    """What `asked` says of a row that is there; an older one has no number of seeds."""
    changed = conditions.get("changed", {})
    return asked(conditions["protocol"], changed, conditions["seed"], conditions.get("n_seeds", 1))


def terms(protocol: Protocol) -> dict[str, Any]:
    """What of a protocol decides whether two scores on the way compare: all but its words and the extras."""
    return {name: getattr(protocol, name) for name in OPTIONS if name != "extras"}


def reals(protocol: Protocol, changed: dict[str, Any], n: int, name: str) -> int:
    """Real images that count of the n of a data set: what was asked for, else at most what the protocol says.

    Raises:
        ValueError: if more were asked for than there are.
    """
    wanted = n if protocol.n_real is None else protocol.n_real
    if "n_real" in changed and not 2 <= wanted <= n:
        raise ValueError(f"n_real is {wanted}, but {name} has {n} images and 2 are the least")
    return min(wanted, n)


def resolve(name: str, options: dict[str, Any]) -> tuple[Protocol, dict[str, Any]]:
    """The protocol `name` with those `options` that are not None laid over it, and what they changed.

    Raises:
        ValueError: for an unknown protocol, or options that cannot work, naming them.
    """
    if not isinstance(name, str) or name not in PROTOCOLS:
        raise ValueError(f"no protocol is called {name!r}: choose one of {', '.join(PROTOCOLS)}")
    base = asdict(PROTOCOLS[name])
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items() if v is not None}
    changed = {key: value for key, value in given.items() if base[key] != value}
    protocol = Protocol(**base | changed)
    if protocol.rounding not in ROUNDING:
        raise ValueError(f"rounding must be one of {', '.join(ROUNDING)}, not {protocol.rounding!r}")
    if protocol.n_fake < 2 or (protocol.n_is or protocol.n_fake) < protocol.is_splits:
        raise ValueError(
            f"n_fake={protocol.n_fake} is too few: at least 2 fakes (generated images), and one for each split "
            f"of the Inception Score ({protocol.is_splits}), are needed"
        )
    return protocol, changed
