# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import math
import resource

import pytest
import torch

from parl_files.artifact_store import ArtifactStore
from parl_files.config_file import ConfigError
from parl_files.durable_file import DurableWriteError
from parl_files.episode_file import episode_to_bytes
from parl_files.episode_library import EpisodeMissingError
from parl_learner.loop.checkpoint import CheckpointError
from parl_learner.loop.learner import Learner
from parl_policy.acting.actor_file import load_actor
from parl_policy.acting.weights_file import load_weights, weights_to_bytes


class CheckpointAfterEveryUnit(Learner):
    CHECKPOINT_EVERY_S = -100.0


def new_learner(config, store, kind=Learner, announced=None, reports=None):
    announce = (announced if announced is not None else []).append
    return kind(config, store, announce, (reports if reports is not None else []).append)


def work_off(learner):
    """Does all there is to do; returns the number of units."""
    units = 0
    while learner.take_in_episodes():
        learner.work()
        units += 1
    return units


def versions(store):
    """Names of all versions; they contain the hash of the weights."""
    return [record.name for kind in ('policy', 'critic') for record in store.list(kind)]


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


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'particle_refresh_steps': 1},
        {'method': 'filtered_imitation'},
        {'method': 'frozen'},
    ],
    ids=str,
)
def test_killed_after_every_unit_it_ends_bit_identical(
    experiment, learning, store, put, recorded, uninterrupted, changes
):
    config = experiment(learning=learning(**changes))
    expected, units = uninterrupted(config)
    put(*recorded)
    stages = set()
    for kills in range(200):
        torch.manual_seed(kills)  # another process begins with other random numbers
        learner = new_learner(config, store, CheckpointAfterEveryUnit)
        if not learner.take_in_episodes():
            break
        stages.add((learner.loop.counters.round, learner.loop.stage.name))
        learner.work()
    assert kills == units
    assert versions(store) == expected
    if not changes:
        assert len(stages) == 4 + 3 * 5


@pytest.mark.parametrize('cut', [1, 4, 7, 11, 14, 18, 24, 37])
def test_killed_between_checkpoints_it_repeats_the_round(
    experiment, store, put, recorded, uninterrupted, cut
):
    put(*recorded)
    learner = new_learner(experiment(), store)
    for _ in range(cut):
        learner.take_in_episodes()
        learner.work()
    torch.manual_seed(cut)
    work_off(new_learner(experiment(), store))
    assert versions(store) == uninterrupted(experiment())[0]


def test_killed_before_the_version_was_stored_it_stores_it(experiment, store, put, recorded):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    before = versions(store)
    for name in before:
        store.path(name).unlink()
    announced = []
    learner = new_learner(experiment(), store, announced=announced)
    assert not learner.take_in_episodes()
    assert learner.version == 1
    assert versions(store) == before
    assert [record.name for record in announced] == before


def test_another_configuration_is_refused(experiment, learning, store, put, recorded):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    changed = replace(experiment(), learning=learning(discount=0.95))
    with pytest.raises(CheckpointError, match=r'discount was 0\.99 and is 0\.95'):
        new_learner(changed, store)
    changed = replace(experiment(), learning=learning(policy={'hidden': 16}))
    with pytest.raises(
        CheckpointError, match=r'policy\..* was .* and is .*; continue with the old'
    ):
        new_learner(changed, store)


def test_a_setting_added_after_the_checkpoint_counts_with_its_default(
    experiment, store, put, recorded
):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    tensors, metadata = load_weights(path)
    del metadata['config']['action_horizon']
    path.write_bytes(weights_to_bytes(tensors, metadata))
    assert new_learner(experiment(), store).loop.counters.version == 1


def test_a_damaged_checkpoint_may_be_removed(experiment, store, put, recorded, uninterrupted):
    put(*recorded)
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(
        CheckpointError, match=r'learner\.checkpoint: .*put a copy of it back'
    ) as e:
        new_learner(experiment(), store)
    assert 'delete it' not in str(e.value)
    assert 'may also be removed; then everything is learned again' in str(e.value)
    path.unlink()
    for name in versions(store):
        store.path(name).unlink()
    work_off(new_learner(experiment(), store))
    assert versions(store) == uninterrupted(experiment())[0]


