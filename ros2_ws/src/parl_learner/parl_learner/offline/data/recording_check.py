# SPDX-License-Identifier: Apache-2.0
"""Checks of recorded episodes that do not depend on the task."""

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib

import numpy as np

from parl_learner.offline.data.d4rl import CHAIN_TOLERANCE, gaps
from parl_learner.offline.data.trajectory import film_digest, RawEpisode


@dataclass(frozen=True)
class Finding:
    """A fault in the data."""

    name: str
    """Short name that does not change, such as 'action-range'."""
    message: str
    """What was found."""
    remedy: str
    """What to change."""

    def __str__(self) -> str:
        return f'{self.name}: {self.message}. {self.remedy}'


def layout(episodes: Sequence[RawEpisode]) -> list[Finding]:
    """Check that observations and actions are vectors of one width and one meaning."""
    shapes = {(e.observations.shape[1:], e.actions.shape[1:]) for e in episodes}
    if any(len(observation) != 1 or len(action) != 1 for observation, action in shapes):
        return [
            Finding(
                'layout',
                f'observations and actions of a step have shapes {sorted(shapes)}',
                'Write one vector per step for each',
            )
        ]
    if len(shapes) != 1:
        return [
            Finding(
                'layout',
                f'observation and action widths differ between episodes: {sorted(shapes)}',
                'Keep data of one task in one file',
            )
        ]
    first = episodes[0]
    others = [e for e in episodes if e.observation_names != first.observation_names]
    return [
        Finding(
            'layout',
            f'entries of observations are {list(other.observation_names)} in {other.name} and '
            f'{list(first.observation_names)} in {first.name}',
            'Keep data of one task together',
        )
        for other in others[:1]
    ]


def not_finite(episodes: Sequence[RawEpisode]) -> list[Finding]:
    """Check that there is no NaN and no infinity."""
    found = []
    for name in ('observations', 'next_observations', 'actions', 'rewards'):
        bad = [e for e in episodes if not np.isfinite(getattr(e, name)).all()]
        if bad:
            found.append(
                Finding(
                    'not-finite',
                    f'{name} of {len(bad)} episodes hold NaN or infinity, first {bad[0].name}',
                    'Remove these episodes or correct the recording',
                )
            )
    return found


def broken_chain(episodes: Sequence[RawEpisode]) -> list[Finding]:
    """Check that each step begins with the next observation of the step before."""
    for episode in episodes:
        broken = np.flatnonzero(gaps(episode.next_observations[:-1], episode.observations[1:]))
        if len(broken):
            return [
                Finding(
                    'broken-chain',
                    f'{episode.name}: the next observation of step {broken[0]} is not the '
                    f'observation of step {broken[0] + 1} (further than {CHAIN_TOLERANCE})',
                    'If an episode ends there without a flag, set dataset.split: gaps',
                )
            ]
    return []


def duplicates(episodes: Sequence[RawEpisode]) -> list[Finding]:
    """Check that no episode is there twice; pictures are read only where all numbers agree."""
    seen: dict[bytes, list[RawEpisode]] = {}
    pairs = []
    for episode in episodes:
        content = episode.observations.tobytes() + episode.actions.tobytes()
        alike = seen.setdefault(hashlib.sha256(content).digest(), [])
        copied = next((each for each in alike if _show_the_same(each, episode)), None)
        if copied is not None:
            pairs.append((copied.name, episode.name))
        else:
            alike.append(episode)
    return [
        Finding(
            'duplicate',
            f'{len(pairs)} episodes are copies, first {pairs[0][1]} of {pairs[0][0]}',
            'Remove them: they would count twice',
        )
        for _ in pairs[:1]
    ]


def _show_the_same(one: RawEpisode, other: RawEpisode) -> bool:
    return one.films.keys() == other.films.keys() and all(
        film_digest(film) == film_digest(other.films[camera]) for camera, film in one.films.items()
    )
