# SPDX-License-Identifier: Apache-2.0
"""The work that critic_speed.py times: PARL's steps and literal ones on the same random data."""

from collections.abc import Callable
import dataclasses
from dataclasses import dataclass
import itertools
from pathlib import Path

from literal_pa_rl import LiteralCriticTrainer, optimise, sample_diffusion
import torch

from parl_learner.plan.experiment_config import load_experiment
from parl_learner.replay.replay import Batch
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer import CriticTrainer, CriticTrainerConfig
from parl_learner.training.policy_trainer import PolicyTrainer, PolicyTrainerConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.compute.precision import Precision
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec

DEMO = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config/experiments/cup_to_rack.yaml'
DISTILLATION_STATES = 1024


@dataclass(frozen=True)
class Shape:
    """The sizes of one setting."""

    observation_dim: int
    spec: ActionSpec
    critic: CriticConfig
    trainer: CriticTrainerConfig
    optimisation: ActionOptimisationConfig
    policy: DiffusionPolicyConfig
    batch: int


def reference_shape(members: int) -> Shape:
    """Return the sizes of the paper."""
    return Shape(
        observation_dim=60,
        spec=ActionSpec(horizon=1, dim=9),
        critic=CriticConfig(members=members),
        trainer=CriticTrainerConfig(backup='argmax'),
        optimisation=ActionOptimisationConfig(),
        policy=DiffusionPolicyConfig(),
        batch=256,
    )


def demo_shape() -> Shape:
    """Return the sizes of the demo, from its file."""
    learning = load_experiment(DEMO).learning
    return Shape(
        observation_dim=12,
        spec=ActionSpec(horizon=1, dim=7, binary=(6,)),
        critic=learning.critic,
        trainer=learning.critic_trainer,
        optimisation=learning.optimisation,
        policy=DiffusionPolicyConfig(**learning.policy),
        batch=learning.critic_batch_size,
    )


class Work:
    """Random data, untrained networks, and samples at the states and next states of a batch."""

    def __init__(self, shape: Shape) -> None:
        """Make everything from one seed."""
        torch.manual_seed(0)
        self.shape = shape
        self.draws = torch.Generator(torch.get_default_device()).manual_seed(1)
        self.critic = CriticEnsemble(shape.observation_dim, shape.spec.flat_dim, shape.critic)
        self.policy = DiffusionPolicy(shape.observation_dim, shape.spec, shape.policy)
        self.observations = torch.randn(DISTILLATION_STATES, shape.observation_dim)
        actions = torch.rand(DISTILLATION_STATES, shape.spec.flat_dim) * 2.0 - 1.0
        self.actions = shape.spec.snap(actions)
        self.rows, self.next_rows = torch.arange(2 * shape.batch).split(shape.batch)
        self.batch = Batch(
            rows=self.rows,
            next_rows=self.next_rows,
            observations=self.observations[self.rows],
            next_observations=self.observations[self.next_rows],
            actions=self.actions[self.rows],
            rewards=-torch.ones(shape.batch),
            discounts=torch.full((shape.batch,), 0.99),
            returns=-100.0 * torch.rand(shape.batch),
        )


class Ours:
    """PARL's own steps."""

    def __init__(self, work: Work, precision: Precision = 'float32') -> None:
        """Sample the whole batch and optimise it once."""
        self.work = work
        self.optimisation = dataclasses.replace(work.shape.optimisation, precision=precision)
        self.trainer = CriticTrainer(work.critic, work.shape.trainer)
        self.policy_trainer = PolicyTrainer(work.policy, PolicyTrainerConfig())
        self.cache = self._sampled(work.observations[: 2 * work.shape.batch])
        self.cache.optimise_all(
            work.critic,
            work.observations[: 2 * work.shape.batch],
            work.actions[: 2 * work.shape.batch],
            work.draws,
        )
        self.actor = Actor(work.policy, work.critic, self.optimisation)
        self.observation = work.observations[0].cpu().numpy()

    def critic_update(self) -> None:
        """Make new particles of states and next states, then do the update."""
        rows = torch.cat([self.work.rows, self.work.next_rows])
        self.cache.optimise(self.work.critic, self.work.observations, None, rows, self.work.draws)
        self.update_alone()

    def update_alone(self) -> None:
        """Do the update with the particles that exist."""
        self.trainer.update(
            self.work.batch,
            self.cache.particles(self.work.rows),
            self.cache.particles(self.work.batch.next_rows),
            self.work.draws,
        )

    def samples(self) -> None:
        """Draw base samples of states and next states."""
        self._sampled(self.work.observations[: 2 * self.work.shape.batch])

    def distillation_step(self) -> None:
        """Sample, optimise, and do one gradient step of the policy."""
        work, cache = self.work, self._sampled(self.work.observations)
        cache.optimise_all(work.critic, work.observations, work.actions, work.draws)
        particles = cache.distillation_particles(torch.arange(DISTILLATION_STATES))
        targets = particles.sample(1, work.draws)
        self.policy_trainer.update(work.observations, targets, work.draws)

    def decision(self) -> None:
        """Choose one action for one observation."""
        self.actor.act(self.observation, self.work.draws)

    def _sampled(self, observations: torch.Tensor) -> ActionCache:
        cache = ActionCache(self.optimisation, self.work.shape.spec)
        cache.sample_all(self.work.policy, observations, self.work.draws)
        return cache