def add_a_counter(tensors, metadata):
    metadata['counters']['naps'] = 3


def forget_a_counter(tensors, metadata):
    del metadata['counters']['critic_steps']


def forget_the_rounds(tensors, metadata):
    del metadata['rounds']


def forget_the_draws(tensors, metadata):
    del tensors['random']


def forget_a_weight(tensors, metadata):
    del tensors['critic_trainer/critic/members.0.head.weight']


def forget_the_cache(tensors, metadata):
    del tensors['cache/actions']


def widen_a_layer(tensors, metadata):
    tensors['critic_trainer/critic/members.0.head.bias'] = torch.zeros(5)


def add_a_setting(tensors, metadata):
    metadata['config']['momentum'] = 0.9


@pytest.mark.parametrize(
    'change',
    [
        add_a_counter,
        forget_a_counter,
        forget_the_rounds,
        forget_the_draws,
        forget_a_weight,
        forget_the_cache,
        widen_a_layer,
        add_a_setting,
    ],
)
def test_a_checkpoint_of_another_version_of_the_code_is_named(
    experiment, store, put, recorded, change
):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    tensors, metadata = load_weights(path)
    change(tensors, metadata)
    path.write_bytes(weights_to_bytes(tensors, metadata))
    words = f'{path}.* written by another version of the code.*continue with that version, or'
    with pytest.raises((CheckpointError, ConfigError), match=words):
        new_learner(experiment(), store)


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


class FullDisk:
    """Lets this process write no file longer than some bytes, as on a disk with no more room."""

    def __init__(self, limit=1000):
        self.limit = limit

    def __enter__(self):
        self.old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.old[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.old)


@pytest.mark.parametrize('full_at', [0, 1, 9, 10, 12, 22, 38])
def test_a_full_disk_is_named_and_costs_nothing(
    experiment, store, put, recorded, uninterrupted, full_at
):
    put(*recorded)
    learner = new_learner(experiment(), store, CheckpointAfterEveryUnit)
    errors, calls = [], 0
    while calls < 200:
        try:
            if calls == full_at:
                with FullDisk():
                    is_busy = learner.take_in_episodes()
                    if is_busy:
                        learner.work()
            else:
                is_busy = learner.take_in_episodes()
                if is_busy:
                    learner.work()
        except DurableWriteError as error:
            errors.append(str(error))
            is_busy = True
        calls += 1
        if not is_busy:
            break
    assert len(errors) == 1
    assert 'could not write' in errors[0]
    assert not list(store.folder.glob('*.partial'))
    assert versions(store) == uninterrupted(experiment())[0]
    again = new_learner(experiment(), store)
    assert not again.take_in_episodes()
    assert again.version == 4


def test_killed_while_the_disk_is_full_it_goes_on_from_the_old_checkpoint(
    experiment, store, put, recorded, uninterrupted
):
    put(*recorded)
    learner = new_learner(experiment(), store, CheckpointAfterEveryUnit)
    for _ in range(12):
        learner.take_in_episodes()
        learner.work()
    before = (store.folder / 'learner.checkpoint').read_bytes()
    for _ in range(3):
        with FullDisk(), pytest.raises(DurableWriteError, match=r'learner\.checkpoint'):
            learner.work()
    assert (store.folder / 'learner.checkpoint').read_bytes() == before
    torch.manual_seed(0)
    work_off(new_learner(experiment(), store))
    assert versions(store) == uninterrupted(experiment())[0]


def test_restarted_on_a_full_disk_it_needs_no_room_for_what_is_stored(
    experiment, store, put, recorded
):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    with FullDisk():
        learner = new_learner(experiment(), store)
        assert not learner.take_in_episodes()
    assert learner.version == 1


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
