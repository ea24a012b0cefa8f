# SPDX-License-Identifier: Apache-2.0
"""DPPO (arXiv 2409.00588): a policy gradient on each round's own episodes, as a method."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from parl_files.config_file import ConfigError
from parl_learner.methods.method import Counters, LearningMethod, PracticeRound
from parl_learner.methods.stage import Stage, StageName
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.training.dppo import Dppo
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.learning_units import LearningUnits


class DppoMethod(LearningMethod):
    """Learns on-policy: a round learns only from its own episodes."""

    trains_critic: ClassVar[bool] = False
    needs_seeds: ClassVar[bool] = True
    is_on_policy: ClassVar[bool] = True

    def __init__(self, config: LearningConfig, units: LearningUnits, counters: Counters) -> None:
        """See LearningMethod; refuse policies whose denoising steps have no density."""
        super().__init__(config, units, counters)
        if torch.get_default_device().type != 'cpu':
            raise ConfigError(
                "method 'dppo' must draw exactly the policy node's actions again; it needs device "
                "'cpu'"
            )
        self.dppo = Dppo(units.policy, units.policy_trainer, config.dppo, config.discount)

    @classmethod
    def check(cls, config: LearningConfig) -> None:
        """See LearningMethod."""
        if config.action_horizon > 1:
            raise ConfigError(
                f"method 'dppo' draws the action of each control step again; action_horizon must "
                f'be 1, not {config.action_horizon}'
            )

    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """See LearningMethod."""
        updates = self.config.dppo.updates(practice.steps, self.config.imitation_batch_size)
        return (
            Stage(StageName.POLICY_GRADIENT, updates, self._follow_advantages, policy_updates=1.0),
        )

    def begin_practice(self) -> None:
        """Train the state value on the returns of the data, before the first round."""
        replay = self.units.replay
        everything = replay.batch(torch.arange(len(replay)))
        units, size = self.units, self.config.imitation_batch_size
        self.dppo.fit_value(units.policy_states, everything, size, units.generator)

    def begin_round(self, episodes: Sequence[RecordedEpisode]) -> None:
        """Draw the denoising chains of the round's episodes again."""
        self.dppo.begin_round(self.units.policy_states, episodes)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """See LearningMethod."""
        return self.dppo.state_dict()

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """See LearningMethod."""
        self.dppo.load_state_dict(state)

    def _follow_advantages(self, unit: int) -> None:
        del unit
        size = self.config.imitation_batch_size
        units = self.units
        units.policy_loss = self.dppo.update(units.policy_states, size, units.generator)
