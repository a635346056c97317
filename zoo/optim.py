"""Optimizers that the papers' frameworks had and PyTorch has in another form."""

import math

import torch


class AdamEpsilonHat(torch.optim.Adam):
    """Adam as Chainer and TensorFlow 1 compute it: eps is added before the bias correction.

    p -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps), the "epsilon hat" order of operations at
    the end of section 2 of Kingma & Ba 2015 (arXiv 1412.6980). torch.optim.Adam adds eps after the correction of
    v, which is the same with eps / sqrt(1 - beta2^t); the two differ where gradients are about as small as eps.
    Arguments and state are those of torch.optim.Adam; a cleared state starts anew.
    """

    def __init__(self, params, lr: float, betas: tuple[float, float], eps: float = 1e-8, **kwargs) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, **kwargs)
        for group in self.param_groups:
            group["steps"], group["epsilon_hat"] = 0, eps

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group["steps"] = group["steps"] + 1 if self.state else 1
            group["eps"] = group["epsilon_hat"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)
