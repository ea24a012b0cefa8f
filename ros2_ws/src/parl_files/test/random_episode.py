# SPDX-License-Identifier: Apache-2.0
"""Episodes of random numbers."""

import numpy as np

from parl_files.episode import Episode
from parl_files.recording.film import encode_picture, Film

NAMES = ('a', 'b', 'c')


def make_episode(
    episode_id='e',
    purpose='demonstration',
    outcome='success',
    length=5,
    seed=0,
    names=NAMES,
    cameras=None,
):
    draws = np.random.default_rng(seed)
    ends = np.arange(length) == length - 1
    is_success = outcome == 'success'
    actions = draws.uniform(-1, 1, (length, 7))
    actions[:, 6] = np.sign(actions[:, 6])
    return Episode(
        episode_id=episode_id,
        purpose=purpose,
        outcome=outcome,
        observation_names=names,
        observations=draws.normal(size=(length + 1, len(names))),
        actions=actions,
        proposed_actions=actions,
        rewards=np.where(ends & is_success, 0.0, -1.0),
        terminated=ends & is_success,
        truncated=ends & (not is_success),
        stamps_s=0.2 * np.arange(length + 1),
        verdicts=np.ones(length + 1),
        policy_versions=[''] * (length + 1),
        instruction='put it there',
        films={c: make_film(length + 1, draws, size) for c, size in (cameras or {}).items()},
    )


def make_film(count, draws, size):
    """Pictures of one colour, each another one."""
    shades = draws.integers(256, size=(count, 1, 1, 3), dtype=np.uint8)
    jpegs = [encode_picture(np.tile(shade, (*size, 1))) for shade in shades]
    return Film(size, 0.2 * np.arange(count), lambda: jpegs, table=np.eye(3))
