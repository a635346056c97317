"""VAIRL and AIRL: a reward that outlives its maze (Peng et al. 2019, arXiv 1810.00821, section 4.3).

Released code: qxcv/vdb-irl @ e3d1292, multiple_irl/models/shaped_airl.py.

    python reproductions/vairl.py                                                      # the C-maze, VAIRL
    python reproductions/vairl.py --config reproductions/vairl/cmaze-airl.yaml
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.imitation.base import Imitation
from zoo.imitation.rows import Transitions
from zoo.imitation.vail import CROSS_ENTROPY
from zoo.networks.imitation import CodedMLP
from zoo.objectives.bottleneck import dual_ascent
from zoo.objectives.losses import nonsaturating_d
from zoo.objectives.penalties import r1
from zoo.options.ranges import Depth, NonNegativeFloat, Width


class VAIRL(Imitation):
    """D(s, a, s') = sigmoid(f - log pi(a | s)) with f = g(s) + gamma h(s') - h(s), all three behind noisy codes.

    g = -E is the reward that the policy is paid, at the mean code, and that a new policy learns from elsewhere;
    gamma h(s') - h(s) takes up what only shapes it. The three KLs add up and answer to one budget I_c. log pi is
    the acting policy's density of unclipped actions, for the expert's rows the current one's.

    Args:
        bottleneck: "gaussian", or "none" for AIRL.
        d_width: hidden ReLU units of E and h.
        d_depth: hidden layers of E and h.
        code: K, the length of each code; None takes `d_width`, as the released code.
        information: I_c, in nats, of the three KLs together.
        beta: its first value; 0 with `beta_step` 0 is the paper's "VAIRL (beta = 0)".
        beta_step: step size of the dual ascent; 0 leaves beta fixed.
        shaping: gamma in f. The released code has 1.
        cross_entropy: "mean" over all rows (the released code) or "sum" of the two expectations.
        options: those of `Imitation`.
    """

    def __init__(
        self,
        bottleneck: Literal["gaussian", "none"] = "gaussian",
        d_width: Width = 32,
        d_depth: Depth = 2,
        code: Width | None = None,
        information: NonNegativeFloat = 0.5,
        beta: NonNegativeFloat = 0.005,
        beta_step: NonNegativeFloat = 1e-5,
        shaping: NonNegativeFloat = 1.0,
        cross_entropy: Literal["sum", "mean"] = "mean",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        constrained = bottleneck == "gaussian"  # else there is no KL that beta could answer
        sizes = (self.n_obs, d_width, d_depth, bottleneck, code, self.d_scale())
        self.E, self.h = CodedMLP(*sizes), CodedMLP(*sizes)
        self.register_buffer("beta", torch.tensor(beta if constrained else 0.0))
        self.beta_step, self.information = beta_step if constrained else 0.0, information
        self.shaping, self.weight = shaping, CROSS_ENTROPY[cross_entropy]

    @property
    def method(self) -> str:
        if self.hparams.bottleneck == "none":
            return "AIRL"
        return "VAIRL" if self.hparams.beta or self.hparams.beta_step else "VAIRL, beta = 0"

    def d_parameters(self) -> list[nn.Parameter]:
        return [*self.E.parameters(), *self.h.parameters()]

    def parts(self, obs: Tensor, next_obs: Tensor, sample: bool = True) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """E(s), h(s'), h(s), and the sum of their KLs, all (N,); that a scalar 0 without a bottleneck."""
        energy, kl = self.E.value_and_kl(obs, sample)
        after, kl_after = self.h.value_and_kl(next_obs, sample)
        before, kl_before = self.h.value_and_kl(obs, sample)
        return energy, after, before, kl + kl_after + kl_before

    def judge(self, agent: Transitions, expert: Transitions) -> dict[str, Tensor | float]:
        """One step of both networks and their encoders, and then of beta.

        The gradient penalty is the sum of those of E(s), h(s') and h(s) on the expert's rows (shaped_airl.py).
        """
        n, penalised = len(agent.obs), self.hparams.gp > 0
        s, next_s = (x.clone().requires_grad_(penalised) for x in (expert.obs, expert.next_obs))
        energy, after, before, kl = self.parts(torch.cat([agent.obs, s]), torch.cat([agent.next_obs, next_s]))
        f = -energy + self.shaping * after - before
        logits = f - torch.cat([agent.log_probs, expert.log_probs])
        on_agent, on_expert = logits[:n], logits[n:]
        kl = kl.mean()
        loss = self.weight * nonsaturating_d(on_expert, on_agent)
        penalty = sum(r1(y[n:], x) for y, x in ((energy, s), (after, next_s), (before, s))) if penalised else 0.0
        gradient = self.update(0, loss + self.beta * kl + 0.5 * self.hparams.gp * penalty)
        dual_ascent(self.beta, kl, self.information, self.beta_step)
        accuracy = 0.5 * ((on_expert > 0).float().mean() + (on_agent < 0).float().mean())
        return {"loss/d": loss, "kl": kl, "accuracy/d": accuracy, "grad/d": gradient, "penalty/gradient": penalty}

    def reward(self, obs: Tensor, actions: Tensor | None = None) -> Tensor:
        """g(s) = -E(s) of states (N, d) at the mean code, (N,): the reward that is carried over."""
        return -self.E(obs, sample=False)


class AIRL(VAIRL):
    """VAIRL without its bottlenecks (Fu, Luo, Levine 2018, arXiv 1710.11248): no KL, no beta."""

    def __init__(
        self,
        d_width: Width = 32,
        d_depth: Depth = 2,
        shaping: NonNegativeFloat = 1.0,
        cross_entropy: Literal["sum", "mean"] = "mean",
        **options: Any,
    ) -> None:
        super().__init__(
            "none",
            d_width,
            d_depth,
            code=None,
            information=0.0,
            beta=0.0,
            beta_step=0.0,
            shaping=shaping,
            cross_entropy=cross_entropy,
            **options,
        )