class Literal:
    """The same steps without any saving of work."""

    def __init__(self, work: Work) -> None:
        """Copy the critic and sample the whole batch."""
        self.work = work
        self.trainer = LiteralCriticTrainer(work.critic)
        self.policy_trainer = PolicyTrainer(work.policy, PolicyTrainerConfig())
        self.policy_trainer.optimiser = torch.optim.Adam(work.policy.trainable_parameters())
        self.candidates = self._sampled(work.batch.observations)
        self.next_candidates = self._sampled(work.batch.next_observations)

    def critic_update(self) -> None:
        """Do three optimisations and the update."""
        self.trainer.update(
            self.work.batch,
            self.candidates,
            self.next_candidates,
            self.work.shape.optimisation,
            self.work.draws,
        )

    def samples(self) -> None:
        """Draw base samples of states and next states."""
        self._sampled(self.work.batch.observations)
        self._sampled(self.work.batch.next_observations)

    def distillation_step(self) -> None:
        """Sample, optimise, and do one gradient step of the policy."""
        work, critic = self.work, self.trainer.critic
        candidates = self._sampled(work.observations)
        actions, values = optimise(
            critic, work.observations, candidates, work.shape.optimisation, work.actions
        )
        drawn = torch.multinomial(values.softmax(1), 1, generator=work.draws)
        targets = actions.gather(1, drawn.unsqueeze(-1).expand(-1, -1, actions.shape[-1]))
        self.policy_trainer.update(work.observations, targets, work.draws)

    def decision(self) -> None:
        """Choose one action for one observation."""
        state = self.work.observations[:1]
        actions, values = optimise(
            self.trainer.critic, state, self._sampled(state), self.work.shape.optimisation
        )
        actions[0, values[0].argmax()].cpu().numpy()

    def _sampled(self, observations: torch.Tensor) -> torch.Tensor:
        return sample_diffusion(
            self.work.policy, observations, self.work.shape.optimisation.samples, self.work.draws
        )


SIDES: dict[str, Callable[[Work], Ours | Literal]] = {
    'ours': Ours,
    'ours, bfloat16': lambda work: Ours(work, 'bfloat16'),
    'literal': Literal,
}


def update_operations(shape: Shape) -> float:
    """Return the least number of floating-point operations in the products of a critic update.

    For states and next states there are k rankings, and T + 1 values and T gradients of m
    particles. Then comes the update itself, whose gradients cost twice its values: the data's
    action for all members, and for the drawn members the target's next action and 12 actions of
    the conservative term.
    """
    widths = (0, *shape.critic.hidden)
    weights = sum(a * b for a, b in itertools.pairwise((*widths, shape.critic.bins)))
    weights += shape.spec.flat_dim * sum(shape.critic.hidden)
    first = shape.observation_dim * shape.critic.hidden[0]
    o, states = shape.optimisation, 2 * shape.batch
    passes = o.samples + (2 * o.gradient_steps + 1) * o.particles
    climbing = states * shape.critic.members * (first + passes * weights)
    drawn = 2 * (3 * (shape.trainer.cql_actions + 2) + 1)
    update = shape.batch * (3 * shape.critic.members + drawn) * (first + weights)
    return 2.0 * (climbing + update)
