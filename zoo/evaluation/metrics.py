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

    Singular covariances (fewer images than features) are fine: the trace of the root is the sum of the roots
    of the eigenvalues of S1 S2, as in torch-fidelity and torchmetrics. It is written out here because
    torch-fidelity's goes through numpy, whose eigenvalues ignore `torch.set_num_threads` and took ten times as
    long on a busy machine. What rounding leaves below zero is reported as 0.

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
    root = torch.linalg.eigvals(torch.from_numpy(s1 @ s2)).sqrt().real.sum().item()
    return max(float(((mu1 - mu2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * root), 0.0)


def inception_score(logits: Tensor, splits: int = 10, shuffle: bool = True) -> tuple[float, float]:
    """exp E_x KL(p(y|x) || p(y)), mean and standard deviation over `splits` equal parts of the rows.

    Rows are shuffled by a fixed seed first, as torch-fidelity does, so that an order by class does no harm.

    Args:
        logits: (N, K), without the bias of the last layer as in the TensorFlow code of the metric.
        shuffle: False takes the rows as they come, as the TensorFlow code does.

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
        ValueError: if the subsets are larger than a set or smaller than two.
    """
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

    if not 2 <= subset_size <= min(len(fake), len(real)):
        raise ValueError(
            f"KID cannot draw {subset_size} images from {len(fake)} fakes and {len(real)} reals: choose 2 or "
            "more, and no more than there are"
        )
    distance = kid_features_to_metric(
        fake.double(), real.double(), kid_subsets=subsets, kid_subset_size=subset_size, verbose=False
    )
    return distance[KEY_METRIC_KID_MEAN], distance[KEY_METRIC_KID_STD]
