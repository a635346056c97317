"""Do samples copy the training set? AuthPct, and C_T against images that training has not seen, in every row."""

import hashlib
import warnings
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from zoo.data.images import Batch, Images
from zoo.data.order import subset
from zoo.evaluation import memorisation
from zoo.evaluation.distributed import rank_and_world
from zoo.evaluation.reference import reference
from zoo.evaluation.subject import Subject

MOST = 1000  # fakes, and held-out images, that count


class Unseen:
    """The images that a data module keeps from training, as `reference` takes a data set.

    Args:
        data: a data module.
        images: its `unseen()`.
    """

    def __init__(self, data: Any, images: Images) -> None:
        self.opened, self.name = images, f"{data.name}, unseen"
        parts = f"{data.fingerprint} {images.content} {len(images)}"
        self.fingerprint = hashlib.sha256(parts.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.opened)

    def batches(self, batch_size: int, rank: int = 0, world: int = 1, limit: int | None = None) -> Iterator[Batch]:
        """As a data module's, without labels."""
        for part in subset(len(self), limit)[rank::world].split(batch_size):
            if len(part):
                yield self.opened[part][0], None


def auth_pct(subject: Subject) -> dict[str, float]:
    """`auth_pct_NAME` over each extractor's features: of 1,000 fakes at most, against the reference's images."""
    found = {}
    for name, fakes, train, _ in _features(subject, None):
        found[f"auth_pct_{name}"] = memorisation.auth_pct(fakes, train)
    return found


def c_t(subject: Subject) -> dict[str, float]:
    """`c_t_NAME` over each extractor's features, against as many images that training has not seen.

    Where no cell has images of all three sets, `subject.absent` says so.

    Raises:
        ValueError: if the data module's `unseen` gives none.
    """
    data, found = subject.data, {}
    images = data.unseen() if hasattr(data, "unseen") else None
    if images is None or len(images) < 2:
        raise ValueError(
            f"{data.name} keeps no images from training, and C_T needs some: in a recipe data.test_path or "
            "data.limit keeps some"
        )
    for name, fakes, train, unseen in _features(subject, Unseen(data, images)):
        with warnings.catch_warnings():  # an empty cell of few images does not count anyway
            warnings.simplefilter("ignore", UserWarning)
            try:
                found[f"c_t_{name}"] = memorisation.c_t(fakes, unseen, train)
            except ValueError as error:  # no cell has images of all three sets
                subject.absent[f"c_t_{name}"] = str(error)
    return found


def _features(subject: Subject, unseen: Unseen | None) -> Iterator[tuple[str, Tensor, Tensor, Tensor | None]]:
    """Name, fakes', training and unseen images' features of each extractor, on rank 0; a collective."""
    n_real = min(subject.n_real or len(subject.data), len(subject.data))
    options = {"batch_size": subject.batch_size, "device": subject.compute_device, "cache_dir": subject.cache_dir}
    for one in subject.extractors:
        train = reference(subject.data, one, n_real, **options)
        n = None if unseen is None else max(2, min(MOST, subject.n_fake, len(unseen)))
        others = None if unseen is None else reference(unseen, one, n, **options)
        if rank_and_world()[0] == 0:
            fakes = subject.features[one.name][0][: min(MOST, subject.n_fake)]
            if fakes.isfinite().all():
                yield one.name, fakes, train.features, None if others is None else others.features
