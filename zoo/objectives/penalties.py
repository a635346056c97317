"""Gradient and consistency penalties: functions of tensors, each a scalar mean over its batch, without a weight.

The factor belongs to the training step, where it can be seen: public codes differ in it. Compute the network's
outputs outside autocast when a penalty follows: its second derivative needs float32.
"""

import torch
from torch import Tensor

from zoo.objectives.divergences import Divergence
from zoo.objectives.losses import check_alike
from zoo.ranks import share


def one_each(scores: Tensor, images: Tensor) -> Tensor:
    """Scores (N,) or (N, 1, ...) of N images as (N,): beside numbers (N,) the latter would be taken as N x N.

    Raises:
        ValueError: for another number of them.
    """
    n = len(images) if images.ndim else 1
    if scores.numel() != n:
        mend = "average those of an image" if scores.numel() > n else "take no mean over the batch"
        raise ValueError(f"one score for each image is taken, (N,) of N = {n}, not {tuple(scores.shape)}: {mend}")
    return scores.flatten()


def mean_square(one: Tensor, other: Tensor) -> Tensor:
    """mean_k (a_ik - b_ik)^2 of (N, ...) alike, (N,); raises ValueError where they are not."""
    check_alike(one, other)
    return (one - other).square().flatten(1).mean(1)


def input_gradient(logits: Tensor, x: Tensor) -> Tensor:
    """d(sum of logits)/dx as (N, numbers of one image), itself differentiable, at least float32.

    Args:
        logits: (N,), or fewer where each judges several images together.
        x: (N, ...) that requires a gradient and led to the logits.

    Raises:
        ValueError: for more logits than images, their mean, or logits that do not follow from x.
    """
    if logits.numel() > len(x) or (not logits.ndim and len(x) > 1):
        mend = "average those of an image" if logits.ndim else "take no mean over the batch"
        raise ValueError(f"a slope takes one score an image, not {tuple(logits.shape)} of {len(x)} images: {mend}")
    gradient = None
    if x.requires_grad and logits.requires_grad:
        whole = logits.sum()  # a stand-in's must not reach the others' images through batch norm
        whole = whole if share.present() else 0 * whole
        (gradient,) = torch.autograd.grad(whole, x, create_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the scores do not follow from these images, so they have no slope in them: call x.requires_grad_(), "
            "then D(x) on that same x, without no_grad"
        )
    return gradient.flatten(1).to(torch.promote_types(gradient.dtype, torch.float32))


def between(real: Tensor, fake: Tensor, alpha: Tensor | None = None) -> Tensor:
    """real + alpha (fake - real), where WGAN-GP holds the slope; a leaf that requires a gradient.

    Args:
        real, fake: (N, ...) alike (Gulrajani et al. 2017, algorithm 1, line 6).
        alpha: (N,) or (N, 1); None draws it from U(0, 1) for each image.

    Raises:
        ValueError: for batches that differ in shape, or another number of alphas than images.
    """
    check_alike(real, fake)
    if alpha is None:
        alpha = share.rand(real.new_empty(len(real)))
    if alpha.numel() != len(real):
        raise ValueError(f"alpha takes one number for each of {len(real)} images, not {tuple(alpha.shape)}")
    alpha = alpha.view(-1, *[1] * (real.ndim - 1))
    return (real + alpha * (fake - real)).detach().requires_grad_()


def wgan_gp(logits: Tensor, x: Tensor) -> Tensor:
    """mean_i (||d logit_i / d x_i||_2 - 1)^2  (Gulrajani et al. 2017, arXiv 1704.00028, eq. 3, without lambda).

    Args:
        logits: critic's scores of x, (N,).
        x: points on lines from real to fake images, as `between` draws them.
    """
    norms = torch.linalg.vector_norm(input_gradient(logits, x), dim=1)  # its gradient at 0 is 0, not NaN
    return (norms - 1).square().mean()


def r1(logits: Tensor, real: Tensor) -> Tensor:
    """mean_i ||d logit_i / d x_i||_2^2, a sum over pixels  (Mescheder et al. 2018, arXiv 1801.04406, eq. 9).

    Without the factor: the paper writes gamma / 2, the authors' code reg_param (no 1/2), StyleGAN 0.5 * r1_gamma.

    Args:
        logits: D's raw logits of the real images, (N,).
        real: real images (N, ...) that require a gradient.
    """
    return wgan_div(logits, real, 2)  # a power of 1 of the squares changes no bit


