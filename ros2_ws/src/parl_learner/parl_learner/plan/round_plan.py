# SPDX-License-Identifier: Apache-2.0
"""What a round of learning consists of: stages, and the updates each unit of them makes."""

from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass
import math

from parl_learner.plan.learning_config import LearningConfig
from parl_learner.training.action_cache import ActionCache


@dataclass(frozen=True)
class Stage:
    """A phase of a round: equal units of work."""

    name: str
    units: int
    policy_updates: float = 0.0
    """Policy updates a unit; a fraction makes one in some units only."""
    critic_updates: float = 0.0
    """Critic updates a unit."""

    @property
    def kind(self) -> str:
        """What takes its time: 'critic', 'policy', 'sampling', or '' for none of them."""
        if self.critic_updates > 0:
            return 'critic'
        if self.policy_updates > 0:
            return 'policy'
        return 'sampling' if self.name in ('sampling', 'sampling_new') else ''

    def updates(self, unit: int) -> tuple[int, int]:
        """Policy and critic updates of one unit, counted from 0."""
        policy, critic = (
            math.floor((unit + 1) * rate) - math.floor(unit * rate)
            for rate in (self.policy_updates, self.critic_updates)
        )
        return policy, critic


def pretraining_stages(config: LearningConfig, rows: int) -> tuple[Stage, ...]:
    """Round 0, on demonstrations with so many observations."""
    critic_steps = config.offline_critic_steps if config.trains_critic else 0
    return (
        Stage('imitating', config.imitation_steps, policy_updates=1.0),
        _sampling_stage(config, rows),
        _critic_stage(config, critic_steps, policy_updates=1.0),
        Stage('finishing', 1),
    )


def practice_stages(
    config: LearningConfig, steps: int, has_successes: bool, rows: int, new_rows: int
) -> tuple[Stage, ...]:
    """Any later round.

    Args:
        config: All numbers.
        steps: Control steps practised since the last round.
        has_successes: Whether the replay holds any.
        rows: Observations in the replay.
        new_rows: Those that came since the last round.
    """
    policy_steps = math.ceil(steps * config.policy_updates_per_step)
    ratio = config.policy_updates_per_step / config.critic_updates_per_step
    critic_steps = math.ceil(steps * config.critic_updates_per_step)
    if config.method == 'frozen':
        return (Stage('finishing', 1),)
    if config.method == 'filtered_imitation':
        return (
            Stage('imitating_successes', policy_steps * has_successes, policy_updates=1.0),
            Stage('finishing', 1),
        )
    if config.method == 'dppo':
        updates = config.dppo.updates(steps, config.imitation_batch_size)
        return (
            Stage('policy_gradient', updates, policy_updates=1.0),
            Stage('finishing', 1),
        )
    if config.learns_with_critic:
        return (
            _sampling_stage(config, rows),
            _critic_stage(config, critic_steps, ratio),
            Stage('finishing', 1),
        )
    sampling = _sampling_stage(config, rows)
    distilling = Stage('distilling', policy_steps, policy_updates=1.0)
    critic = _critic_stage(config, critic_steps, ratio)
    if config.practice_order == 'critic_first':
        return (sampling, critic, distilling, Stage('finishing', 1))
    sampling_new = dataclasses.replace(sampling, name='sampling_new', units=_blocks(new_rows))
    return (sampling_new, distilling, sampling, critic, Stage('finishing', 1))


def updates_left(stages: Sequence[Stage], units_done: int) -> dict[str, int]:
    """Policy and critic updates of these stages, some units of the first being done."""
    left = {'policy': 0, 'critic': 0}
    for index, stage in enumerate(stages):
        done = units_done if index == 0 else 0
        for kind, rate in (('policy', stage.policy_updates), ('critic', stage.critic_updates)):
            left[kind] += math.floor(stage.units * rate) - math.floor(done * rate)
    return left


def units_left(stages: Sequence[Stage], units_done: int) -> dict[str, int]:
    """Units of these stages by kind, some units of the first being done."""
    left = {'policy': 0, 'critic': 0, 'sampling': 0}
    for index, stage in enumerate(stages):
        if stage.kind:
            left[stage.kind] += stage.units - (units_done if index == 0 else 0)
    return left


def _sampling_stage(config: LearningConfig, rows: int) -> Stage:
    return Stage('sampling', _blocks(rows) if config.uses_candidates else 0)


def _blocks(rows: int) -> int:
    return math.ceil(rows / ActionCache.ROWS_AT_ONCE)


def _critic_stage(config: LearningConfig, steps: int, policy_updates: float) -> Stage:
    """Critic updates, with so many policy updates for each where both learn together."""
    if not config.learns_with_critic:
        return Stage('critic', steps, critic_updates=1.0)
    return Stage('actor_critic', steps, policy_updates=policy_updates, critic_updates=1.0)
