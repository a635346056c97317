"""Networks of imitation learning: discriminators and rewards with or without a bottleneck, policies, values.

Plain multilayer perceptrons on observations (N, d). As in qxcv/vdb-irl @ e3d1292
(multiple_irl/models/architectures.py) and in rllab's Gaussian policy that it takes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from zoo.networks.vgan import GaussianBottleneck, NoBottleneck
from zoo.options.checked import refuse


def glorot(layer: nn.Linear) -> nn.Linear:
    """Glorot's uniform start, biases 0."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def perceptron(sizes: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers from each of `sizes` to the next, each with an activation behind it."""
    return nn.Sequential(*(part for a, b in pairwise(sizes) for part in (glorot(nn.Linear(a, b)), activation())))


def factors(n_in: int, scale: Sequence[float] | None) -> Tensor:
    """What observations are multiplied by, (n_in,)."""
    return torch.ones(n_in) if scale is None else torch.tensor(scale, dtype=torch.get_default_dtype())


class CodedMLP(nn.Module):
    """x (N, n_in) -> scalars (N,), judged by a code z ~ N(mu(x), sigma(x)^2) of the last hidden layer.

    VAIL's discriminator, VAIRL's reward g and shaping h (vdb-irl's relu_net; the released width of the code is that
    of the hidden layers). Without a bottleneck: GAIL's and AIRL's.

    Args:
        n_in: numbers of an input.
        width: of each hidden layer, with ReLU.
        depth: hidden layers.
        bottleneck: "gaussian" or "none".
        code: K, the code's length; None takes `width`.
        scale: factors of the inputs, (n_in,); None leaves them raw.
    """

    def __init__(
        self,
        n_in: int,
        width: int = 32,
        depth: int = 2,
        bottleneck: Literal["gaussian", "none"] = "gaussian",
        code: int | None = None,
        scale: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        refuse("bottleneck", bottleneck, Literal["gaussian", "none"])
        code = code or width if bottleneck == "gaussian" else width
        self.register_buffer("scale", factors(n_in, scale))
        self.trunk = perceptron([n_in, *[width] * depth], nn.ReLU)
        self.bottleneck = NoBottleneck()
        if bottleneck == "gaussian":
            self.bottleneck = GaussianBottleneck(width, code, nn.Linear)
            for head in (self.bottleneck.mean, self.bottleneck.logstd):
                nn.init.uniform_(head.weight, -0.01, 0.01)
                nn.init.zeros_(head.bias)
        self.last = glorot(nn.Linear(code, 1))

    def forward(self, x: Tensor, sample: bool = True) -> Tensor:
        return self.value_and_kl(x, sample)[0]

    def value_and_kl(self, x: Tensor, sample: bool = True) -> tuple[Tensor, Tensor]:
        """Values (N,) and KL(E(z | x) || N(0, I)) in nats, (N,); a scalar 0 without a bottleneck.

        With `sample` False the mean of the code is judged instead of a draw.
        """
        code, kl = self.bottleneck(self.trunk(x * self.scale), sample)
        return self.last(code)[:, 0], kl


class GaussianPolicy(nn.Module):
    """pi(a | s) = N(mu(s), sigma^2): observations (..., d) -> a distribution over actions (..., n_actions).

    tanh layers, and a logarithm of sigma that depends on no state (rllab's GaussianMLPPolicy).

    Args:
        n_obs: d.
        n_actions: numbers of an action.
        width: of each hidden layer.
        depth: hidden layers.
        std: sigma's first value, in the actions' unit.
        scale: factors of the observations, (d,); None leaves them raw.
    """

    discrete = False

    def __init__(
        self,
        n_obs: int,
        n_actions: int,
        width: int,
        depth: int,
        std: float = 1.0,
        scale: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("scale", factors(n_obs, scale))
        self.trunk = perceptron([n_obs, *[width] * depth], nn.Tanh)
        self.mean = glorot(nn.Linear(width, n_actions))
        self.logstd = nn.Parameter(torch.full((n_actions,), math.log(std)))

    def forward(self, obs: Tensor) -> Distribution:
        mean = self.mean(self.trunk(obs * self.scale))
        return Independent(Normal(mean, self.logstd.exp().expand_as(mean), validate_args=False), 1, False)

    def best(self, obs: Tensor) -> Tensor:
        """The likeliest action of each observation."""
        return self(obs).mean


class CategoricalPolicy(nn.Module):
    """pi(a | s) over n_actions choices: observations (..., d) -> a distribution over whole numbers (...)."""

    discrete = True

    def __init__(
        self, n_obs: int, n_actions: int, width: int, depth: int, scale: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("scale", factors(n_obs, scale))
        self.trunk = perceptron([n_obs, *[width] * depth], nn.Tanh)
        self.logits = glorot(nn.Linear(width, n_actions))

    def forward(self, obs: Tensor) -> Distribution:
        return Categorical(logits=self.logits(self.trunk(obs * self.scale)), validate_args=False)

    def best(self, obs: Tensor) -> Tensor:
        """The likeliest action of each observation."""
        return self(obs).logits.argmax(-1)


class Value(nn.Module):
    """V(s): observations (..., d) -> (...), with tanh layers."""

    def __init__(self, n_obs: int, width: int, depth: int, scale: Sequence[float] | None = None) -> None:
        super().__init__()
        self.register_buffer("scale", factors(n_obs, scale))
        self.trunk = perceptron([n_obs, *[width] * depth], nn.Tanh)
        self.last = glorot(nn.Linear(width, 1))

    def forward(self, obs: Tensor) -> Tensor:
        return self.last(self.trunk(obs * self.scale))[..., 0]
