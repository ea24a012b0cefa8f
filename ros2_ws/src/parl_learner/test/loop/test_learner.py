# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from small_learner import CheckpointAfterEveryUnit, new_learner, versions, work_off

from parl_files.episode_file import episode_to_bytes
from parl_files.episode_library import EpisodeMissingError
from parl_learner.loop.learner import Learner
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.replay.replay import EpisodeMisfitError
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.learning_config import Method
from parl_learner.training.learning_units import LearningUnits
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
    assert 0.0 < learner.seconds_left < math.inf
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
    for seed in (0, 9):  # its name is before that of the used file, and after it
        store.put('episode', seed, episode_to_bytes(twin), 'mcap')
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
    assert 0.0 < learner.seconds_left < 60.0, 'no update yet'
    while learner.loop.counters.critic_steps < 1:
        learner.work()
    assert 0.0 < learner.seconds_left < 60.0
    work_off(learner)
    assert learner.seconds_left == 0.0


@pytest.mark.parametrize(('period', 'critic_pace'), [(1, 37.0), (2, (37.0 + 7.0) / 2)])
def test_the_time_of_work_that_has_not_begun_comes_from_a_trial(
    experiment, learning, store, put, recorded, monkeypatch, period, critic_pace
):
    """An imitation takes 2 s, a block of samples 5 s, a critic update 7 s, new particles 30 s."""
    now = [0.0]

    def lasting(name, seconds):
        unit = getattr(LearningUnits, name)

        def slow(units, *arguments):
            now[0] += seconds(*arguments)
            return unit(units, *arguments)

        monkeypatch.setattr(LearningUnits, name, slow)

    lasting('imitate', lambda: 2.0)
    lasting('sample_next', lambda: 5.0)
    lasting('improve_critic', lambda unit: 37.0 if unit % period == 0 else 7.0)
    put(*recorded[:2])
    config = experiment(learning=learning(particle_refresh_steps=period))
    learner = Learner(config, store, [].append, [].append, lambda: now[0])
    learner.take_in_episodes()
    expected = 3 * 2.0 + 5.0 + 5 * critic_pace
    assert learner.seconds_left == pytest.approx(expected)
    learner.work()
    learner.work()
    assert learner.seconds_left == pytest.approx(expected - 2 * 2.0)


def test_a_trial_changes_nothing_that_is_learned(experiment, store, put, recorded):
    config = experiment()
    put(*recorded[:2])
    learner = new_learner(config, store)
    work_off(learner)
    alone = LearningLoop(config.learning, recorded[0].observation_names, config.seed)
    alone.begin_round(recorded[:2])
    while not alone.idle:
        alone.advance()
    for kind, content in alone.version_files().items():
        assert store.path(store.newest(kind).name).read_bytes() == content


def test_a_resumed_learner_estimates_at_once(experiment, store, put, recorded):
    put(*recorded[:2])
    learner = new_learner(experiment(), store, CheckpointAfterEveryUnit)
    learner.take_in_episodes()
    learner.work()
    resumed = new_learner(experiment(), store)
    assert 0.0 < resumed.seconds_left < 60.0


GAUSSIAN = {'policy_class': 'gaussian', 'policy': {'hidden': [8]}}
IQL = {'critic_trainer': CriticTrainerConfig(algorithm='iql')}


@pytest.mark.parametrize(
    ('method', 'changes'),
    [
        ('value_gradient', GAUSSIAN),
        ('awr', IQL),
        ('imitation', {}),
        ('filtered_imitation', {}),
        ('frozen', {}),
    ],
)
def test_other_methods_estimate_their_first_round_too(
    experiment, learning, store, put, recorded, method, changes
):
    put(*recorded[:2])
    config = experiment(learning=learning(method=Method(method), **changes))
    learner = new_learner(config, store)
    learner.take_in_episodes()
    assert 0.0 < learner.seconds_left < 60.0


@pytest.mark.parametrize('cameras', [None, {'wrist': (16, 16)}, {'camera': (8, 8)}])
def test_an_episode_of_other_cameras_is_named_with_its_file(
    experiment, learning, store, new_episode, put, cameras
):
    vision = {'pictures': {'camera': {'size': [16, 16]}}, 'encoder': {'widths': [4]}}
    config = experiment(
        cameras={'camera': (16, 16)}, learning=learning(policy={'hidden': 8, 'vision': vision})
    )
    put(new_episode('d0', cameras=cameras), new_episode('d1', cameras={'camera': (16, 16)}))
    learner = new_learner(config, store)
    with pytest.raises(EpisodeMisfitError, match=r'episode d0 in episode-\S+mcap has .*take the'):
        work_off(learner)
    assert learner.loop is None


def test_pictures_that_the_experiment_does_not_record_are_named(
    experiment, store, new_episode, put
):
    put(*[new_episode(f'd{i}', cameras={'camera': (16, 16)}) for i in range(2)])
    with pytest.raises(EpisodeMisfitError, match=r"'camera': \(16, 16\).* records none"):
        work_off(new_learner(experiment(), store))
