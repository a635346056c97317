"""The base of GAIL, VAIL, AIRL and VAIRL: environments, demonstrations, the policy and how it improves.

It holds the outer iteration; an algorithm's own file its discriminator's step and its reward. No framework of
reinforcement learning is used: each hides the step, or the rewards that must be replaced inside it, and what is
left of them here is a rollout, an advantage and two functions. Progress is counted in steps of the environments
(`nimg` is the name that the engine's callbacks know it by).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.engine.optim import AdamEpsilonHat
from zoo.imitation import environments
from zoo.imitation.checks import check_options, check_transfer
from zoo.imitation.counted import Counted
from zoo.imitation.demonstrations import Demonstrations, load
from zoo.imitation.improvement import experience_of, improve_by_trpo, ppo
from zoo.imitation.paths import LinearBaseline, Paths, advantages, rollout
from zoo.imitation.replay import Replay
from zoo.imitation.rows import Transitions, mean_of, rows_of
from zoo.networks.imitation import CategoricalPolicy, GaussianPolicy, Value
from zoo.objectives.penalties import input_gradient
from zoo.options import ranges


class Imitation(Counted):
    """Base of the imitation algorithms (manual optimization, one process, CPU).

    One `training_step` is an outer iteration: paths of the policy, a phase of the discriminator, learned rewards in
    the place of the true ones, one improvement of the policy. After `imitation_ksteps` the reward is frozen and a
    new policy learns from it alone in `transfer_env`. Every iteration starts all environments anew by a seed from
    the model's own stream, so a checkpoint needs no state of theirs.

    Args:
        env: gymnasium's name; the mazes are CMazeRight-v0, CMazeLeft-v0, SMaze-v0, SMazeFlip-v0.
        demonstrations: npz of `zoo lab expert`.
        n_demonstrations: how many of its episodes; None takes all.
        transfer_env: where a new policy learns from the frozen reward in the end; None for nowhere.
        imitation_ksteps: thousands of steps until then; needed with `transfer_env`.
        total_ksteps: end of training, in thousands of environment steps.
        n_envs: environments side by side.
        horizon: steps of each in an iteration.
        scale: factors of the observations before every network; None leaves them raw.
        policy_width: units of a hidden tanh layer of the policy, and of PPO's value.
        policy_depth: hidden layers of both.
        policy_std: the Gaussian policy's first standard deviation, in the actions' unit.
        transfer_std: that of the new policy in `transfer_env`.
        improvement: "trpo" with a linear baseline, or "ppo" with a value network.
        kl_step: TRPO's bound on the policy's change, in nats.
        transfer_kl_step: that of the new policy; None takes `kl_step`.
        lr: of PPO's Adam.
        clip: PPO's eps.
        epochs: PPO's passes.
        batch_size: PPO's minibatch.
        gamma: discount of the returns.
        gae_lambda: of the advantages.
        entropy: weight of the policy's entropy.
        lr_d: Adam's learning rate of the discriminator.
        d_steps: its minibatches in an iteration.
        batch_size_d: rows of the policy, and of the expert, in each of them.
        replay_paths: old paths kept as further rows of the policy; 0 keeps none.
        gp: weight gamma of the gradient penalty on the expert's rows, gamma/2 E ||grad||^2; 0 for none.
    """

    fixed_kimg = ("imitation_ksteps",)

    def __init__(
        self,
        env: str = "CMazeRight-v0",
        demonstrations: str = "reproductions/vairl/cmaze.npz",
        n_demonstrations: ranges.PositiveInt | None = None,
        transfer_env: str | None = None,
        imitation_ksteps: ranges.PositiveFloat | None = None,
        total_ksteps: ranges.PositiveFloat = 2000,
        n_envs: ranges.PositiveInt = 100,
        horizon: ranges.PositiveInt = 100,
        scale: list[ranges.FiniteFloat] | None = None,
        policy_width: ranges.Width = 32,
        policy_depth: ranges.Depth = 2,
        policy_std: ranges.PositiveFloat = 1.0,
        transfer_std: ranges.PositiveFloat = 1.0,
        improvement: Literal["trpo", "ppo"] = "trpo",
        kl_step: ranges.PositiveFloat = 0.01,
        transfer_kl_step: ranges.PositiveFloat | None = None,
        lr: ranges.PositiveFloat = 1e-3,
        clip: ranges.PositiveFloat = 0.2,
        epochs: ranges.PositiveInt = 8,
        batch_size: ranges.BatchSize = 1600,
        gamma: ranges.ClosedUnitInterval = 0.99,
        gae_lambda: ranges.ClosedUnitInterval = 1.0,
        entropy: ranges.NonNegativeFloat = 0.0,
        lr_d: ranges.PositiveFloat = 5e-5,
        d_steps: ranges.PositiveInt = 50,
        batch_size_d: ranges.BatchSize = 32,
        replay_paths: ranges.NonNegativeInt = 0,
        gp: ranges.NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__(total_ksteps, n_envs * horizon)
        self.save_hyperparameters()
        check_options(self.hparams)
        self.envs = environments.make(env, n_envs)
        self.n_obs = self.envs.single_observation_space.shape[0]
        self.n_actions = environments.action_size(self.envs)
        if scale is not None and len(scale) != self.n_obs:
            raise ValueError(
                f"scale has {len(scale)} factors, {env} shows {self.n_obs} numbers: change --model.scale"
            )
        self.demos: Demonstrations | None = None  # read at the start of training: a loaded model needs none
        self.transfer_envs = environments.make(transfer_env, n_envs) if transfer_env else None
        if self.transfer_envs is not None:
            check_transfer(self.hparams, self.envs, self.transfer_envs)
        self.horizon = horizon
        self.policy = self.new_policy(policy_std)
        self.value = Value(self.n_obs, policy_width, policy_depth, scale) if improvement == "ppo" else None
        self.baseline, self.replay = LinearBaseline(), Replay(replay_paths)
        self.transferred = False  # whether the new policy has begun
        self.returns: dict[str, list[float]] = {"imitation": [], "transfer": []}  # of every iteration, for the row

    def new_policy(self, std: float) -> nn.Module:
        h = self.hparams
        sizes = (self.n_obs, self.n_actions, h.policy_width, h.policy_depth)
        if environments.discrete(self.envs):
            return CategoricalPolicy(*sizes, h.scale)
        return GaussianPolicy(*sizes, std, h.scale)

    def d_scale(self, actions: bool = False) -> Sequence[float] | None:
        """The observations' factors for a discriminator, with 1 for each number of an action where it sees them."""
        scale = self.hparams.scale
        return [*scale, *[1.0] * self.n_actions] if scale is not None and actions else scale

    # ---- state: part of every checkpoint's state_dict

    def get_extra_state(self) -> dict:
        own = {"baseline": self.baseline.weights, "replay": self.replay.state(), "transferred": self.transferred}
        return super().get_extra_state() | own | {"returns": {k: [*v] for k, v in self.returns.items()}}

    def set_extra_state(self, state: dict) -> None:
        super().set_extra_state(state)
        self.baseline.weights, self.transferred = state["baseline"], state["transferred"]
        self.replay.restore(state["replay"])
        self.returns = state.get("returns", self.returns)  # older files know those of their logs alone

    @property
    def transferring(self) -> bool:
        """Whether the running or next iteration trains the new policy on the frozen reward."""
        until = self.hparams.imitation_ksteps
        return until is not None and self.nimg >= until * 1000

    # ---- the training step, and what it is made of

    def judge(self, agent: Transitions, expert: Transitions) -> dict[str, Tensor | float]:
        """One step of the discriminator on rows of the policy and of the expert, and what it did, for the log; an
        algorithm's own."""
        raise NotImplementedError

    def reward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """The learned reward (N,) of states (N, d) and actions; an algorithm's own."""
        raise NotImplementedError

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        paths = self.collect()

        # discriminator; a reward that is carried over stays as it is
        found = [] if self.transferring else [self.judge(*pair) for pair in self.minibatches(paths)]

        # policy, on the newest reward, through which nothing flows back
        rows = rows_of(paths)
        with torch.no_grad():
            rewards = self.reward(rows.obs, rows.actions).view_as(paths.rewards)
        scalars = self.improve(paths, rewards)
        scalars |= mean_of(found) | {"grad/reward": self.slope(rows), "beta": float(self.beta)}
        self.report(paths, rewards, scalars)

    def slope(self, rows: Transitions, n: int = 256) -> float:
        """Mean norm of the learned reward's gradient in the state, over about n of the policy's steps."""
        every = max(len(rows.obs) // n, 1)
        obs = rows.obs[::every].clone().requires_grad_()
        gradient = input_gradient(self.reward(obs, rows.actions[::every]), obs)
        return float(gradient.detach().norm(dim=1).mean())

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """The discriminator's Adam, as TensorFlow computes it, and PPO's where it is asked for."""
        found = [AdamEpsilonHat(self.d_parameters(), self.hparams.lr_d, (0.9, 0.999), 1e-8)]
        if self.value is not None:
            found.append(torch.optim.Adam([*self.policy.parameters(), *self.value.parameters()], self.hparams.lr))
        return found

    def d_parameters(self) -> list[nn.Parameter]:
        """Of the discriminator and its encoder; an algorithm overrides this."""
        raise NotImplementedError

    def optimizer(self, which: int) -> LightningOptimizer:
        found = self.optimizers()
        return found[which] if isinstance(found, list) else found

    def update(self, which: int, loss: Tensor) -> float:
        """One step of an optimizer down a scalar; the norm of its gradient."""
        optimizer = self.optimizer(which)
        optimizer.zero_grad()
        self.manual_backward(loss)
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = nn.utils.get_total_norm(grads)
        optimizer.step()
        return float(norm)

    @torch.no_grad()
    def act(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        pi = self.policy(obs)
        actions = pi.sample()
        return actions, pi.log_prob(actions)

    def collect(self) -> Paths:
        """New paths of the policy. What the rest of the iteration draws from torch's global stream, and the
        environments', are functions of its place in training."""
        if self.transferring and not self.transferred:
            self.begin_transfer()
        seeds = torch.randint(2**31 - 1, (2,), generator=self.rng).tolist()
        torch.manual_seed(seeds[0])
        return rollout(self.transfer_envs if self.transferring else self.envs, self.act, self.horizon, seeds[1])

    def begin_transfer(self) -> None:
        """A new policy, and a new baseline or value, by the model's own stream."""
        h = self.hparams
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=self.rng)))
        self.policy.load_state_dict(self.new_policy(h.transfer_std).state_dict())
        self.baseline.weights, self.transferred = None, True
        if self.value is not None:
            fresh = Value(self.n_obs, h.policy_width, h.policy_depth, h.scale)
            self.value.load_state_dict(fresh.state_dict())
            self.optimizer(1).optimizer.state.clear()

    def encoded(self, actions: Tensor) -> Tensor:
        """Actions (N, k) as numbers: choices become one-hot."""
        return F.one_hot(actions, self.n_actions).float() if environments.discrete(self.envs) else actions

    @torch.no_grad()
    def expert_rows(self) -> Transitions:
        """All demonstrated steps, with the current policy's log-densities of their actions."""
        obs, actions, next_obs = self.demos.steps()
        return Transitions(obs, actions, next_obs, self.policy(obs).log_prob(actions))

    def minibatches(self, paths: Paths) -> Iterator[tuple[Transitions, Transitions]]:
        """The discriminator's phase: pairs of the policy's and the expert's rows, drawn with replacement."""
        agent, expert = rows_of(self.replay.joined(paths)), self.expert_rows()
        for _ in range(self.hparams.d_steps):
            n = (self.hparams.batch_size_d,)
            yield agent[torch.randint(len(agent.obs), n)], expert[torch.randint(len(expert.obs), n)]

    def improve(self, paths: Paths, rewards: Tensor) -> dict[str, float]:
        """One improvement of the policy on rewards (T, n); what it did, for the log."""
        h = self.hparams
        if self.value is None:
            kl_step = h.transfer_kl_step or h.kl_step if self.transferred else h.kl_step
            options = (h.gamma, h.gae_lambda, kl_step, h.entropy)
            kl = improve_by_trpo(self.policy, self.baseline, paths, rewards, *options)
            return {"policy/kl": kl}
        with torch.no_grad():
            values, after = self.value(paths.obs), self.value(paths.next_obs)
        ppo(
            self.policy,
            self.value,
            experience_of(paths, *advantages(paths, rewards, values, after, h.gamma, h.gae_lambda)),
            partial(self.update, 1),
            epochs=h.epochs,
            minibatch=h.batch_size,
            clip=h.clip,
            entropy=h.entropy,
        )
        return {}

    def report(self, paths: Paths, rewards: Tensor, scalars: dict[str, float]) -> None:
        """End an iteration, with its returns beside its scalars.

        `return/imitation` is the mean true return of its episodes, `return/transfer` that of the new policy where
        the reward was carried to, `return/learned` the mean of the learned one.
        """
        where = "transfer" if self.transferred else "imitation"
        self.returns[where].append(float(paths.returns().mean()))
        told = {f"return/{where}": self.returns[where][-1], "return/learned": float(rewards.sum(0).mean())}
        with torch.no_grad():
            told["policy/entropy"] = float(self.policy(paths.obs[0]).entropy().mean())
        self.count(told | scalars)

    # ---- hooks

    def on_fit_start(self) -> None:
        """Raises FileNotFoundError or ValueError without demonstrations of this environment."""
        self.read_demonstrations()

    def read_demonstrations(self) -> None:
        h = self.hparams
        self.demos = load(h.demonstrations, self.envs, h.env).first(h.n_demonstrations, h.demonstrations)
        self.computed = {"what the demonstrations show": self.demos.fingerprint}
