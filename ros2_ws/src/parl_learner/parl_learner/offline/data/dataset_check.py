# SPDX-License-Identifier: Apache-2.0
"""The check of offline data before anything learns from it; each fault has a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parl_files.error import ParlError
from parl_learner.offline.data.dataset import DatasetConfig, to_trajectories
from parl_learner.offline.data.observation_check import lacking
from parl_learner.offline.data.recording_check import (
    broken_chain,
    duplicates,
    Finding,
    layout,
    not_finite,
)
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import joined, RawEpisode, Trajectory
from parl_learner.replay.returns import FailureReturn, monte_carlo_returns
from parl_policy.observations import ObservationNeeds


class DatasetError(ParlError):
    """The data breaks conventions; `findings` lists them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__('the data cannot be used\n' + '\n'.join(f'- {f}' for f in findings))


@dataclass(frozen=True, kw_only=True)
class DatasetCheck:
    """Conventions that the data must follow, and the check of them."""

    dataset: DatasetConfig
    convention: RewardConvention
    discount: float
    failure_return: FailureReturn
    support: tuple[float, float] | None
    """Range of values that the critic can represent; None if it has no limits, or is not used."""
    needs_success: bool
    """Whether the method learns nothing from data without a success."""
    practises: bool
    """Whether practice will add episodes, which may fail."""
    binary_actions: tuple[int, ...] = ()
    """Entries of an action that are only -1 or 1."""
    needs: Mapping[str, ObservationNeeds] = field(default_factory=dict)
    """What policy and critic need besides numbers, by who needs it."""

    def findings(self, episodes: Sequence[RawEpisode]) -> list[Finding]:
        """Find all faults; the later checks need arrays that are finite and of one width."""
        found = [*layout(episodes)] or [*not_finite(episodes)]
        if found:
            return found
        trajectories = to_trajectories(episodes, self.convention, self.dataset.action_scale)
        found += lacking(episodes, self.needs)
        found += [*self._action_range(episodes), *self._binary_actions(episodes)]
        found += self._rewards(episodes)
        found += [*broken_chain(episodes), *duplicates(episodes)]
        if self.dataset.terminals == 'flags':
            found += self._terminals(episodes)
        return found + self._support(trajectories)

    def returns(self, trajectories: Sequence[Trajectory]) -> np.ndarray:
        """Return the Monte-Carlo returns (N,) of the N steps of all trajectories."""
        return np.concatenate(
            [
                monte_carlo_returns(t.rewards, t.success, self.discount, self.failure_return)
                for t in trajectories
            ]
        )

    def _action_range(self, episodes: Sequence[RawEpisode]) -> list[Finding]:
        actions = np.abs(joined(episodes, 'actions')) / self.dataset.action_scale
        outside = int((actions > 1.0 + 1e-6).sum())
        if not outside:
            return []
        largest = float(actions.max()) * self.dataset.action_scale
        return [
            Finding(
                'action-range',
                f'{outside} of {actions.size} action entries leave [-1, 1], up to {largest:.4g}',
                f'Divide actions by their limit: dataset.action_scale: {largest:.4g}',
            )
        ]

    def _binary_actions(self, episodes: Sequence[RawEpisode]) -> list[Finding]:
        width = episodes[0].actions.shape[1]
        outside = [entry for entry in self.binary_actions if not 0 <= entry < width]
        return [
            Finding(
                'binary-actions',
                f'binary_actions names the entries {outside} of actions that are {width} wide',
                f'Name entries of 0 to {width - 1}',
            )
        ] * bool(outside)

    def _rewards(self, episodes: Sequence[RawEpisode]) -> list[Finding]:
        raw, convention = joined(episodes, 'rewards'), self.convention
        successes = convention.successes(raw)
        learned = convention.learned(raw)
        found = []
        if self.needs_success and not successes.any():
            found.append(
                Finding(
                    'no-success',
                    f'no reward reaches {convention.success_reward} (largest {raw.max():.4g})',
                    'Set reward.success_reward to what means success here, or learn by imitation '
                    'alone: learning.method: frozen',
                )
            )
        wrong_end = successes.any() and np.abs(learned[successes]).max() > 1e-6
        wrong_way = (~successes).any() and learned[~successes].max() >= 0.0
        if self.needs_success and (wrong_end or wrong_way):
            found.append(
                Finding(
                    'reward-bias',
                    f'with the bias {convention.bias} rewards span [{learned.min():.4g}, '
                    f'{learned.max():.4g}]; success must be worth 0 and everything else less',
                    f'Set reward.bias to {-convention.success_reward}',
                )
            )
        return found

    def _terminals(self, episodes: Sequence[RawEpisode]) -> list[Finding]:
        rewards, terminals = joined(episodes, 'rewards'), joined(episodes, 'terminals')
        successes, timeouts = self.convention.successes(rewards), joined(episodes, 'timeouts')
        cases = {
            'terminal without success': terminals & ~successes,
            'success without terminal': successes & ~terminals,
            'terminal and time-out at once': terminals & timeouts,
        }
        wrong = {case: int(where.sum()) for case, where in cases.items() if where.any()}
        ends = sum(not (e.terminals[-1] or e.timeouts[-1]) for e in episodes)
        if ends:
            wrong['episode that ends with neither'] = ends
        return [
            Finding(
                'terminals',
                ', '.join(f'{count} × {case}' for case, count in wrong.items()),
                'Only success may terminate, a time-out bootstraps. Correct the file, or use only '
                'the reward: dataset.terminals: reward',
            )
        ] * bool(wrong)

    def _support(self, trajectories: Sequence[Trajectory]) -> list[Finding]:
        if self.support is None:
            return []
        returns = self.returns(trajectories)
        low, high = float(returns.min()), float(returns.max())
        if self.practises or not all(t.success for t in trajectories):
            # A time-out bootstraps, so values may fall to the return of failing for ever.
            lowest = min(float(t.rewards.min()) for t in trajectories)
            low = min(low, lowest / (1.0 - self.discount))
        if low >= self.support[0] - 1e-3 and high <= self.support[1] + 1e-3:
            return []
        return [
            Finding(
                'support',
                f'values reach [{low:.4g}, {high:.4g}] but the critic can only represent '
                f'[{self.support[0]}, {self.support[1]}]',
                f'Set learning.critic.support to [{min(low, 0.0):.1f}, {max(high, 0.0):.1f}]',
            )
        ]
