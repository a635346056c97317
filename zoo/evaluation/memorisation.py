"""Does a generator repeat its training images? Nearest neighbours, AuthPct and C_T; none detects it reliably alone.

A generator that returns training images must fire: fakes then lie nearer to the training set than held-out images
do (C_T far below 0), and nearer to a training image than that image's own neighbours do (AuthPct near 0).
"""

import numpy as np
import torch
from torch import Tensor

from zoo.data.images import Images


def nearest(queries: Tensor, rows: Tensor, k: int = 1, chunk: int = 512) -> tuple[Tensor, Tensor]:
    """Distances and places (Q, k) of the k nearest of `rows` (N, D) to each of `queries` (Q, D), nearest first.

    They are found by inner products in float64, and their distances are then taken of the differences, so that a
    copy lies at 0.

    Raises:
        ValueError: for fewer than k rows.
    """
    if len(rows) < k:
        raise ValueError(f"{len(rows)} images have no {k} nearest")
    centre = rows.double().mean(0)  # float32 would lose what tells close images apart
    rows = rows.double() - centre
    squares = rows.square().sum(1)
    distances, places = [], []
    for part in queries.split(chunk):
        part = part.double() - centre
        place = torch.addmm(squares.expand(len(part), -1), part, rows.T, alpha=-2).topk(k, largest=False).indices
        distance = (part[:, None] - rows[place]).norm(dim=2)
        order = distance.argsort(dim=1, stable=True)
        distances.append(distance.gather(1, order))
        places.append(place.gather(1, order))
    return torch.cat(distances), torch.cat(places)


def nearest_images(queries: Tensor, images: Images, k: int, most: int = 100_000, side: int = 64) -> Tensor:
    """Places (Q, k) of the nearest images in pixels to uint8 `queries` (Q, 3, R, R), nearest first.

    Larger images are averaged down to `side` px; of more than `most` images evenly spaced ones are looked at.
    """
    n = len(images)
    index = torch.arange(n) if n <= most else torch.arange(most) * n // most
    factor = max(queries.shape[-1] // side, 1)

    def flat(x: Tensor) -> Tensor:
        x = x.float() if factor == 1 else torch.nn.functional.avg_pool2d(x.float(), factor)
        return x.flatten(1)

    found, places, q = None, None, flat(queries)
    for part in index.split(1000):
        distance, place = nearest(q, flat(images[part][0]), min(k, len(part)))
        place = part[place]
        if found is not None:
            distance, place = torch.cat([found, distance], 1), torch.cat([places, place], 1)
        order = distance.argsort(dim=1, stable=True)[:, :k]
        found, places = distance.gather(1, order), place.gather(1, order)
    return places


def auth_pct(fake: Tensor, train: Tensor) -> float:
    """Percentage of fakes that are authentic (Alaa et al., ICML 2022, section 3.3; dgm-eval).

    A fake is authentic if its nearest training image has another training image nearer to it than the fake.

    Args:
        fake, train: features (N, D) and (M, D).
    """
    distance, place = (x[:, 0] for x in nearest(fake, train))
    own = nearest(train[place], train, 2)[0][:, 1]  # the first is the image itself
    return 100 * (own < distance).double().mean().item()


def c_t(fake: Tensor, held_out: Tensor, train: Tensor, cells: int = 3, seed: int = 0) -> float:
    """C_T (Meehan et al., AISTATS 2020): below 0 if fakes lie nearer to the training images than held-out ones do.

    In each cell of a k-means of the training images the distances to the nearest training image of the cell are
    compared by the Mann-Whitney statistic, as a normal score; cells are weighed by their held-out images. Cells
    without images of all three sets do not count. Beyond -3 is copying by the authors' reading.

    Args:
        fake, held_out, train: features (N, D), (H, D), (M, D).

    Raises:
        ValueError: if no cell has images of all three sets.
    """
    centres = _centres(train, cells, seed)
    places = [torch.cdist(x.double(), centres).argmin(1) for x in (fake, held_out, train)]
    scores, weights = [], []
    for cell in range(cells):
        f, h, t = (x[place == cell] for x, place in zip((fake, held_out, train), places, strict=True))
        if min(len(f), len(h), len(t)) == 0:
            continue
        scores.append(_mann_whitney(nearest(f, t)[0][:, 0].numpy(), nearest(h, t)[0][:, 0].numpy()))
        weights.append(len(h))
    if not scores:
        raise ValueError("C_T needs fakes, held-out and training images in one cell: give more of each")
    return float(np.average(scores, weights=weights))


def _mann_whitney(a: np.ndarray, b: np.ndarray) -> float:
    """Normal score of how often a value of `a` is larger than one of `b`; ties count half."""
    from scipy.stats import rankdata

    n, m = len(a), len(b)
    u = rankdata(np.concatenate([a, b]))[:n].sum() - n * (n + 1) / 2
    return float((u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def _centres(rows: Tensor, cells: int, seed: int) -> Tensor:
    from scipy.cluster.vq import kmeans2

    found, _ = kmeans2(rows.double().numpy(), cells, minit="++", seed=seed)
    return torch.from_numpy(found)
