# SPDX-License-Identifier: Apache-2.0
"""A summary of offline data in a dozen lines."""

from collections.abc import Sequence

import numpy as np

from parl_learner.offline.data.dataset import to_trajectories
from parl_learner.offline.data.dataset_check import DatasetCheck
from parl_learner.offline.data.observation_check import shown
from parl_learner.offline.data.trajectory import ACTION_LIMIT, joined, RawEpisode


def table(episodes: Sequence[RawEpisode], check: DatasetCheck) -> list[tuple[str, str]]:
    """Return (name, value) rows that describe data; its arrays must be finite and of one width."""
    trajectories = to_trajectories(episodes, check.convention, check.dataset.action_scale)
    kept, lengths = sum(len(t) for t in trajectories), [len(e) for e in episodes]
    actions = np.abs(joined(episodes, 'actions')) / check.dataset.action_scale
    raw, returns = joined(episodes, 'rewards'), check.returns(trajectories)
    successes = sum(t.success for t in trajectories)
    return [
        ('episodes', f'{len(episodes)} of {min(lengths)} … {max(lengths)} steps'),
        ('transitions', f'{sum(lengths)}, {sum(lengths) - kept} of them after a success left out'),
        ('observation, action', f'{episodes[0].observations.shape[1]}, {actions.shape[1]} wide'),
        *shown(episodes, check.needs),
        ('successes', f'{successes} ({successes / len(episodes):.0%} of episodes)'),
        ('recorded rewards', f'{raw.min():.4g} … {raw.max():.4g}'),
        (
            'learned rewards',
            f'{min(t.rewards.min() for t in trajectories):.4g} … '
            f'{max(t.rewards.max() for t in trajectories):.4g} (bias {check.convention.bias})',
        ),
        ('returns', f'{returns.min():.4g} … {returns.max():.4g} (discount {check.discount})'),
        (
            'flags',
            f'{int(joined(episodes, "terminals").sum())} terminals, '
            f'{int(joined(episodes, "timeouts").sum())} time-outs',
        ),
        ('largest |action|', f'{actions.max():.4g}'),
        ('actions clipped', f'{(actions > ACTION_LIMIT).mean():.2%} to ±{ACTION_LIMIT}'),
    ]
