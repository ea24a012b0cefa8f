# SPDX-License-Identifier: Apache-2.0
"""What a learner that nothing disturbs ends with."""

import pytest
from small_learner import new_learner, versions, work_off

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_file import episode_to_bytes


@pytest.fixture(scope='session')
def uninterrupted(tmp_path_factory, recorded):
    """Gives the versions of an uninterrupted run and its number of units."""
    known = {}

    def run(config):
        if str(config) in known:
            return known[str(config)]
        store = ArtifactStore(tmp_path_factory.mktemp('uninterrupted') / 'artifacts')
        for index, episode in enumerate(recorded):
            store.put('episode', index, episode_to_bytes(episode), 'mcap')
        units = work_off(new_learner(config, store))
        known[str(config)] = versions(store), units
        return known[str(config)]

    return run
