# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from small_learner import new_learner, versions, work_off

from parl_files.episode_file import episode_to_bytes
from parl_files.episode_library import EpisodeMissingError
from parl_policy.acting.actor_file import load_actor


def test_a_version_for_every_round(experiment, store, put, recorded):
    put(*recorded)
    announced = []
    learner = new_learner(experiment(), store, announced=announced)
    # 3 + 1 + 5 + 1 units, then 1 + n + 1 + n + 1 for n = 5, 3 and 2 practised steps.
    assert work_off(learner) == 10 + 13 + 9 + 7
    assert learner.version == 4
    assert [(record.kind, record.version) for record in announced] == [
        (kind, version) for version in (1, 2, 3, 4) for kind in ('policy', 'critic')
    ]
    assert len(set(versions(store))) == 8
    policy, critic = store.newest('policy'), store.newest('critic')
    _, config, version = load_actor(store.path(policy.name), store.path(critic.name))
    assert version == 4
    assert config.observation_names == ('a', 'b', 'c')


def test_rounds_wait_for_their_episodes(experiment, store, put, recorded):
    learner = new_learner(experiment(), store)
    assert not learner.take_in_episodes()
    assert learner.loop is None
    assert learner.seconds_left == 0.0
    put(recorded[0])
    assert work_off(learner) == 0
    put(*recorded[:3])
    assert learner.take_in_episodes()
    assert learner.busy
    assert math.isnan(learner.seconds_left)
    work_off(learner)
    assert learner.version == 1
    put(*recorded[:4])
    work_off(learner)
    assert learner.version == 2
    put(*recorded)
    work_off(learner)
    assert learner.version == 4
    assert len(learner.loop.replay) == sum(len(episode) for episode in recorded)


def test_it_does_not_matter_when_episodes_arrive(experiment, store, put, recorded, uninterrupted):
    learner = new_learner(experiment(), store)
    for count in range(1, len(recorded) + 1):
        put(*recorded[:count])
        work_off(learner)
    assert versions(store) == uninterrupted(experiment())[0]


def test_what_is_not_to_be_learned_from(experiment, store, put, recorded, new_episode):
    put(
        *recorded[:3],
        new_episode('practice-0001', 'practice', 'aborted'),
        new_episode('practice-0001', 'practice', 'discarded'),
        new_episode('imitation-0000', 'evaluation'),
    )
    learner = new_learner(experiment(), store)
    work_off(learner)
    assert learner.version == 1
    assert len(learner.loop.replay) == 10


def test_an_episode_recorded_twice_is_learned_from_once(
    experiment, store, put, recorded, new_episode, uninterrupted
):
    learner = new_learner(experiment(), store)
    put(*recorded[:4])
    work_off(learner)
    twin = new_episode('practice-0000', 'practice', 'success', 4, 99)
    store.put('episode', 2, episode_to_bytes(twin), 'mcap')
    put(*recorded)
    work_off(learner)
    assert versions(store) == uninterrupted(experiment())[0]


def test_an_episode_that_was_learned_from_must_not_vanish(experiment, store, put, recorded):
    names = put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    store.path(names[1]).unlink()
    words = f'episode file {names[1]}, which was learned from, is missing from .*; put it back'
    with pytest.raises(EpisodeMissingError, match=words):
        new_learner(experiment(), store)


def test_damaged_episode_files_are_reported_and_skipped(
    experiment, store, put, recorded, new_episode, uninterrupted
):
    put(*recorded)
    (store.folder / 'episode-000000-0123456789abcdef.mcap').write_bytes(b'half an epis')
    foreign = store.put('episode', 0, b'something else', 'mcap').name
    reports = []
    learner = new_learner(experiment(), store, reports=reports)
    work_off(learner)
    assert versions(store) == uninterrupted(experiment())[0]
    assert len(reports) == 2
    assert 'episode-000000-0123456789abcdef.mcap' in reports[0]
    assert foreign in reports[1]


def test_the_time_left_comes_from_the_pace(experiment, store, put, recorded):
    put(*recorded[:2])
    learner = new_learner(experiment(), store)
    learner.take_in_episodes()
    learner.work()
    assert math.isnan(learner.seconds_left), 'no critic update yet'
    while learner.loop.counters.critic_steps < 1:
        learner.work()
    assert 0.0 < learner.seconds_left < 60.0
    work_off(learner)
    assert learner.seconds_left == 0.0
