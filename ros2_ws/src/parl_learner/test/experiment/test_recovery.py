# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

from parl_files.episode_library import EpisodeLibrary
from parl_learner.experiment.record import RecordedStep
from parl_learner.experiment.recovery import unrecorded_steps


def test_finds_what_is_on_disk_but_not_in_the_record(
    experiment, store, put, recorded, new_episode
):
    put(*recorded[:3], new_episode('practice-0001', 'practice', 'aborted'))
    library = EpisodeLibrary(store, lambda _: None)
    library.refresh()
    found = unrecorded_steps(experiment(), library, 1, {'demonstrations-0001'})
    assert [replace(recorded, seconds=round(recorded.seconds, 6)) for _, recorded in found] == [
        RecordedStep(
            phase='demonstrations',
            name='demonstrations-0000',
            seconds=1.2,
            success=True,
            steps=6,
        ),
        RecordedStep(phase='learning', name='version-1', seconds=0.0),
        RecordedStep(phase='practice', name='practice-0000', seconds=0.6, steps=3),
    ]
    names = {recorded.name for _, recorded in found} | {'demonstrations-0001'}
    assert unrecorded_steps(experiment(), library, 1, names) == []


def test_practice_after_a_gate_was_by_the_version_that_it_kept(
    experiment, store, put, recorded, new_episode
):
    gate = [
        new_episode(f'gate-000{n}-0000', 'evaluation', o)
        for n, o in enumerate(('success', 'timeout'), 1)
    ]
    put(*recorded, *gate)
    library = EpisodeLibrary(store, lambda _: None)
    library.refresh()
    found = unrecorded_steps(experiment(gate_episodes=1), library, 2, set())
    versions = {recorded.name: step.version for step, recorded in found}
    assert (versions['gate-0002-0000'], versions['practice-0002']) == (2, 1)
