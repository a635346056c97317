"""The base of GAIL, VAIL, AIRL and VAIRL: environments, demonstrations, the policy and how it improves, the counter.

It holds the outer iteration; an algorithm's own file its discriminator's step and its reward. No framework of reinforcement learning is used: each hides the
step, or the rewards that must be replaced inside it, and what is left of them here is a rollout, an advantage and two
functions. Progress is counted in steps of the environments (`nimg` is the name that the engine's callbacks know it by).
"""

import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.data.stage import Stage
from zoo.engine.clock import Clock
from zoo.engine.devices import hardware
from zoo.engine.optim import AdamEpsilonHat
from zoo.imitation import environments
from zoo.imitation.demonstrations import Demonstrations, load
from zoo.imitation.improvement import Experience, ppo, trpo
from zoo.imitation.paths import LinearBaseline, Paths, advantages, discounted, rollout
from zoo.imitation.replay import Replay
from zoo.networks.imitation import CategoricalPolicy, GaussianPolicy, Value
from zoo.objectives.penalties import input_gradient


@dataclass(frozen=True)
class Transitions:
    """N steps as a discriminator sees them: obs (N, d), actions (N, k), next_obs (N, d), log_probs (N,)."""

    obs: Tensor
    actions: Tensor
    next_obs: Tensor
    log_probs: Tensor

    def __getitem__(self, which: Tensor) -> "Transitions":
        return Transitions(*(x[which] for x in vars(self).values()))


