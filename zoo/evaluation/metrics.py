"""Metrics as functions of features, in float64: the definitions are torch-fidelity's."""

import numpy as np
import torch
from torch import Tensor


class Moments:
    """Mean and covariance of feature rows, accumulated in float64 so that sets of any size fit."""

    def __init__(self) -> None:
        self.n = 0
        self.total: Tensor | float = 0.0  # (D,) sum of x
        self.outer: Tensor | float = 0.0  # (D, D) sum of x x^T

    def add(self, features: Tensor) -> None:
        """Count the rows of `features` (n, D)."""
        x = features.detach().cpu().double()
        self.n += len(x)
        self.total = self.total + x.sum(0)
        self.outer = self.outer + x.T @ x

    def merge(self, other: "Moments") -> None:
        """Count the rows that `other` counted."""
        self.n += other.n
        self.total = self.total + other.total
        self.outer = self.outer + other.outer

    def mean_cov(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (D,) and unbiased covariance (D, D).

        Raises:
            ValueError: for fewer than two rows, which have no covariance.
        """
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 images, not {self.n}")
        mean = self.total / self.n
        cov = (self.outer - self.n * torch.outer(mean, mean)) / (self.n - 1)
        return mean.numpy(), cov.numpy()


def mean_cov(features: Tensor, chunk: int = 8192) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and unbiased covariance (D, D) of `features` (N, D), in float64."""
    moments = Moments()
    for rows in features.split(chunk):
        moments.add(rows)
    return moments.mean_cov()


def frechet_distance(mu1: np.ndarray, s1: np.ndarray, mu2: np.ndarray, s2: np.ndarray) -> float:
    """||mu1 - mu2||^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), the Frechet distance of two Gaussians (TTUR, eq. 6).

    The trace of the root is that of (S1^(1/2) S2 S1^(1/2))^(1/2), a symmetric matrix: its eigenvalues are real, so
    that singular covariances (fewer images than features, or a collapsed generator) give a number and never NaN.
    The value is torch-fidelity's and the official fid.py's up to rounding; theirs goes through the eigenvalues of a
    matrix without symmetry, which take ten times as long. What rounding leaves below zero is reported as 0.

    Raises:
        ValueError: if a mean or covariance is not finite, or the shapes do not fit.
    """
    mu1, s1, mu2, s2 = (np.asarray(a, dtype=np.float64) for a in (mu1, s1, mu2, s2))
    if mu1.ndim != 1 or mu1.shape != mu2.shape or s1.shape != s2.shape or s1.shape != (len(mu1), len(mu1)):
        raise ValueError(
            f"two means (D,) and covariances (D, D) of one D are needed, not {mu1.shape} {s1.shape} and "
            f"{mu2.shape} {s2.shape}"
        )
    if not all(np.isfinite(a).all() for a in (mu1, s1, mu2, s2)):
        raise ValueError("the Frechet distance of means or covariances that are not finite is not defined")
    values, vectors = torch.linalg.eigh(torch.from_numpy(s1))
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    middle = root @ torch.from_numpy(s2) @ root
    trace = torch.linalg.eigvalsh((middle + middle.T) / 2).clamp_min(0).sqrt().sum().item()
    return max(float(((mu1 - mu2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * trace), 0.0)


def frechet_of_features(x: Tensor, y: Tensor) -> float:
    """`frechet_distance` of the Gaussians of two feature sets (N, D) and (M, D).

    With fewer rows than features the trace of the root is the sum of the singular values of the (N, M) matrix of
    centred inner products: exact, and much cheaper than (D, D) eigenvalues, which matters over 1000 classes.

    Raises:
        ValueError: for fewer than two rows, or features that are not finite.
    """
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ValueError(f"a covariance needs at least 2 images, not {min(n, m)}")
    if min(n, m) >= x.shape[1]:
        return frechet_distance(*mean_cov(x), *mean_cov(y))
    x, y = x.double(), y.double()
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("the Frechet distance of features that are not finite is not defined")
    means = x.mean(0), y.mean(0)
    a, b = (x - means[0]) / (n - 1) ** 0.5, (y - means[1]) / (m - 1) ** 0.5
    trace = torch.linalg.svdvals(a @ b.T).sum()
    return max(float((means[0] - means[1]).square().sum() + a.square().sum() + b.square().sum() - 2 * trace), 0.0)


def intra_frechet(
    fake: Tensor, fake_labels: Tensor, real: Tensor, real_labels: Tensor
) -> tuple[float, int, dict[int, float]]:
    """Mean over the classes of the reals of the Frechet distance within the class (projection discriminator paper).

    Args:
        fake, real: features (N, D) and (M, D).
        fake_labels, real_labels: classes (N,) and (M,).

    Returns:
        the mean, the size of the smallest class of either set, and the distance within each class.

    Raises:
        ValueError: naming a class with fewer than two fakes or reals.
    """
    distances, smallest = {}, len(fake)
    for c in real_labels.unique().tolist():
        x, y = fake[fake_labels == c], real[real_labels == c]
        if min(len(x), len(y)) < 2:
            raise ValueError(f"class {c} has {len(x)} fakes and {len(y)} reals: at least 2 of each are needed")
        smallest = min(smallest, len(x), len(y))
        distances[c] = frechet_of_features(x, y)
    return float(np.mean(list(distances.values()))), smallest, distances


def inception_score(logits: Tensor, splits: int = 10, shuffle: bool = True) -> tuple[float, float]:
    """exp E_x KL(p(y|x) || p(y)), mean and (population) standard deviation over `splits` equal parts of the rows.

    Args:
        logits: (N, K), without the bias of the last layer as in the TensorFlow code of the metric.
        shuffle: shuffle rows by a fixed seed first, as torch-fidelity does, so that an order by class does no harm;
            the official code (2016) takes the rows in the order of generation.

    Raises:
        ValueError: for fewer rows than splits, or logits that are not finite.
    """
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

    if not 1 <= splits <= len(logits):
        raise ValueError(f"{len(logits)} images do not make {splits} splits of an Inception Score")
    if not logits.isfinite().all():
        raise ValueError("the Inception Score of logits that are not finite is not defined")
    score = isc_features_to_metric(logits.cpu(), splits=splits, shuffle=shuffle)
    return score[KEY_METRIC_ISC_MEAN], score[KEY_METRIC_ISC_STD]


def kid(fake: Tensor, real: Tensor, subsets: int = 100, subset_size: int = 1000) -> tuple[float, float]:
    """Unbiased MMD^2 with kernel (x.y / D + 1)^3, mean and standard deviation over random subsets of a fixed seed.

    Args:
        fake, real: features (N, D) and (M, D).

    Raises:
        ValueError: if the subsets are none, larger than a set or smaller than two, or features are not finite or of
            different lengths.
    """
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

    if not 2 <= subset_size <= min(len(fake), len(real)):
        raise ValueError(
            f"KID cannot draw {subset_size} images from {len(fake)} fakes and {len(real)} reals: choose 2 or "
            "more, and no more than there are"
        )
    if subsets < 1 or fake.shape[1:] != real.shape[1:] or not (fake.isfinite().all() and real.isfinite().all()):
        raise ValueError(
            f"KID takes at least one subset, not {subsets}, of finite features of one length, not "
            f"{tuple(fake.shape)} and {tuple(real.shape)}"
        )
    distance = kid_features_to_metric(
        fake.double(), real.double(), kid_subsets=subsets, kid_subset_size=subset_size, verbose=False
    )
    return distance[KEY_METRIC_KID_MEAN], distance[KEY_METRIC_KID_STD]


def prdc(
    fake: Tensor,
    real: Tensor,
    k: int = 3,
    k_density: int = 5,
    chunk: int = 1024,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Improved precision and recall, and density and coverage, from one walk over the distances.

    Precision (recall) is the share of fakes (reals) inside the ball of any real (fake), whose radius is the
    distance to its k-th neighbour in its own set (Kynkaanniemi 2019, eq. 1-2; k = 3, as in torch-fidelity). Density
    counts for each fake the balls of reals it lies in, over k; coverage is the share of reals whose ball holds a
    fake (Naeem 2020, eq. 4-5; k = 5, strictly inside as in the authors' code).
    Only `chunk` rows of a distance matrix exist at a time: (chunk, N) float64, 0.4 GB at N = 50,000.

    Args:
        fake, real: features (N, D) and (M, D).
        device: where distances are computed.

    Raises:
        ValueError: if a set has not more rows than the larger k, or features are not finite.
    """
    most = max(k, k_density)
    if min(len(fake), len(real)) <= most:
        raise ValueError(f"{len(fake)} fakes and {len(real)} reals: precision and recall need over {most} each")
    if not (fake.isfinite().all() and real.isfinite().all()):
        raise ValueError("precision and recall of features that are not finite are not defined")
    centre = real.double().mean(0)  # distances between close points lose fewest digits near the origin
    fake, real = ((x.to(device).double() - centre.to(device)) for x in (fake, real))

    def radii(x: Tensor) -> Tensor:  # squared distances to the neighbours 1..most, (n, most)
        rows = [_squared_distances(part, x).topk(most + 1, largest=False).values[:, 1:] for part in x.split(chunk)]
        return torch.cat(rows)

    real_radii, fake_radii = radii(real), radii(fake)
    precise = torch.zeros(len(fake), dtype=torch.bool, device=device)
    recalled = covered = inside = 0
    for part, radius in zip(real.split(chunk), real_radii.split(chunk), strict=True):
        d = _squared_distances(part, fake)
        precise |= (d <= radius[:, k - 1 : k]).any(0)
        recalled += int((d <= fake_radii[:, k - 1]).any(1).sum())
        within = d < radius[:, k_density - 1 : k_density]
        inside += int(within.sum())
        covered += int(within.any(1).sum())
    return {
        "precision": precise.double().mean().item(),
        "recall": recalled / len(real),
        "density": inside / (k_density * len(fake)),
        "coverage": covered / len(real),
    }


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    d = torch.addmm(y.square().sum(1).expand(len(x), -1), x, y.T, alpha=-2)
    return d.add_(x.square().sum(1, keepdim=True)).clamp_min_(0)


def evenly(rows: Tensor, n: int) -> Tensor:
    """n of the rows, or all if they are fewer, at equal steps: a set may be sorted by class."""
    return rows if len(rows) <= n else rows[torch.arange(n) * len(rows) // n]
