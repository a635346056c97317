"""What a trained discriminator is like: whom it believes, how steep it is, what its weights and its code hold.

Extras for the papers that speak of their discriminators: `--evaluation.extras '[judgement, spectra]'`.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from zoo.data.floats import to_float
from zoo.engine.collapse import top_singular_values
from zoo.evaluation.distributed import rank_and_world
from zoo.evaluation.subject import Subject
from zoo.networks.modes import evaluating

#: images of each kind that a discriminator is asked about, at most
N = 1000
#: where a spectrum is read, as shares of its length
QUANTILES = tuple(k / 10 for k in range(11))


def in_batches(images: Tensor, labels: Tensor | None, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    for start in range(0, len(images), size):
        yield images[start : start + size], None if labels is None else labels[start : start + size]


def asked(subject: Subject, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """D's logits (N,) of uint8 images and the L2 norms of their gradients by D's input, in eval mode."""
    gan, logits, slopes = subject.gan, [], []
    size = max(subject.batch_size // gan.stage.block, 1) * gan.stage.block
    with evaluating(gan.D), torch.enable_grad():
        for part, y in in_batches(images, labels if gan.n_classes else None, size):
            x = gan.to_native(to_float(part.to(gan.device), 127.5, 0.0, False, None)).requires_grad_()
            out = gan.D(x, None if y is None else y.to(gan.device))
            (gradient,) = torch.autograd.grad(out.sum(), x)
            logits.append(out.detach().cpu())
            slopes.append(gradient.flatten(1).norm(dim=1).cpu())
    return torch.cat(logits), torch.cat(slopes)


def judgement(subject: Subject) -> dict[str, float]:
    """D on training images, fakes and, where the data's `limit` or its test set gives some, held-out images.

    `d_accuracy`: mean share of training images with a logit above 0 and of fakes with one below. `d_slope`: mean
    norm of the logit's gradient at training images. `d_margin`: mean logit of training images less that of fakes;
    `d_gap`: less that of held-out images, and `d_overfit` the latter over the former, which no scale of D changes:
    0 for a D that has learnt nothing by heart, 1 for one that takes held-out images for fakes.

    Raises:
        ValueError: for a model whose D gives no logits.
    """
    if not hasattr(subject.gan, "D") or hasattr(subject.gan.D, "reparametrize"):
        raise ValueError("judgement needs a model with a discriminator of logits")
    if rank_and_world()[0]:
        return {}
    block = subject.gan.stage.block  # a score may be of several images
    n = min(N, subject.n_fake, len(subject.data)) // block * block
    if not n:
        raise ValueError(f"judgement needs {block} images, which this D scores together")
    batches = list(subject.data.batches(subject.batch_size, limit=n))
    labels = None if batches[0][1] is None else torch.cat([y for _, y in batches])
    real, slopes = asked(subject, torch.cat([x for x, _ in batches]), labels)
    fake, _ = asked(subject, torch.cat(list(subject.all_fakes(n))).cpu(), subject.labels(n))
    found = {
        "d_accuracy": ((real > 0).float().mean().item() + (fake < 0).float().mean().item()) / 2,
        "d_slope": slopes.mean().item(),
        "d_margin": (real.mean() - fake.mean()).item(),
    }
    others = subject.data.held_out() or subject.data.test_images()
    if others is not None and len(others) >= block:
        images, y = others[torch.arange(min(n, len(others)) // block * block)]
        found["d_gap"] = (real.mean() - asked(subject, images, y)[0].mean()).item()
        found["d_overfit"] = found["d_gap"] / found["d_margin"] if found["d_margin"] else 0.0
    return found


def effective_rank(singular_values: Tensor) -> float:
    """exp of the entropy of the squared values' shares, over their number: 1 for equal ones, 1/n for one alone."""
    share = singular_values.double().square()
    share = share[share > 0] / share.sum()
    return (-(share * share.log()).sum()).exp().item() / len(singular_values)


def spectra(subject: Subject) -> dict[str, float]:
    """Squared singular values of D's layers over the largest (SNGAN's figure), and `sv_rank`, their effective rank.

    `sv_rank_LAYER` of each layer with a matrix and more than one output unit, `sv_LAYER_q` the squared value at the
    share q of the spectrum, from the largest down. Weights are those that act (weight norm's, not what it is
    made of); a factor on all of them, which spectral norm is, changes none of these numbers.

    Raises:
        ValueError: for a model without a discriminator, or a weight that is not finite or all zero.
    """
    if not hasattr(subject.gan, "D"):
        raise ValueError("spectra need a model with a discriminator")
    found, ranks = {}, []
    for name, layer in subject.gan.D.named_modules():
        if not isinstance(layer, (nn.Conv2d, nn.Linear)) or layer.weight.shape[0] == 1:
            continue
        values = torch.linalg.svdvals(layer.weight.detach().flatten(1).double())
        if not values.isfinite().all() or not values[0]:
            raise ValueError(f"the weight of D's layer {name} is not finite or all zero")
        ranks.append(effective_rank(values))
        found[f"sv_rank_{name}"] = ranks[-1]
        for q in QUANTILES:
            value = values[round(q * (len(values) - 1))] / values[0]
            found[f"sv_{name}_{q:.1f}"] = value.square().item()
    return {"sv_rank": sum(ranks) / len(ranks)} | found


def sigmas(subject: Subject) -> dict[str, float]:
    """`sigma_g_LAYER` and `sigma_d_LAYER`: the largest singular value of each raw weight of the trained G and of D.

    Before any spectral normalisation, as `CollapseWatch` logs them (Brock et al. 2019, its figures of collapse).

    Raises:
        ValueError: for a model without networks, or a weight that is not finite.
    """
    found = {}
    for name, net in (("g", getattr(subject.gan, "G", None)), ("d", getattr(subject.gan, "D", None))):
        if net is None:
            raise ValueError("sigmas need a model with networks G and D")
        for layer, values in top_singular_values(net, 1).items():
            if not values.isfinite().all():
                raise ValueError(f"the weight {layer} of {name.upper()} is not finite")
            found[f"sigma_{name}_{layer}"] = values[0].item()
    return found


def information(subject: Subject) -> dict[str, float]:
    """What VGAN's code holds: `kl` in nats of a position, mean over training images and fakes; `bits` of an image.

    Raises:
        ValueError: for a model without a bottleneck.
    """
    gan = subject.gan
    if not hasattr(getattr(gan, "D", None), "logits_and_kl"):
        raise ValueError("information needs a discriminator with a bottleneck")
    if rank_and_world()[0]:
        return {}
    n = min(N, subject.n_fake, len(subject.data))
    reals = torch.cat([x for x, _ in subject.data.batches(subject.batch_size, limit=n)])
    fakes = torch.cat(list(subject.all_fakes(n))).cpu()
    means, positions = [], 1
    with evaluating(gan.D), torch.no_grad():
        for images in (reals, fakes):
            kls = []
            for part, _ in in_batches(images, None, subject.batch_size):
                kl = gan.D.logits_and_kl(to_float(part.to(gan.device), 127.5, 0.0, False, None), None)[1]
                positions = kl[0].numel() if kl.ndim > 1 else 1
                kls.append(kl.mean().item() * len(part))
            means.append(sum(kls) / n)
    kl = sum(means) / 2
    return {"kl": kl, "bits": kl * positions / math.log(2), "beta": float(gan.beta)}
