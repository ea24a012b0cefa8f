# SPDX-License-Identifier: Apache-2.0
"""The units of work in a stage: each changes the policy, the critic or the cache."""

import dataclasses
from dataclasses import dataclass, field
import math

import torch

from parl_learner.replay.batch_augmentation import augment_states
from parl_learner.replay.encoded_states import EncodedStates
from parl_learner.replay.observation_table import ObservationTable, StateTable
from parl_learner.replay.replay import Batch, Replay
from parl_learner.sampling.seeded_sampling import SeededSampling
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer import CriticMetrics, CriticTrainer
from parl_learner.training.distillation_rule import changed_share, TaughtTarget, value_spread
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.policy_trainer import PolicyTrainer
from parl_learner.training.waypoint_trainer import WaypointTrainer
from parl_policy.acting.action_optimisation import Particles
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.networks.observation_encoder import (
    frozen_encoder,
    ObservationEncoder,
    waypoint_encoders,
)
from parl_policy.observations import needs_of, ObservationNeeds, States
from parl_policy.policy import Policy, TokenPolicy


@dataclass
class LearningUnits:
    """Policy, critic and cache, and the updates of them; all draws are from one generator."""

    config: LearningConfig
    actor_config: ActorConfig
    replay: Replay
    policy: Policy
    policy_trainer: PolicyTrainer
    critic_trainer: CriticTrainer
    cache: ActionCache
    waypoint_trainer: WaypointTrainer | None
    """None where no encoder is of kind 'waypoints'."""
    generator: torch.Generator
    policy_moves: bool
    """Whether the policy changes between critic updates."""
    backs_up_fresh_samples: bool
    """Whether backups take actions that the policy draws for that update alone."""
    sampling: SeededSampling | None = None
    """Gives a stage its samples by shards; None: they are drawn from `generator`."""
    policy_loss: float = math.nan
    critic_metrics: CriticMetrics | None = None
    _encoded: dict[ObservationEncoder, EncodedStates] = field(default_factory=dict, init=False)

    def draw(self, size: int, mixing_ratio: float | None) -> Batch:
        """Draw a batch of transitions; `mixing_ratio` is the share of demonstrations."""
        return self.replay.draw(size, mixing_ratio, self.generator)

    @property
    def policy_states(self) -> StateTable:
        """All observations of the replay, as the policy sees them."""
        return self._states(self.actor_config.policy_needs, frozen_encoder(self.policy))

    @property
    def critic_states(self) -> StateTable:
        """All observations of the replay, as the critic sees them."""
        encoder = frozen_encoder(self.critic_trainer.critic)
        return self._states(self.actor_config.critic_needs, encoder)

    def _states(self, needs: ObservationNeeds, encoder: ObservationEncoder | None) -> StateTable:
        """Return the observations, or what a frozen encoder makes of them."""
        table = self.replay.seen_by(needs)
        if encoder is None:
            return table
        assert isinstance(table, ObservationTable)
        if encoder not in self._encoded:
            self._encoded[encoder] = EncodedStates(encoder)
        return self._encoded[encoder].of(table)

    def learn_to_see(self, unit: int) -> None:
        """Do one update of the waypoints; after the last one all networks see with them."""
        trainer = self.waypoint_trainer
        assert trainer is not None
        table = self.replay.seen_by(needs_of(self.config.taught_vision))
        assert isinstance(table, ObservationTable)
        self.policy_loss = trainer.update(unit, table, self.generator)
        if unit + 1 == trainer.config.steps:
            networks = (self.policy, self.critic_trainer.critic, self.critic_trainer.target)
            trainer.give([each for network in networks for each in waypoint_encoders(network)])
            self._encoded = {}

    def policy_sees(self, batch: Batch) -> States:
        """Return the observations of a batch as the policy sees them in training."""
        parts = [self.policy_states[batch.rows]]
        augmentation = self.actor_config.policy_augmentation
        return augment_states(parts, augmentation, self.generator)[0]

    def critic_sees(self, batch: Batch) -> Batch:
        """Return the batch with its observations as the critic sees them in training."""
        vision = self.config.critic.vision
        if vision is None:
            return batch
        parts = [self.critic_states[batch.rows], self.critic_states[batch.next_rows]]
        now, then = augment_states(parts, vision.augmentation, self.generator)
        return dataclasses.replace(batch, observations=now, next_observations=then)

    def teach(
        self, batch: Batch, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> None:
        """Do one policy update with the policy's own loss.

        Args:
            batch: Whose observations are taken.
            targets: (B, m, D) actions that the policy is taught.
            weights: (B, m) of the actions; None gives all the same weight.
        """
        self.policy_loss = self.policy_trainer.update(
            self.policy_sees(batch), targets, self.generator, weights
        )

    def takeover_weights(self, batch: Batch) -> torch.Tensor | None:
        """Return the weights (B, 1) of the data's actions by who chose them; None if all are 1."""
        weight = self.config.takeover_weight
        if weight == 1.0:
            return None
        return 1.0 + (weight - 1.0) * self.replay.row_takeovers[batch.rows].unsqueeze(1)

    def teach_data(self, batch: Batch, weights: torch.Tensor | None = None) -> None:
        """Do one policy update on the actions of the data; those of a take-over have their weight.

        Args:
            batch: Whose observations and actions are taken.
            weights: (B, 1) of the actions, whoever chose them; None gives all the same weight.
        """
        chosen = self.takeover_weights(batch)
        if chosen is not None:
            weights = chosen if weights is None else weights * chosen
        self.teach(batch, batch.actions.unsqueeze(1), weights)

    def imitate(self) -> None:
        """Do one policy update on the actions of the data."""
        batch = self.draw(self.config.imitation_batch_size, self.config.mixing_ratio)
        self.teach_data(batch)

    def imitate_successes(self) -> None:
        """Do one policy update on the actions of successful episodes."""
        size = self.config.imitation_batch_size
        self.teach_data(self.replay.draw_successes(size, self.generator))

    def begin_distilling(self) -> float:
        """Make all particles with the current critic; return the spread of their values."""
        self._optimise_all(self.replay.row_actions)
        everything = torch.arange(len(self.replay.observations))
        return value_spread(self.cache.particles(everything).values)

    def changed_token_share(self) -> float | None:
        """Return the share of the particles' tokens that are new; None for a policy without."""
        if not isinstance(self.policy, TokenPolicy):
            return None
        everything = torch.arange(len(self.replay.observations))
        candidates = self.cache.policy_actions(everything).actions
        found = self.cache.particles(everything).actions
        return changed_share(self.policy.tokens, candidates, found)

    def distil(self, target: TaughtTarget) -> None:
        """Do one policy update on actions of π_opt, whose particles are in the cache."""
        batch = self.draw(self.config.imitation_batch_size, self.config.distillation_mixing_ratio)
        if self.config.distil_data_action:
            particles = self.cache.distillation_particles(batch.rows)
        else:
            particles = self.cache.particles(batch.rows)
        if target == 'particles':
            self.teach(batch, particles.actions, particles.weights)
        elif target == 'argmax':
            self.teach(batch, particles.argmax().unsqueeze(1))
        else:
            self.teach(batch, particles.sample(1, self.generator))

    def sample_all(self) -> None:
        """Draw the candidates of all observations from the policy."""
        self.cache.sample_all(self.policy, self.policy_states, self.generator)

    def sample_next(self) -> None:
        """Draw the candidates of the next observations that have none."""
        if self.sampling is None:
            self.cache.sample_next(self.policy, self.policy_states, self.generator)
            return
        rows = self.cache.next_rows(len(self.replay.observations))
        count = self.cache.config.samples
        self.cache.add_samples(
            self.sampling.actions(self.policy_states, self.replay.keys, rows, count)
        )

    def forget_samples(self) -> None:
        """Drop the candidates of all observations, because the policy has changed."""
        self.cache.forget_samples()
        if self.sampling is not None:
            self.sampling.begin()

    def improve_critic(self, unit: int) -> None:
        """Do one critic update; `unit` is its number in the stage, from 0."""
        batch = self.draw(self.config.critic_batch_size, self.config.mixing_ratio)
        current = following = None
        if self.critic_trainer.needs_actions:
            is_conservative = self.critic_trainer.is_conservative
            rows = [batch.rows, batch.next_rows] if is_conservative else [batch.next_rows]
            if not self.backs_up_fresh_samples:
                self._renew_particles(unit, torch.cat(rows).unique())
            current = self._actions(batch.rows) if is_conservative else None
            following = self._actions(batch.next_rows)
        self.critic_metrics = self.critic_trainer.update(
            self.critic_sees(batch), current, following, self.generator
        )

    def _actions(self, rows: torch.Tensor) -> Particles:
        """Return the actions of the rows (B,) with which values are backed up."""
        if self.backs_up_fresh_samples:
            return self._fresh_samples(rows)
        if self.config.critic_trainer.backup == 'policy':
            return self.cache.policy_actions(rows)
        return self.cache.particles(rows)

    @torch.no_grad()
    def _fresh_samples(self, rows: torch.Tensor) -> Particles:
        """Sample the current policy; a target needs one action, the conservative term more."""
        count = self.cache.config.samples if self.critic_trainer.is_conservative else 1
        context = self.policy.encode(self.policy_states[rows])
        actions = self.policy.sample(context, count, self.generator)
        return Particles(actions, torch.zeros(actions.shape[:2]))

    def _renew_particles(self, unit: int, rows: torch.Tensor) -> None:
        """Renew the rows' samples and particles, as often as the configuration asks for."""
        refresh, moves = self.config.particle_refresh_steps, self.policy_moves
        is_optimised = self.config.critic_trainer.backup != 'policy'
        if refresh > 1 and unit % refresh == 0:
            if moves and unit > 0:
                self.sample_all()
            if is_optimised:
                self._optimise_all(None)
        if refresh == 1:
            if moves:
                self.cache.sample(self.policy, self.policy_states, rows, self.generator)
            if is_optimised:
                if unit == 0:
                    self.cache.make_room(len(self.replay.observations))
                self.cache.optimise(
                    self.critic_trainer.critic,
                    self.critic_states,
                    None,
                    rows,
                    self.generator,
                )

    def _optimise_all(self, data_actions: torch.Tensor | None) -> None:
        """Make the particles of all observations with the current critic."""
        self.cache.optimise_all(
            self.critic_trainer.critic, self.critic_states, data_actions, self.generator
        )
