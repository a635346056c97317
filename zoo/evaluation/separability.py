"""Linear separability of a latent space (Karras, Laine, Aila 2019, arXiv 1812.04948, Tables 3 and 4).

How well one hyperplane per attribute (smiling, glasses, ...) divides the latents of images with it from those
without, as in NVlabs/stylegan @ 1e0d5c7, metrics/linear_separability.py ("N"). The paper labels images by 40 CelebA
classifiers, whose weights are a download: here their logits are an argument.
"""

import numpy as np
from numpy.typing import ArrayLike

from zoo.options.bar import track


def entropy(table: ArrayLike) -> float:
    """-sum p log2 p in bits of a table of any shape, divided by its sum; empty cells count nothing."""
    p = np.asarray(table, np.float64)
    p = p[p > 0] / p.sum()
    return float(-(p * np.log2(p)).sum())


def mutual_information(table: ArrayLike) -> float:
    """I(X; Y) in bits of a joint table (X values, Y values)."""
    p = np.asarray(table, np.float64)
    return entropy(p.sum(0)) + entropy(p.sum(1)) - entropy(p)


def conditional_entropy(table: ArrayLike) -> float:
    """H(Y | X) in bits of a joint table (X values, Y values), not below 0: what X leaves unknown of Y."""
    return max(0.0, entropy(np.asarray(table).sum(0)) - mutual_information(table))


def separability_score(conditional_entropies: ArrayLike) -> float:
    """2^(sum of H(Y_i | X_i) in bits), the paper's exp of the sum in nats; 1 is perfect."""
    return float(2 ** np.sum(conditional_entropies))


def predictions(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Side (N,) bool of the hyperplane of a linear SVM (scikit-learn's defaults); labels that are all equal."""
    try:
        from sklearn.svm import LinearSVC
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("linear separability needs scikit-learn: pip install scikit-learn") from error

    if labels.all() or not labels.any():
        return labels
    return LinearSVC(random_state=0).fit(codes, labels).predict(codes).astype(bool)


def linear_separability(codes: ArrayLike, logits: ArrayLike, keep: int = 100_000) -> float:
    """2^(sum over attributes of H(label | side of the hyperplane)) (N).

    For each attribute the `keep` images of which its classifier is surest are kept, of 200,000 in the paper; a
    linear SVM learns to tell their labels from their codes, and its answers on these very codes are X.

    Args:
        codes: latents z or w of the images, (N, D).
        logits: classifiers' logits of the same images, (N, attributes), positive for "has it".
        keep: images kept for each attribute; all if there are fewer.

    Raises:
        ValueError: if codes and logits are not of the same images.
        ModuleNotFoundError: without scikit-learn.
    """
    codes, logits = np.asarray(codes), np.asarray(logits)
    if logits.ndim != 2 or len(codes) != len(logits):
        raise ValueError(f"codes {codes.shape} and logits {logits.shape} are not of the same images")
    unknown = []
    for logit in track(logits.T, logits.shape[1], what="attributes"):
        surest = np.argsort(-np.abs(logit), kind="stable")[:keep]
        label = logit[surest] > 0
        side = predictions(codes[surest], label)
        table = [[np.sum((side == x) & (label == y)) for y in (True, False)] for x in (True, False)]
        unknown.append(conditional_entropy(table))
    return separability_score(unknown)
