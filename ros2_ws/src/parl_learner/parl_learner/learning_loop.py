# SPDX-License-Identifier: Apache-2.0
"""The learner's work as a sequence of small units that can stop and resume anywhere.

Round 0 pre-trains on demonstrations; round n > 0 learns from the n-th batch of practice episodes.
What is done depends on the episodes alone, never on when they arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import torch

from parl_learner.action_cache import ActionCache
from parl_learner.critic_trainer import CriticMetrics, CriticTrainer
from parl_learner.learning_config import LearningConfig
from parl_learner.policy_trainer import PolicyTrainer
from parl_learner.replay import Replay
from parl_policy.action_space import ACTION_DIM, GRIPPER
from parl_policy.episode import Episode
from parl_policy.policy import ActionSpec
from parl_policy.policy_classes import ActorConfig, version_to_bytes


@dataclass(frozen=True)
class Stage:
    """A phase of a round and how many units it takes."""

    name: str
    units: int


@dataclass
class Counters:
    """Where the loop stands; saved in every checkpoint."""

    round: int = -1
    """Round under way or last finished; -1 before the first."""
    stage: int = 0
    """Index into the round's stages."""
    units_done: int = 0
    """Units of that stage."""
    version: int = 0
    """Newest finished policy and critic version."""
    policy_steps: int = 0
    critic_steps: int = 0


