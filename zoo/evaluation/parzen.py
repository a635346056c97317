"""Log-likelihood of images under a Parzen window around samples, the measure of the first GAN papers.

After goodfeli/adversarial @ 1720041, parzen_ll.py ("B"). It says little about samples (Theis et al. 2016), but it
is the one number that those papers give.
"""

import math

import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.data.order import subset
from zoo.engine.gan import GAN

#: widths that are tried, on images held out of the score (B: 10 values on a logarithmic scale, 0.1 to 1)
SIGMAS = torch.logspace(-1, 0, 10, dtype=torch.float64)
BLOCK = 100  # images in one block of distances


def log_likelihoods(x: Tensor, samples: Tensor, sigma: float) -> Tensor:
    """log p(x_i), (N,) float64 in nats: log mean_j exp(-|x_i - s_j|^2 / (2 sigma^2)) - d log(sigma sqrt(2 pi)).

    Args:
        x: (N, ...) in [0, 1].
        samples: (M, ...) in [0, 1], of the same d numbers each.
        sigma: width of the window.
    """
    x, samples = x.flatten(1).double(), samples.flatten(1).double()
    constant = math.log(len(samples)) + x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    blocks = [torch.cdist(part, samples).square() for part in x.split(BLOCK)]
    return torch.cat([(-b / (2 * sigma**2)).logsumexp(1) for b in blocks]) - constant


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean, and standard deviation (divisor n) over sqrt(n)."""
    return values.mean().item(), (values.std(correction=0) / math.sqrt(len(values))).item()


def choose_sigma(x: Tensor, samples: Tensor) -> float:
    """The width of `SIGMAS` under which x is likeliest."""
    return max(SIGMAS.tolist(), key=lambda sigma: log_likelihoods(x, samples, sigma).mean().item())


def of_data(gan: GAN, data: ImageDataModule, n_samples: int = 10_000) -> dict[str, float | str]:
    """`parzen_ll`, its standard error and the width, over test images where the data set has some.

    Without test images, training ones are scored. sigma is chosen on 1,000 training images, in B on the first 1,000
    of the last 10,000, which training does not see. At most as many samples are drawn as there are training images,
    so that a small trial stays small; each is of a class drawn uniformly.
    """
    n = min(n_samples, len(data.opened))
    blocks = [gan.sample(min(256, n - start), start=start) for start in range(0, n, 256)]
    samples = gray((torch.cat(blocks).cpu().float().clamp(-1, 1) + 1) / 2, gan)
    valid = data.opened[subset(len(data.opened), 1000)][0]
    test = data.test_images()
    test = data.opened if test is None else test
    x = test[subset(len(test), n_samples)][0]
    sigma = choose_sigma(gray(valid / 255, gan), samples)
    mean, error = mean_and_error(log_likelihoods(gray(x / 255, gan), samples, sigma))
    return {"parzen_ll": mean, "parzen_ll_sem": error, "parzen_sigma": sigma}


def gray(images: Tensor, gan: GAN) -> Tensor:
    """Three equal colours count once."""
    return images[:, : gan.pixels.channels]
