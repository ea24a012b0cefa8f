# SPDX-License-Identifier: Apache-2.0
"""A learner that is killed and started again ends as if nothing had happened."""

import resource

import pytest
from small_learner import CheckpointAfterEveryUnit, new_learner, versions, work_off
import torch

from parl_files.durable_file import DurableWriteError


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