class Imitation(L.LightningModule):
    """Base of the imitation algorithms (manual optimization, one process, CPU).

    One `training_step` is an outer iteration: paths of the policy, a phase of the discriminator, learned rewards in the
    place of the true ones, one improvement of the policy. After `imitation_ksteps` the reward is frozen and a new policy
    learns from it alone in `transfer_env`. Every iteration starts all environments anew by a seed from the model's own
    stream, so a checkpoint needs no state of theirs.

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
        policy_width, policy_depth: hidden tanh layers of the policy, and of PPO's value.
        policy_std: the Gaussian policy's first standard deviation, in the actions' unit.
        transfer_std: that of the new policy in `transfer_env`.
        improvement: "trpo" with a linear baseline, or "ppo" with a value network.
        kl_step: TRPO's bound on the policy's change, in nats.
        lr, clip, epochs, batch_size: PPO's Adam, eps, passes and minibatch.
        gamma, gae_lambda: discount of the returns, and of the advantages.
        entropy: weight of the policy's entropy.
        lr_d: Adam's learning rate of the discriminator.
        d_steps: its minibatches in an iteration.
        batch_size_d: rows of the policy, and of the expert, in each of them.
        replay_paths: old paths kept as further rows of the policy; 0 keeps none.
        gp: weight gamma of the gradient penalty on the expert's rows, gamma/2 E ||grad||^2; 0 for none.
    """

    #: words for the engine's callbacks and the resume check, as in `zoo.engine.gan.GAN`
    unit, things, shown_by = "ksteps", "steps", "zoo lab play"
    #: settings in ksteps that a resumed run may not change
    fixed_kimg = ("imitation_ksteps",)

    def __init__(
        self,
        env: str = "CMazeRight-v0",
        demonstrations: str = "reproductions/vairl/cmaze.npz",
        n_demonstrations: int | None = None,
        transfer_env: str | None = None,
        imitation_ksteps: float | None = None,
        total_ksteps: float = 2000,
        n_envs: int = 100,
        horizon: int = 100,
        scale: list[float] | None = None,
        policy_width: int = 32,
        policy_depth: int = 2,
        policy_std: float = 1.0,
        transfer_std: float = 1.0,
        improvement: Literal["trpo", "ppo"] = "trpo",
        kl_step: float = 0.01,
        lr: float = 1e-3,
        clip: float = 0.2,
        epochs: int = 8,
        batch_size: int = 1600,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        entropy: float = 0.0,
        lr_d: float = 5e-5,
        d_steps: int = 50,
        batch_size_d: int = 32,
        replay_paths: int = 0,
        gp: float = 0.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.check_options()
        self.envs = environments.make(env, n_envs)
        self.n_obs = self.envs.single_observation_space.shape[0]
        self.n_actions = environments.action_size(self.envs)
        if scale is not None and len(scale) != self.n_obs:
            raise ValueError(f"scale has {len(scale)} factors, {env} shows {self.n_obs} numbers: change --model.scale")
        self.demos: Demonstrations | None = None  # read at the start of training: a loaded model needs none
        self.transfer_envs = environments.make(transfer_env, n_envs) if transfer_env else None
        self.total_ksteps, self.horizon, self.improvement = total_ksteps, horizon, improvement
        self.policy = self.new_policy(policy_std)
        self.value = Value(self.n_obs, policy_width, policy_depth, scale) if improvement == "ppo" else None
        self.baseline, self.replay = LinearBaseline(), Replay(replay_paths)
        self.transferred = False  # whether the new policy has begun
        self.nimg = self.steps = self._nimg_before = 0
        self.clock, self.scalars = Clock(), {}
        self.seed = torch.initial_seed()
        self.rng = torch.Generator().manual_seed(self.seed)
        self._conditions: dict = {}

    def check_options(self) -> None:
        """Refuse numbers that cannot be.

        Raises:
            ValueError: naming the option.
        """
        h = self.hparams
        for name in ("n_envs", "horizon", "epochs", "batch_size", "d_steps", "batch_size_d", "policy_width"):
            if h[name] < 1:
                raise ValueError(f"{name} must be at least 1, not {h[name]}: change --model.{name}")
        for name in ("lr", "lr_d", "kl_step", "policy_std", "transfer_std", "total_ksteps"):
            if not h[name] > 0:
                raise ValueError(f"{name} must be positive, not {h[name]}: change --model.{name}")
        if (h.transfer_env is None) != (h.imitation_ksteps is None):
            raise ValueError("transfer_env and imitation_ksteps go together: give both --model options, or neither")
        if h.imitation_ksteps is not None and not 0 < h.imitation_ksteps < h.total_ksteps:
            raise ValueError(
                f"imitation_ksteps {h.imitation_ksteps:g} must lie between 0 and total_ksteps {h.total_ksteps:g}"
            )

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
        return {
            "nimg": self.nimg,
            "steps": self.steps,
            "seed": self.seed,
            "train_seconds": self.clock.seconds,
            "rng": self.rng.get_state(),
            "baseline": self.baseline.weights,
            "replay": self.replay.state(),
            "transferred": self.transferred,
        }

    def set_extra_state(self, state: dict) -> None:
        self.nimg, self.steps, self.seed = state["nimg"], state["steps"], state["seed"]
        self.clock.seconds, self.transferred = state["train_seconds"], state["transferred"]
        self.rng.set_state(state["rng"].cpu())
        self.baseline.weights = state["baseline"]
        self.replay.restore(state["replay"])

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        known = {n for c in (type(self), Imitation) for n in inspect.signature(c.__init__).parameters}
        checkpoint["zoo"] = {
            "paper": type(self).__name__.lower(),
            "hparams": {k: v for k, v in self.hparams.items() if k in known - {"options"}},
            "conditions": self.conditions,
        }

    @property
    def conditions(self) -> dict:
        """Seed and hardware of the training, for the results row."""
        if self._trainer is None:
            return self._conditions
        return {"seed": self.seed, "precision": "32-true", "world_size": 1, "hardware": hardware("cpu")}

    # ---- progress

    @property
    def total_kimg(self) -> float:
        return self.total_ksteps

    @property
    def steps_per_iteration(self) -> int:
        return self.hparams.n_envs * self.horizon

    @property
    def stage(self) -> Stage:
        """One stage, of no pixels: what the progress bar asks a growing model for."""
        return Stage(0, self.steps_per_iteration)

    @property
    def transferring(self) -> bool:
        """Whether the running or next iteration trains the new policy on the frozen reward."""
        until = self.hparams.imitation_ksteps
        return until is not None and self.nimg >= until * 1000

    @property
    def finished(self) -> bool:
        """Whether `total_ksteps` thousand steps have been made."""
        return self.nimg >= self.total_ksteps * 1000

    def passed(self, ksteps: float | None) -> bool:
        """Whether the last iteration reached or crossed a multiple of `ksteps` thousand; False for None or 0."""
        return bool(ksteps) and self.nimg // (ksteps * 1000) > self._nimg_before // (ksteps * 1000)

    @property
    def train_seconds(self) -> float:
        return self.clock.seconds

    @property
    def started(self) -> bool:
        """Whether the first iteration may have begun."""
        return self.clock.running

    def off_the_clock(self) -> AbstractContextManager[None]:
        """Time spent inside is not training time."""
        return self.clock.paused()

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
        rows = self.rows(paths)
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
        found = [AdamEpsilonHat(self.d_parameters(), self.hparams.lr_d, (0.9, 0.999), 1e-8, foreach=True)]
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

    def rows(self, paths: Paths) -> Transitions:
        """All steps of some paths."""
        parts = (paths.obs, paths.actions, paths.next_obs, paths.log_probs)
        return Transitions(*(x.flatten(0, 1) for x in parts))

    @torch.no_grad()
    def expert_rows(self) -> Transitions:
        """All demonstrated steps, with the current policy's log-densities of their actions."""
        obs, actions, next_obs = self.demos.steps()
        return Transitions(obs, actions, next_obs, self.policy(obs).log_prob(actions))

    def minibatches(self, paths: Paths) -> Iterator[tuple[Transitions, Transitions]]:
        """The discriminator's phase: pairs of the policy's and the expert's rows, drawn with replacement."""
        agent, expert = self.rows(self.replay.joined(paths)), self.expert_rows()
        for _ in range(self.hparams.d_steps):
            n = (self.hparams.batch_size_d,)
            yield agent[torch.randint(len(agent.obs), n)], expert[torch.randint(len(expert.obs), n)]

    def improve(self, paths: Paths, rewards: Tensor) -> dict[str, float]:
        """One improvement of the policy on rewards (T, n); what it did, for the log."""
        h = self.hparams
        with torch.no_grad():
            if self.value is None:  # finite horizon, as rllab: nothing is expected after the last step
                values = self.baseline(paths.obs)
                after = torch.cat([values[1:], torch.zeros_like(values[:1])]) * ~paths.done
            else:
                values, after = self.value(paths.obs), self.value(paths.next_obs)
            found, targets = advantages(paths, rewards, values, after, h.gamma, h.gae_lambda)
            found = (found - found.mean()) / (found.std() + 1e-8)
        parts = (paths.obs, paths.actions, paths.log_probs, found, targets)
        experience = Experience(*(x.flatten(0, 1) for x in parts))
        if self.value is None:
            kl = trpo(self.policy, experience, kl_step=h.kl_step, entropy=h.entropy)
            self.baseline.fit(paths.obs, discounted(rewards, paths.done, h.gamma))
            return {"policy/kl": kl}
        ppo(
            self.policy,
            self.value,
            experience,
            partial(self.update, 1),
            epochs=h.epochs,
            minibatch=h.batch_size,
            clip=h.clip,
            entropy=h.entropy,
        )
        return {}

    def report(self, paths: Paths, rewards: Tensor, scalars: dict[str, float]) -> None:
        """End an iteration: count its steps, add its returns, and hand all to the loggers.

        `return/true` is the mean true return of the episodes, in training or in the transfer's environment;
        `return/learned` the mean of the learned one.
        """
        due = self.report_due
        self._nimg_before, self.nimg, self.steps = self.nimg, self.nimg + self.steps_per_iteration, self.steps + 1
        where = "transfer" if self.transferred else "imitation"
        self.scalars = {f"return/{where}": float(paths.returns().mean()), "return/learned": float(rewards.sum(0).mean())}
        with torch.no_grad():
            self.scalars["policy/entropy"] = float(self.policy(paths.obs[0]).entropy().mean())
        self.scalars |= scalars
        self.clock.tick()
        if due:
            values = {self.unit: self.nimg / 1000, "hours": self.clock.seconds / 3600, **self.scalars}
            for logger in self.trainer.loggers:
                logger.log_metrics(values, step=self.steps)
                logger.save()

    @property
    def report_due(self) -> bool:
        return (self.steps + 1) % self.trainer.log_every_n_steps == 0

    # ---- hooks

    def on_fit_start(self) -> None:
        """Read the demonstrations.

        Raises:
            FileNotFoundError, ValueError: if there are none, or not of this environment.
        """
        self.read_demonstrations()

    def read_demonstrations(self) -> None:
        h = self.hparams
        self.demos = load(h.demonstrations, self.envs, h.env).first(h.n_demonstrations, h.demonstrations)

    def on_train_start(self) -> None:
        self.clock.start()


def mean_of(found: list[dict[str, Tensor | float]]) -> dict[str, float]:
    """The mean of each scalar over the minibatches of a phase."""
    if not found:
        return {}
    return {k: math.fsum(float(torch.as_tensor(one[k]).detach()) for one in found) / len(found) for k in found[0]}