class LearningLoop:
    """Owns replay, policy, critic and their trainers; all draws are from torch's own generator."""

    def __init__(
        self, config: LearningConfig, observation_names: Sequence[str], seed: int
    ) -> None:
        """Make an untrained policy and critic.

        Args:
            config: All numbers.
            observation_names: Layout of the observations.
            seed: Of weights and of all later draws.
        """
        torch.manual_seed(seed)
        self.config = config
        self.actor_config = ActorConfig(
            policy_class=config.policy_class,
            policy=config.policy,
            critic=config.critic,
            optimisation=config.optimisation,
            choice=config.choice,
            observation_names=tuple(observation_names),
            action_spec=ActionSpec(horizon=1, dim=ACTION_DIM, binary=(GRIPPER,)),
        )
        self.replay = Replay(len(observation_names), ACTION_DIM, config.discount)
        self.policy = self.actor_config.make_policy()
        self.policy_trainer = PolicyTrainer(self.policy, config.policy_trainer)
        self.critic_trainer = CriticTrainer(self.actor_config.make_critic(), config.critic_trainer)
        self.cache = ActionCache(config.optimisation, self.actor_config.action_spec)
        self.counters = Counters()
        self.stages: tuple[Stage, ...] = ()
        self.policy_loss = math.nan
        self.critic_metrics: CriticMetrics | None = None
        self._generator = torch.default_generator

    @property
    def idle(self) -> bool:
        """Whether the round is finished and the next needs episodes."""
        return self.counters.stage >= len(self.stages)

    @property
    def stage(self) -> Stage:
        """The stage under way."""
        return self.stages[self.counters.stage]

    @property
    def units_left(self) -> dict[str, int]:
        """Policy and critic updates that the round still takes."""
        left = {'policy': 0, 'critic': 0}
        for index, stage in enumerate(self.stages[self.counters.stage :]):
            kind = UPDATES.get(stage.name)
            if kind:
                left[kind] += stage.units - (self.counters.units_done if index == 0 else 0)
        return left

    def begin_round(self, episodes: Sequence[Episode]) -> None:
        """Take in the episodes of the next round and plan its stages.

        Raises:
            ValueError: An episode does not fit the replay.
            CriticSupportError: The critic could not express the returns in the data.
        """
        if not self.idle:
            raise RuntimeError(f'round {self.counters.round} is not finished')
        for episode in episodes:
            self.replay.add(episode)
        if self.config.critic.head == 'hl_gauss':
            self.replay.check_support(self.config.critic.support)
        self.counters.round += 1
        self.counters.stage = self.counters.units_done = 0
        if self.counters.round == 0:
            self._fit_normalisation()
        if self.counters.round == 1:
            self._begin_practice()
        self._plan(episodes)
        self._skip_empty_stages()

    def resume(self, rounds: Sequence[Sequence[Episode]]) -> None:
        """Take in the episodes of all rounds begun before; a checkpoint supplies the rest."""
        for episodes in rounds:
            for episode in episodes:
                self.replay.add(episode)
        self.counters.round = len(rounds) - 1
        if self.counters.round >= 1:
            self._begin_practice()
        self._plan(rounds[-1])

    def advance(self) -> None:
        """Do one unit of work; call while not `idle`."""
        _STAGE_UNITS[self.stage.name](self)
        self.counters.units_done += 1
        self._skip_empty_stages()

    def version_files(self) -> dict[str, bytes]:
        """The newest version, by kind: the content of its files."""
        version = self.counters.version
        return {
            'policy': version_to_bytes(self.actor_config, self.policy, 'policy', version),
            'critic': version_to_bytes(
                self.actor_config, self.critic_trainer.critic, 'critic', version
            ),
        }

    def _plan(self, episodes: Sequence[Episode]) -> None:
        if self.counters.round == 0:
            self.stages = self._pretraining_stages()
        else:
            self.stages = self._practice_stages(sum(len(e.actions) for e in episodes))

    def _pretraining_stages(self) -> tuple[Stage, ...]:
        critic_steps = self.config.offline_critic_steps if self._uses_critic else 0
        return (
            Stage('imitating', self.config.imitation_steps),
            Stage('sampling', int(self._uses_critic)),
            Stage('critic', critic_steps),
            Stage('finishing', 1),
        )

    def _practice_stages(self, steps: int) -> tuple[Stage, ...]:
        policy_steps = math.ceil(steps * self.config.policy_updates_per_step)
        critic_steps = math.ceil(steps * self.config.critic_updates_per_step)
        if self.config.method == 'frozen':
            return (Stage('finishing', 1),)
        if self.config.method == 'filtered_imitation':
            policy_steps *= self.replay.has_successes
            return (Stage('imitating_successes', policy_steps), Stage('finishing', 1))
        return (
            Stage('sampling_new', 1),
            Stage('distilling', policy_steps),
            Stage('sampling', 1),
            Stage('critic', critic_steps),
            Stage('finishing', 1),
        )

    @property
    def _uses_critic(self) -> bool:
        return self.config.method == 'pa_rl'

    def _begin_practice(self) -> None:
        if self._uses_critic:
            self.policy_trainer.begin_distillation()
            self.critic_trainer.restart_optimiser()

    def _fit_normalisation(self) -> None:
        for module in (self.policy, self.critic_trainer.critic, self.critic_trainer.target):
            module.fit_normalisation(self.replay.observations)

    def _skip_empty_stages(self) -> None:
        counters = self.counters
        while not self.idle and counters.units_done >= self.stage.units:
            counters.stage += 1
            counters.units_done = 0

    def _imitate(self) -> None:
        batch = self.replay.draw(
            self.config.imitation_batch_size, self.config.mixing_ratio, self._generator
        )
        self._teach(batch.observations, batch.actions)

    def _imitate_successes(self) -> None:
        batch = self.replay.draw_successes(self.config.imitation_batch_size, self._generator)
        self._teach(batch.observations, batch.actions)

    def _distil(self) -> None:
        if self.counters.units_done == 0:
            self._optimise_all()
        batch = self.replay.draw(
            self.config.imitation_batch_size, self.config.mixing_ratio, self._generator
        )
        particles = self.cache.distillation_particles(batch.rows)
        if self.config.distillation_target == 'argmax':
            self._teach(batch.observations, particles.argmax())
        else:
            self._teach(batch.observations, particles.sample(1, self._generator).squeeze(1))

    def _teach(self, observations: torch.Tensor, actions: torch.Tensor) -> None:
        self.policy_loss = self.policy_trainer.update(
            observations, actions.unsqueeze(1), self._generator
        )
        self.counters.policy_steps += 1

    def _sample_all(self) -> None:
        self.cache.sample_all(self.policy, self.replay.observations, self._generator)

    def _sample_new(self) -> None:
        self.cache.sample_new(self.policy, self.replay.observations, self._generator)

    def _optimise_all(self) -> None:
        self.cache.optimise_all(
            self.critic_trainer.critic, self.replay.observations, self.replay.row_actions
        )

    def _improve_critic(self) -> None:
        refresh = self.config.particle_refresh_steps
        if self.counters.units_done % refresh == 0 and (
            refresh > 1 or self.counters.units_done == 0
        ):
            self._optimise_all()
        batch = self.replay.draw(
            self.config.critic_batch_size, self.config.mixing_ratio, self._generator
        )
        if refresh == 1:
            self.cache.optimise(
                self.critic_trainer.critic,
                self.replay.observations,
                None,
                torch.cat([batch.rows, batch.rows + 1]).unique(),
            )
        self.critic_metrics = self.critic_trainer.update(
            batch,
            self.cache.particles(batch.rows),
            self.cache.particles(batch.rows + 1),
            self._generator,
        )
        self.counters.critic_steps += 1

    def _finish(self) -> None:
        self.counters.version = self.counters.round + 1


_STAGE_UNITS = {
    'imitating': LearningLoop._imitate,
    'imitating_successes': LearningLoop._imitate_successes,
    'sampling': LearningLoop._sample_all,
    'sampling_new': LearningLoop._sample_new,
    'distilling': LearningLoop._distil,
    'critic': LearningLoop._improve_critic,
    'finishing': LearningLoop._finish,
}

UPDATES = {
    'imitating': 'policy',
    'imitating_successes': 'policy',
    'distilling': 'policy',
    'critic': 'critic',
}
