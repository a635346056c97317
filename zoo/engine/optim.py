"""Optimizers that the papers' frameworks had and PyTorch has in another form."""

import math

import torch


class AdamEpsilonHat(torch.optim.Adam):
    """Adam as Chainer, TensorFlow 1 and PyTorch before 1.3 compute it: eps is added before the bias correction.

    p -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps), the "epsilon hat" order of operations at
    the end of section 2 of Kingma & Ba 2015 (arXiv 1412.6980). torch.optim.Adam adds eps after the correction of
    v, which is the same with eps / sqrt(1 - beta2^t); the two differ where gradients are about as small as eps.
    Arguments and state are those of torch.optim.Adam; a cleared state starts anew. One kernel moves each parameter
    (`fused`); what goes on from a checkpoint of an unfused one stays that, to the bit.
    """

    def __init__(self, params, lr: float, betas: tuple[float, float], eps: float = 1e-8) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, fused=True)
        # else a gradient scaler leaves gradients scaled, which forbids to clip them, and steps count what it skips
        self._step_supports_amp_scaling = False
        for group in self.param_groups:
            group["steps"], group["epsilon_hat"] = 0, eps

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group["steps"] = group["steps"] + 1 if self.state else 1
            group["eps"] = group["epsilon_hat"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)


class AdamEpsilonInRoot(torch.optim.Optimizer):
    """Adam with eps under the root, p -= lr * m^ / sqrt(v^ + eps), as openai/improved-gan's Theano code has it.

    With eps 1e-8 it already acts on gradients of 1e-4. State is named as torch.optim.Adam's.
    """

    def __init__(self, params, lr: float, betas: tuple[float, float], eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state |= {"step": torch.tensor(0.0), "exp_avg": torch.zeros_like(p)}
                    state["exp_avg_sq"] = torch.zeros_like(p)
                state["step"] += 1
                t, m, v = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
                m.lerp_(p.grad, 1 - beta1)
                v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                root = (v / (1 - beta2**t)).add_(group["eps"]).sqrt_()
                p.addcdiv_(m, root, value=-group["lr"] / (1 - beta1**t))
        return loss


class RMSPropTF1(torch.optim.Optimizer):
    """RMSProp as TensorFlow 1's `RMSPropOptimizer`: s <- decay s + (1 - decay) g^2, p -= lr g / sqrt(s + eps).

    s starts at one, not at zero, so that the first steps are about lr g; and eps lies inside the root.
    torch.optim.RMSprop starts at zero and adds eps outside.
    """

    def __init__(self, params, lr: float, decay: float = 0.9, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state["square_avg"] = torch.ones_like(p)
                s = state["square_avg"]
                s.mul_(group["decay"]).addcmul_(p.grad, p.grad, value=1 - group["decay"])
                p.addcdiv_(p.grad, (s + group["eps"]).sqrt_(), value=-group["lr"])
        return loss
