"""Adversarial losses: functions of raw logits (N,), each a scalar mean over its batch.

Real and fake logits are averaged separately, so their batches may differ in size. `*_d` is minimised by the
discriminator, `*_g` by the generator.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.ranks import sums


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[relu(1 - D(x))] + E[relu(1 + D(G(z)))]  (Miyato et al. 2018, eq. 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """-E[D(G(z))]  (Miyato et al. 2018, eq. 17)."""
    return -fake.mean()


def nonsaturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigmoid(D(x))] - E[log(1 - sigmoid(D(G(z))))]  (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def nonsaturating_g(fake: Tensor) -> Tensor:
    """-E[log sigmoid(D(G(z)))]  (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def saturating_g(fake: Tensor) -> Tensor:
    """E[log(1 - sigmoid(D(G(z))))]  (Goodfellow et al. 2014, eq. 1)."""
    return -F.softplus(fake).mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(z))] - E[D(x)]  (Arjovsky et al. 2017, arXiv 1701.07875, eq. 3, negated; recalled: unverified).

    D must be kept Lipschitz.
    """
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """-E[D(G(z))]  (Arjovsky et al. 2017, algorithm 1, recalled: unverified)."""
    return -fake.mean()


def gan_qp_g(real: Tensor, fake: Tensor) -> Tensor:
    """E[T(x)] - E[T(G(z))]  (Su 2018, arXiv 1811.07296).

    D's quadratic term stays out: it would pull each fake to the pixels of its partner. T(x) is a constant for G,
    but not in the BiGAN form, where x is encoded.
    """
    return real.mean() - fake.mean()


#: name in recipes -> (discriminator loss, generator loss)
ADVERSARIAL: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "hinge": (hinge_d, hinge_g),
    "nonsaturating": (nonsaturating_d, nonsaturating_g),
    "saturating": (nonsaturating_d, saturating_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}


def unlabelled_d(real: Tensor, fake: Tensor) -> Tensor:
    """1/2 (-E[Z(x)] + E[softplus Z(x)] + E[softplus Z(G(z))]), Z = logsumexp of the class logits (N, C).

    "Real or fake" of a classifier with C logits and an implicit fake class of logit 0 (Salimans et al. 2016;
    as weighted in biuyq/CT-GAN Theano_classifier/CT_CIFAR.py:105-123). Labelled images add the ordinary
    cross-entropy.
    """
    real, fake = real.logsumexp(1), fake.logsumexp(1)
    return 0.5 * (F.softplus(real).mean() - real.mean() + F.softplus(fake).mean())


def check_alike(one: Tensor, other: Tensor) -> None:
    """Raises ValueError where two batches differ in shape: a difference of them would be of every pair."""
    if one.shape != other.shape:
        raise ValueError(f"both batches are of one shape, not {tuple(one.shape)} and {tuple(other.shape)}")


def feature_matching(real: Tensor, fake: Tensor, power: int = 1) -> Tensor:
    """mean_k |mean_i f_ik(real) - mean_i f_ik(fake)|^power of features (N, K)  (Salimans et al. 2016).

    CT-GAN's classifiers take power 1 on CIFAR-10 and 2 on MNIST (CT_CIFAR.py:154-156, CT_MNIST.py:70-94).

    Raises:
        ValueError: for features of different widths.
    """
    check_alike(real[:1], fake[:1])
    return (sums.mean(real) - sums.mean(fake)).abs().pow(power).mean()


def gaussian_kl(mean: Tensor, logstd: Tensor) -> Tensor:
    """KL(N(mean, exp(logstd)^2) || N(0, I)) in nats, (N, K, ...) -> (N, ...), at least float32.

    sum_k [(exp(2 logstd_k) + mean_k^2 - 1) / 2 - logstd_k] over the channels; positions stay apart (Peng et al.
    2019, arXiv 1810.00821, eq. 7-10; as reduced in akanazawa/vgan gan_training/train.py:184-197).
    """
    dtype = torch.promote_types(mean.dtype, torch.float32)
    mean, logstd = mean.to(dtype), logstd.to(dtype)
    return (0.5 * ((2 * logstd).exp() + mean.square() - 1) - logstd).sum(1)


def squared_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """mean_i sum_k (y_ik - x_ik)^2: a sum over all numbers of an image, without 1/2, at least float32.

    As IntroVAE's code reduces it (hhb072/IntroVAE networks.py:146-156); the paper's L_AE is half of it.

    Raises:
        ValueError: for batches that differ in shape.
    """
    check_alike(x, reconstruction)
    dtype = torch.promote_types(reconstruction.dtype, torch.float32)
    return (reconstruction.to(dtype) - x.to(dtype)).square().flatten(1).sum(1).mean()


def introspective_e(real: Tensor, reconstruction: Tensor, sample: Tensor, margin: float, weight: float) -> Tensor:
    """L_adv^E = R + weight / 2 * (max(0, m - R_r) + max(0, m - R_p)) of the mean KLs R of a batch  (IntroVAE).

    The hinges act on the batch's means (hhb072/IntroVAE main.py:186-196); the paper's alpha is weight / 2.

    Args:
        real, reconstruction, sample: scalars, the mean KL of the encoder's posterior to the prior.
        margin: m, the KL from which on fakes count as recognised.
    """
    return real + 0.5 * weight * (F.relu(margin - reconstruction) + F.relu(margin - sample))


def introspective_g(reconstruction: Tensor, sample: Tensor) -> Tensor:
    """L_adv^G = (R_r + R_p) / 2: no weight of the encoder's hinges (hhb072/IntroVAE main.py:207-210)."""
    return 0.5 * (reconstruction + sample)


def squared_distance_d(real: Tensor, fake: Tensor) -> Tensor:
    """E D(x)^2 + 0.1 E (D(G(z)) - 1)^2, LSGAN as PGGAN's App. B tries it: real 0, fake 1 (TH train.py:345-347)."""
    return real.square().mean() + 0.1 * (fake - 1).square().mean()


def squared_distance_g(fake: Tensor) -> Tensor:
    """E D(G(z))^2: the opposite of `squared_distance_d`."""
    return fake.square().mean()


#: name in PGGAN's recipes -> losses of D and G
CRITICS = {"wasserstein": (wasserstein_d, wasserstein_g), "lsgan": (squared_distance_d, squared_distance_g)}


def tanh_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[tanh D(G(z))] - E[tanh D(x)], total variation (LMescheder/TheNumericsOfGANs train.py)."""
    return fake.tanh().mean() - real.tanh().mean()


def tanh_g(fake: Tensor) -> Tensor:
    """-E[tanh D(G(z))] (LMescheder/TheNumericsOfGANs train.py)."""
    return -fake.tanh().mean()


#: name in ConOpt's recipes, as in its official code -> losses of D and G (LMescheder/TheNumericsOfGANs train.py)
GAMES = {
    "standard": (nonsaturating_d, nonsaturating_g),
    "JS": (nonsaturating_d, saturating_g),
    "KL": (nonsaturating_d, wasserstein_g),
    "tv": (tanh_d, tanh_g),
    "indicator": (wasserstein_d, wasserstein_g),
}
