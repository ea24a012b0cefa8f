# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from parl_learner.offline.data.dataset import DatasetConfig, to_trajectories
from parl_learner.offline.data.dataset_check import DatasetCheck, DatasetError
from parl_learner.offline.data.dataset_table import table
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import ACTION_LIMIT, RawEpisode

DATASET = DatasetConfig(file='data.hdf5', format='d4rl')


def make_raw(name='first', length=4, success=True, **changes):
    rows = np.arange(length, dtype=np.float32)[:, None] + (0.5 if success else 0.0)
    last = np.arange(length) == length - 1
    fields = {
        'observations': rows,
        'next_observations': rows + 1.0,
        'actions': np.full((length, 2), 0.25, np.float32),
        'rewards': np.float32(last & success),
        'terminals': last & success,
        'timeouts': last & (not success),
    }
    return RawEpisode(name=name, **(fields | changes))


def make_check(**changes):
    settings = {
        'dataset': DATASET,
        'convention': RewardConvention(),
        'discount': 0.9,
        'failure_return': 'endless',
        'support': (-10.0, 0.0),
        'needs_success': True,
        'practises': False,
    }
    return DatasetCheck(**(settings | changes))


GOOD = (make_raw(), make_raw('second', success=False))


def names(check, *episodes):
    return [finding.name for finding in check.findings(episodes)]


def test_good_data_passes_and_its_table_says_what_it_is():
    check = make_check()
    assert names(check, *GOOD) == []
    rows = dict(table(GOOD, check))
    assert rows['episodes'] == '2 of 4 … 4 steps'
    assert rows['successes'] == '1 (50% of episodes)'
    assert rows['learned rewards'] == '-1 … 0 (bias -1.0)'
    assert rows['returns'] == '-10 … 0 (discount 0.9)'  # -1 / (1 - 0.9) after the time-out
    assert rows['flags'] == '1 terminals, 1 time-outs'


def bad_chain():
    rows = np.array([[1.0], [2.0], [3.0 + 1e-5], [4.0], [5.0]], np.float32)
    return make_raw('bad', 5, success=False, next_observations=rows)


IMAGES = np.zeros((4, 8, 8, 3), np.float32)
BAD = [
    pytest.param(make_raw('bad', observations=np.full((4, 1), np.nan)), 'not-finite', id='nan'),
    pytest.param(make_raw('bad', actions=np.full((4, 2), 1.2)), 'action-range', id='action'),
    pytest.param(bad_chain(), 'broken-chain', id='chain'),
    pytest.param(dataclasses.replace(GOOD[0], name='copy'), 'duplicate', id='duplicate'),
    pytest.param(
        make_raw('bad', 5, success=False, terminals=np.arange(5) == 4),
        'terminals',
        id='terminal_and_timeout',
    ),
    pytest.param(make_raw('bad', 5, timeouts=np.zeros(5, bool), terminals=np.zeros(5, bool)),
                 'terminals', id='neither'),
    pytest.param(
        make_raw('bad', 5, rewards=np.float32([0, 0, 0, 0, 2])),
        'reward-bias support',
        id='bias',
    ),
    pytest.param(make_raw('bad', actions=np.zeros((4, 3))), 'layout', id='width'),
    pytest.param(
        make_raw('bad', observations=IMAGES, next_observations=IMAGES),
        'layout',
        id='images',
    ),
]  # fmt: skip


@pytest.mark.parametrize(('episode', 'name'), BAD)
def test_what_is_wrong_is_named(episode, name):
    assert names(make_check(), *GOOD, episode) == name.split()


def test_binary_entries_must_be_there():
    assert names(make_check(binary_actions=(0, 1)), *GOOD) == []
    for entry in (2, -1):
        assert names(make_check(binary_actions=(0, entry)), *GOOD) == ['binary-actions']


def test_layouts_of_one_width_are_not_mixed():
    named = [
        make_raw('first', observation_names=('cup_x',)),
        make_raw('second', success=False, observation_names=('pot_x',)),
    ]
    assert names(make_check(), *named) == ['layout']
    assert 'pot_x' in str(make_check().findings(named)[0])
    assert (
        names(make_check(), *(dataclasses.replace(e, observation_names=('cup_x',)) for e in named))
        == []
    )


def test_a_wrong_bias_is_named():
    check = make_check(convention=RewardConvention(bias=0.0), support=None)
    assert names(check, *GOOD) == ['reward-bias']


def test_no_success_is_refused_unless_only_imitating():
    assert names(make_check(), GOOD[1]) == ['no-success']
    assert names(make_check(needs_success=False), GOOD[1]) == []


def test_support_must_hold_returns_and_what_a_timeout_bootstraps_to():
    assert names(make_check(support=(-9.9, 0.0)), *GOOD) == ['support']
    # Recorded returns reach -3.439, but a bootstrapped failure -1 / (1 - 0.9).
    assert names(make_check(support=(-5.0, 0.0), failure_return='recorded'), *GOOD) == ['support']
    assert names(make_check(support=(-5.0, 0.0), failure_return='recorded'), GOOD[0]) == []
    practising = make_check(support=(-5.0, 0.0), failure_return='recorded', practises=True)
    assert names(practising, GOOD[0]) == ['support']  # practice may time out
    (finding,) = make_check(support=(-5.0, 0.0)).findings(GOOD)
    assert '[-10.0, 0.0]' in finding.remedy


def test_the_remedies_work():
    episode = make_raw('fast', 5, actions=np.full((5, 2), 1.5, np.float32))
    scaled = dataclasses.replace(DATASET, action_scale=1.5)
    assert names(make_check(dataset=scaled), *GOOD, episode) == []
    unflagged = make_raw('bad', 5, timeouts=np.zeros(5, bool), terminals=np.zeros(5, bool))
    by_reward = dataclasses.replace(DATASET, terminals='reward')
    assert names(make_check(dataset=by_reward), *GOOD, unflagged) == []


def test_trajectories_end_with_success_and_actions_are_clipped():
    raw = make_raw(
        length=5,
        rewards=np.array([0.0, 0.0, 1.0, 1.0, 1.0], np.float32),
        actions=np.array([[0.5, 1.0]] * 5, np.float32),
    )
    (trajectory,) = to_trajectories([raw], RewardConvention())
    assert trajectory.rewards.tolist() == [-1.0, -1.0, 0.0]
    assert trajectory.terminated.tolist() == [False, False, True]
    assert trajectory.observations.ravel().tolist() == [0.5, 1.5, 2.5, 3.5]
    np.testing.assert_array_equal(trajectory.actions[0], np.float32([0.5, ACTION_LIMIT]))
    assert trajectory.success


def test_a_count_of_sub_tasks_is_graded():
    kitchen = RewardConvention(success_reward=4.0, bias=-4.0)
    assert kitchen.learned(np.array([0.0, 3.0, 4.0])).tolist() == [-4.0, -1.0, 0.0]
    assert kitchen.score(np.array([0.0, 1.0, 3.0])) == 75.0
    assert RewardConvention().score(np.array([0.0, 0.0])) == 0.0
    assert RewardConvention().score(np.array([0.0, 1.0])) == 100.0


def test_the_error_lists_every_finding():
    findings = make_check(support=(-5.0, 0.0)).findings([*GOOD, bad_chain()])
    error = DatasetError(findings)
    assert 'broken-chain: bad: the next observation of step 2' in str(error)
    assert 'support: values reach [-10, 0]' in str(error)
