import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.evaluation.metrics import (
    Moments,
    frechet_distance,
    frechet_of_features,
    inception_score,
    intra_frechet,
    kid,
    mean_cov,
    prdc,
)


def _rotation(d: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.RandomState(seed).normal(size=(d, d)))[0]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 12))
def test_frechet_distance_of_commuting_covariances(seed, d):
    """S1 = Q diag(a) Q', S2 = Q diag(b) Q': the distance is |mu1 - mu2|^2 + sum (sqrt a - sqrt b)^2."""
    rng = np.random.RandomState(seed)
    q, a, b = _rotation(d, seed), rng.uniform(0.1, 4, d), rng.uniform(0.1, 4, d)
    mu1, mu2 = rng.normal(size=d), rng.normal(size=d)
    expected = ((mu1 - mu2) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(mu1, q * a @ q.T, mu2, q * b @ q.T) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("rows", "digits"), [(500, 1e-9), (10, 1e-6)])
def test_frechet_distance_is_torch_fidelitys(rows, digits):
    """Also with fewer rows than features, where the eigenvalues that should be zero are noise in both."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    rng = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 40, generator=rng).double() @ torch.randn(40, 40, generator=rng).double()
    y = torch.randn(rows, 40, generator=rng).double() + 1
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    ours = frechet_distance(*mean_cov(x), *mean_cov(y))
    assert ours == pytest.approx(theirs["frechet_inception_distance"], rel=digits)


def test_frechet_distance_of_singular_covariances_is_finite():
    d, kept = 64, 5
    q = _rotation(d, 0)
    a, b = np.zeros(d), np.zeros(d)
    a[:kept], b[:kept] = 4, 1
    mu = np.zeros(d)
    assert frechet_distance(mu, q * a @ q.T, mu, q * b @ q.T) == pytest.approx(kept, abs=1e-5)
    assert frechet_distance(mu, q * a @ q.T, mu, q * a @ q.T) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(mu, np.zeros((d, d)), mu + 1, np.zeros((d, d))) == pytest.approx(d)


def test_frechet_distance_refuses_what_it_cannot_compute():
    one, eye = np.zeros(2), np.eye(2)
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(one, eye * np.nan, one, eye)
    with pytest.raises(ValueError, match="one D"):
        frechet_distance(one, eye, np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="at least 2 images"):
        mean_cov(torch.randn(1, 4))


@settings(deadline=None, max_examples=20)
@given(n=st.integers(2, 60), chunk=st.integers(1, 70), seed=st.integers(0, 1000))
def test_moments_do_not_depend_on_how_rows_arrive(n, chunk, seed):
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)) + 3
    halves = Moments(), Moments()
    for k, rows in enumerate(x.split(chunk)):
        halves[k % 2].add(rows)
    halves[0].merge(halves[1])
    mean, cov = halves[0].mean_cov()
    np.testing.assert_allclose(mean, x.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(cov, np.cov(x.double().numpy(), rowvar=False), rtol=1e-9, atol=1e-12)


def test_inception_score_of_certain_and_of_uniform_predictions():
    classes = torch.arange(40) % 4
    certain = torch.nn.functional.one_hot(classes, 4) * 100.0
    assert inception_score(certain, 1)[0] == pytest.approx(4)
    assert inception_score(torch.zeros(40, 4), 10) == pytest.approx((1, 0))
    # p(y|x) = (3/4, 1/4) or its mirror, p(y) = 1/2: the score is exp(log 2 - H(1/4))
    logits = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)]]).repeat(50, 1)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert inception_score(logits, 1)[0] == pytest.approx(2 * math.exp(-entropy))
    by_class = certain[classes.argsort()]  # each part of a sorted list holds one class
    assert inception_score(by_class, 4, shuffle=False)[0] == pytest.approx(1)
    assert inception_score(by_class, 4)[0] > 2


def test_inception_score_refuses():
    with pytest.raises(ValueError, match="do not make 10 splits"):
        inception_score(torch.zeros(9, 4), 10)
    with pytest.raises(ValueError, match="not finite"):
        inception_score(torch.full((20, 4), torch.nan), 2)


def test_kid_is_the_unbiased_mmd_of_the_cubic_kernel():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 6, generator=rng).double(), torch.randn(30, 6, generator=rng).double() + 1

    def kernel(a, b):
        return (a @ b.T / 6 + 1) ** 3

    n = 30  # one subset of everything: no choice is left to the subsets' seed
    expected = sum((kernel(a, a).sum() - kernel(a, a).trace()) / (n * (n - 1)) for a in (x, y))
    expected -= 2 * kernel(x, y).mean()
    assert kid(x, y, subsets=1, subset_size=n)[0] == pytest.approx(float(expected), rel=1e-10)


def test_kid_refuses_subsets_larger_than_the_set():
    with pytest.raises(ValueError, match="KID cannot draw 20"):
        kid(torch.randn(10, 3), torch.randn(30, 3), subset_size=20)


@pytest.mark.parametrize(("n", "m"), [(5, 9), (30, 7), (40, 50)])
def test_frechet_of_features_is_that_of_their_moments(n, m):
    rng = torch.Generator().manual_seed(n)
    x, y = torch.randn(n, 12, generator=rng).double(), 2 * torch.randn(m, 12, generator=rng).double() + 1
    assert frechet_of_features(x, y) == pytest.approx(frechet_distance(*mean_cov(x), *mean_cov(y)), rel=1e-7)


def test_intra_class_distance_is_the_mean_over_classes():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 4, generator=rng), torch.randn(90, 4, generator=rng) + 1
    a, b = torch.arange(60) % 3, torch.arange(90) % 3
    value, smallest, within = intra_frechet(x, a, y, b)
    assert value == pytest.approx(sum(within.values()) / len(within))
    assert value == pytest.approx(np.mean([frechet_of_features(x[a == c], y[b == c]) for c in range(3)]))
    assert smallest == 20
    with pytest.raises(ValueError, match="class 2 has 0 fakes"):
        intra_frechet(x, a % 2, y, b)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), n=st.integers(7, 40), m=st.integers(7, 40), chunk=st.integers(1, 50))
def test_prdc_is_the_definition_written_out(seed, n, m, chunk):
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.randn(n, 3, generator=rng).double(), torch.randn(m, 3, generator=rng).double() * 1.3 + 0.3

    def distance(a, b):
        return (a[:, None] - b[None]).square().sum(-1).sqrt()

    rx, ry = distance(x, x).sort(1).values[:, 3], distance(y, y).sort(1).values[:, 3]
    r5 = distance(y, y).sort(1).values[:, 5]
    d = distance(y, x)  # real by fake
    expected = {
        "precision": (d <= ry[:, None]).any(0).double().mean().item(),
        "recall": (d <= rx[None]).any(1).double().mean().item(),
        "density": (d < r5[:, None]).sum().item() / (5 * n),
        "coverage": (d < r5[:, None]).any(1).double().mean().item(),
    }
    assert prdc(x, y, chunk=chunk) == pytest.approx(expected, rel=1e-12)


def test_precision_and_recall_are_torch_fidelitys():
    from torch_fidelity.metric_prc import prc_features_to_metric

    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(150, 8, generator=rng), torch.randn(200, 8, generator=rng) + 0.5
    theirs = prc_features_to_metric(x, y, prc_neighborhood=3, prc_batch_size=64, save_cpu_ram=True, verbose=False)
    ours = prdc(x, y, chunk=33)
    assert (ours["precision"], ours["recall"]) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)
    assert 0 < ours["precision"] < 1


def test_prdc_of_extremes():
    rng = torch.Generator().manual_seed(0)
    y = torch.randn(50, 4, generator=rng)
    same = prdc(y, y)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    far = prdc(y + 100, y)
    assert set(far.values()) == {0}
    collapsed = prdc(y[:1].repeat(50, 1), y)
    assert collapsed["precision"] == 1
    assert collapsed["recall"] == pytest.approx(1 / 50)
    with pytest.raises(ValueError, match="5 fakes and 50 reals"):
        prdc(y[:5], y)
    with pytest.raises(ValueError, match="not finite"):
        prdc(y * torch.nan, y)


def test_kid_of_no_subset_or_of_features_that_do_not_fit_is_told():
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    for fake, subsets in ((x, 0), (x[:, :2], 5), (x * math.nan, 5)):
        with pytest.raises(ValueError, match=r"KID takes at least one subset, not .* of finite features"):
            kid(fake, x, subsets, 4)