def wgan_gp_one_sided(logits: Tensor, x: Tensor) -> Tensor:
    """mean_i max(0, ||d logit_i / d x_i||_2 - 1)^2: only slopes above 1 cost (Gulrajani et al., appendix C)."""
    norms = torch.linalg.vector_norm(input_gradient(logits, x), dim=1)
    return (norms - 1).relu().square().mean()


def slope_hinge(logits: Tensor, x: Tensor) -> Tensor:
    """mean_i max(0, ||d logit_i / d x_i||_2 - 1), linear above 1  (derived, in no code that is followed here)."""
    norms = torch.linalg.vector_norm(input_gradient(logits, x), dim=1)
    return (norms - 1).relu().mean()


def wgan_div(logits: Tensor, x: Tensor, power: float = 6.0) -> Tensor:
    """mean_i ||d logit_i / d x_i||_2^p, without k  (Wu et al. 2018, arXiv 1712.01026); power 2 is `r1`.

    As (sum of squares)^(p / 2): a root before it would have an infinite slope at 0. Where batch norm couples the
    images, it is the gradient of the batch's summed scores (bojone/gan @ d4010d1, keras/wgan_div_celeba.py).

    Args:
        logits: the critic's scores of x, (N,).
        x: images, or points between real and fake ones, (N, ...) that require a gradient.
        power: p > 1.
    """
    return input_gradient(logits, x).square().sum(1).pow(power / 2).mean()


def pair_distance(real: Tensor, fake: Tensor, norm: str = "l1") -> Tensor:
    """d(x_i, x'_i) of each pair, (N,): mean |x - x'| over its numbers ("l1"), or root mean (x - x')^2 ("l2").

    As bojone/gan-qp @ f81ec73 has it, 128/gan_gp_l1.py and gan_qp_l2.py.

    Args:
        real, fake: (N, ...) alike; row i of one belongs to row i of the other.

    Raises:
        ValueError: for another norm, or batches that differ in shape.
    """
    if norm not in ("l1", "l2"):
        raise ValueError(f"the norm of a pair's distance is l1 or l2, not {norm}")
    check_alike(real, fake)
    difference = (real - fake).flatten(1)
    return difference.abs().mean(1) if norm == "l1" else difference.square().mean(1).sqrt()


def quadratic_potential(real: Tensor, fake: Tensor, distance: Tensor) -> Tensor:
    """mean_i (T(x_i) - T(x'_i))^2 / (2 lambda d_i) of scores (N,) in pairs  (Su 2018, arXiv 1811.07296).

    Args:
        real, fake: scores of both members of each pair.
        distance: lambda d(x_i, x'_i), (N,), positive: equal images would divide by zero.

    Raises:
        ValueError: unless all three have one number a pair.
    """
    return ((one_each(real, real) - one_each(fake, real)).square() / (2 * one_each(distance, real))).mean()


def r2(logits: Tensor, fake: Tensor) -> Tensor:
    """The same mean as `r1` on generated images  (Mescheder et al. 2018, eq. 10, recalled: unverified).

    They carry no graph of G.
    """
    return r1(logits, fake)


def consistency(
    scores: tuple[Tensor, Tensor],
    features: tuple[Tensor, Tensor],
    margin: float = 0.0,
    feature_weight: float = 0.1,
) -> Tensor:
    """mean_i max(0, (D'_i - D''_i)^2 + w * mean_k (D_'_ik - D_''_ik)^2 - M')  (Wei et al. 2018).

    Squares, and of the features' a mean over k, as in biuyq/CT-GAN CT_gan_cifar_resnet.py:288-292, which subtracts
    its margin after the factor lambda_2: its Factor_M is lambda_2 * M'. The paper's eq. 4 is recalled: unverified.

    Args:
        scores: critic's scores of the same images in two passes with independent dropout, (N,) each.
        features: the second-to-last layer's outputs in the same passes, (N, K) each.
        margin: M', the distance that costs nothing.
        feature_weight: w.

    Raises:
        ValueError: for more than one score an image, or passes that differ in shape.
    """
    feature_distance = mean_square(*features)
    score_distance = (one_each(scores[0], features[0]) - one_each(scores[1], features[0])).square()
    return torch.relu(score_distance + feature_weight * feature_distance - margin).mean()


