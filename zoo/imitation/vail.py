"""VAIL and GAIL: imitation by a discriminator of states (Peng et al. 2019, arXiv 1810.00821, section 4.2).

Released code: qxcv/vdb-irl @ e3d1292, inverse_rl/models/imitation_learning.py.

    python reproductions/vail.py                                                       # VAIL on Pendulum-v1
    python reproductions/vail.py --config reproductions/vail/pendulum-gail.yaml
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.imitation.base import Imitation
from zoo.imitation.rows import Transitions
from zoo.networks.imitation import CodedMLP
from zoo.objectives.bottleneck import dual_ascent
from zoo.objectives.losses import nonsaturating_d
from zoo.objectives.penalties import r1
from zoo.options.ranges import Depth, NonNegativeFloat, Width

#: weight of the sum of the two cross-entropies: the paper's, and half of it, the mean over all rows of the released
#: code
CROSS_ENTROPY = {"sum": 1.0, "mean": 0.5}
#: of D's logit l at the mean code: the paper's -log(1 - D), and the released log(D + 1e-8)
REWARDS = {"paper": F.softplus, "released": lambda logit: (torch.sigmoid(logit) + 1e-8).log()}


class VAIL(Imitation):
    """The policy is paid -log(1 - D(mu(s))) by a D that sees a noisy code of I_c nats; D goes to 1 on the expert.

    D minimises its cross-entropy + beta (KL - I_c), the KL's mean over both kinds of rows, and beta climbs along
    the excess after each of its steps (eq. 12). The reward is taken at the mean code, by the newest D, without a
    gradient.

    Args:
        inputs: what D sees: "state" (the paper), or "state-action" (the released code).
        bottleneck: "gaussian", or "none" for GAIL.
        d_width: hidden ReLU units of D.
        d_depth: hidden layers of D.
        code: K, the code's length.
        information: I_c, in nats.
        beta: its first value.
        beta_step: step size of the dual ascent; 0 leaves beta fixed.
        noise: whether D learns from drawn codes; the released code never does.
        cross_entropy: "sum" of the two expectations (the paper) or "mean" over all rows (the released code).
        reward: "paper", -log(1 - D), or "released", log(D + 1e-8).
        options: those of `Imitation`.
    """

    def __init__(
        self,
        inputs: Literal["state", "state-action"] = "state",
        bottleneck: Literal["gaussian", "none"] = "gaussian",
        d_width: Width = 32,
        d_depth: Depth = 2,
        code: Width | None = 128,
        information: NonNegativeFloat = 0.5,
        beta: NonNegativeFloat = 0.1,
        beta_step: NonNegativeFloat = 1e-5,
        noise: bool = True,
        cross_entropy: Literal["sum", "mean"] = "sum",
        reward: Literal["paper", "released"] = "paper",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        constrained = bottleneck == "gaussian"  # else there is no KL that beta could answer
        sees_actions = inputs == "state-action"
        n_in = self.n_obs + self.n_actions * sees_actions
        self.D = CodedMLP(n_in, d_width, d_depth, bottleneck, code, self.d_scale(sees_actions))
        self.register_buffer("beta", torch.tensor(beta if constrained else 0.0))
        self.beta_step, self.information = beta_step if constrained else 0.0, information
        self.sees_actions, self.noise = sees_actions, noise
        self.weight, self.reward_of = CROSS_ENTROPY[cross_entropy], REWARDS[reward]

    @property
    def method(self) -> str:
        return "GAIL" if self.hparams.bottleneck == "none" else "VAIL"

    def d_parameters(self) -> list[nn.Parameter]:
        return list(self.D.parameters())

    def inputs(self, rows: Transitions) -> Tensor:
        return torch.cat([rows.obs, self.encoded(rows.actions)], 1) if self.sees_actions else rows.obs

    def judge(self, agent: Transitions, expert: Transitions) -> dict[str, Tensor | float]:
        """One step of the discriminator and its encoder, and then of beta."""
        penalised = self.inputs(expert).requires_grad_(self.hparams.gp > 0)
        logits, kl = self.D.value_and_kl(torch.cat([self.inputs(agent), penalised]), self.noise)
        on_agent, on_expert = logits.split([len(agent.obs), len(expert.obs)])
        kl = kl.mean()
        loss = self.weight * nonsaturating_d(on_expert, on_agent)
        penalty = r1(on_expert, penalised) if self.hparams.gp else 0.0
        gradient = self.update(0, loss + self.beta * kl + 0.5 * self.hparams.gp * penalty)
        dual_ascent(self.beta, kl, self.information, self.beta_step)
        accuracy = 0.5 * ((on_expert > 0).float().mean() + (on_agent < 0).float().mean())
        return {"loss/d": loss, "kl": kl, "accuracy/d": accuracy, "grad/d": gradient, "penalty/gradient": penalty}

    def reward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """The learned reward (N,) of states (N, d), and actions where D sees them, at the mean code."""
        rows = Transitions(obs, actions, obs, obs[:, 0])
        return self.reward_of(self.D(self.inputs(rows), sample=False))


class GAIL(VAIL):
    """VAIL without its bottleneck (Ho & Ermon 2016, arXiv 1606.03476): D sees the states as they are, no KL."""

    def __init__(
        self,
        inputs: Literal["state", "state-action"] = "state",
        d_width: Width = 32,
        d_depth: Depth = 2,
        cross_entropy: Literal["sum", "mean"] = "sum",
        reward: Literal["paper", "released"] = "paper",
        **options: Any,
    ) -> None:
        super().__init__(
            inputs,
            "none",
            d_width,
            d_depth,
            code=None,
            information=0.0,
            beta=0.0,
            beta_step=0.0,
            noise=False,
            cross_entropy=cross_entropy,
            reward=reward,
            **options,
        )