def class_consistency(
    logits: tuple[Tensor, Tensor],
    features: tuple[Tensor, Tensor],
    margin: float = 0.0,
    feature_weight: float = 0.1,
) -> Tensor:
    """mean_i max(0, mean_c (p'_ic - p''_ic)^2 + w * mean_k (f'_ik - f''_ik)^2 - M), p the softmax of the logits.

    The classifiers' form of `consistency` (biuyq/CT-GAN, Theano_classifier/CT_CIFAR.py:110-123). Their scripts
    weigh it by 1/2 (CIFAR-10, w = 0.1) and by 1/2 * 0.1 (MNIST, w = 0).

    Args:
        logits: class logits (N, C) in two passes, or in a pass and its temporal-ensembling target.
        features: pooled features (N, K) likewise.
        margin: M.
        feature_weight: w.

    Raises:
        ValueError: for passes that differ in shape.
    """
    class_distance = mean_square(logits[0].softmax(1), logits[1].softmax(1))
    feature_distance = mean_square(*features)
    check_alike(class_distance, feature_distance)
    return torch.relu(class_distance + feature_weight * feature_distance - margin).mean()


def f_gan_regularizer(divergence: Divergence, logits: Tensor, fake: Tensor) -> Tensor:
    """Omega_f = mean_i w(V(x_i)) ||dV(x_i)/dx||^2 over fakes, w(V) = f*''(g(V)) g'(V)^2  (Roth et al. 2017).

    What normal noise of variance gamma on both distributions does to an f-GAN, to first order in gamma: the
    discriminator's loss grows by gamma / 2 * Omega_f. The weight w is not detached. Derived anew, the paper's
    text not being at hand.

    Args:
        logits: V of the fakes, (N,), before the divergence's activation.
        fake: generated images that led to them.
    """
    return (divergence.weight(one_each(logits, fake)) * input_gradient(logits, fake).square().sum(1)).mean()


def js_regularizer(real_logits: Tensor, real: Tensor, fake_logits: Tensor, fake: Tensor) -> Tensor:
    """Omega_JS = E_P[(1 - phi)^2 ||dV/dx||^2] + E_Q[phi^2 ||dV/dx||^2], phi = sigmoid(V)  (Roth et al. 2017).

    The form of the authors' code (igul222_GANs/gan_64x64.py:149-169): at the optimal D it equals
    `f_gan_regularizer` of the Jensen-Shannon divergence, elsewhere it does not. The gradient is the logit's, the
    weights are not detached.
    """
    weights = torch.sigmoid(-one_each(real_logits, real)) ** 2, torch.sigmoid(one_each(fake_logits, fake)) ** 2
    on_real = (weights[0] * input_gradient(real_logits, real).square().sum(1)).mean()
    on_fake = (weights[1] * input_gradient(fake_logits, fake).square().sum(1)).mean()
    return on_real + on_fake


def orthogonality(weight: Tensor) -> Tensor:
    """|| W W^T o (1 - I) ||_F^2, W = (out, rest): how far output units are from orthogonal, whatever their norms.

    A scalar of one weight, at least float32 (Brock et al. 2019, arXiv 1809.11096; its W has output
    units as columns). Its gradient is 4 ((W W^T) o (1 - I)) W; ajbrock/BigGAN-PyTorch utils.py:646-657 adds 2 (...)
    without forming this value, so its strength counts half.
    """
    w = weight.flatten(1).to(torch.promote_types(weight.dtype, torch.float32))
    with torch.autocast(weight.device.type, enabled=False):  # products too
        if w.shape[0] > w.shape[1]:
            # ||W W^T|| = ||W^T W||: the first layer of a wide G has 24576 units on 20 inputs
            return (w.t() @ w).square().sum() - w.square().sum(1).square().sum()
        gram = w @ w.t()
        return (gram - gram.diagonal().diag()).square().sum()


def orthonormality(weight: Tensor) -> Tensor:
    """|| W W^T - I ||_F^2 of W = (out, rest), or of its transpose where that has fewer rows  (Brock et al. 2017).

    The baseline that SNGAN calls orthonormal (Miyato et al. 2018, section 4): all singular values are drawn to 1.
    """
    w = weight.flatten(1)
    w = w if w.shape[0] <= w.shape[1] else w.t()
    return (w @ w.t() - torch.eye(len(w), dtype=w.dtype, device=w.device)).square().sum()
