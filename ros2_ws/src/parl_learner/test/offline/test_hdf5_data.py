# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_learner.offline.hdf5_data import DatasetFileError, read_d4rl, read_minari


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'data.hdf5'


def write(path, arrays):
    with h5py.File(path, 'w') as file:
        for name, array in arrays.items():
            file[name] = np.asarray(array)


def flat(**changes):
    """Five steps: three until a terminal, two until a time-out."""
    rows = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    return {
        'observations': rows,
        'next_observations': rows + 1.0,
        'actions': np.linspace(0.0, 0.4, 5)[:, None],
        'rewards': [0.0, 0.0, 1.0, 0.0, 0.0],
        'terminals': [0, 0, 1, 0, 0],
        'timeouts': [0, 0, 0, 0, 1],
    } | changes


def test_d4rl_is_cut_at_flags(path):
    write(path, flat())
    first, second = read_d4rl(path, 'flags')
    assert first.observations.ravel().tolist() == [0.0, 1.0, 2.0]
    assert first.next_observations.ravel().tolist() == [1.0, 2.0, 3.0]
    assert first.terminals.tolist() == [False, False, True]
    assert second.rewards.tolist() == [0.0, 0.0]
    assert second.timeouts.tolist() == [False, True]
    assert second.name == 'data.hdf5 episode 1'


def test_d4rl_is_cut_where_observations_do_not_chain(path):
    write(path, flat(terminals=np.zeros(5), timeouts=np.zeros(5)))
    assert [len(e) for e in read_d4rl(path, 'flags')] == [5]
    assert [len(e) for e in read_d4rl(path, 'gaps')] == [3, 2]


def test_without_next_observations_the_last_row_closes(path):
    arrays = flat()
    del arrays['next_observations']
    write(path, arrays)
    first, second = read_d4rl(path, 'flags')
    # Nothing follows a terminal, so its own observation may stand for the next.
    assert first.next_observations.ravel().tolist() == [1.0, 2.0, 2.0]
    assert len(second) == 1
    assert second.next_observations.ravel().tolist() == [11.0]


def test_d4rl_without_timeouts_is_one_episode_a_terminal(path):
    arrays = flat()
    del arrays['timeouts']
    write(path, arrays)
    assert [len(e) for e in read_d4rl(path, 'flags')] == [3, 2]


def minari_group(file, name, length, keys=('achieved_goal', 'observation')):
    group = file.create_group(name)
    for width, key in enumerate(keys, start=1):
        group[f'observations/{key}'] = np.full((length + 1, width), float(width))
    group['actions'] = np.zeros((length, 2))
    group['rewards'] = np.zeros(length)
    group['terminations'] = np.zeros(length, bool)
    group['truncations'] = np.arange(length) == length - 1


def test_minari_joins_dictionaries_in_the_order_given_and_sorts_by_number(path):
    with h5py.File(path, 'w') as file:
        for number, length in ((10, 4), (2, 3)):
            minari_group(file, f'episode_{number}', length)
    first, second = read_minari(path, ('observation', 'achieved_goal'))
    assert (len(first), len(second)) == (3, 4)
    assert first.observations[0].tolist() == [2.0, 2.0, 1.0]
    assert first.next_observations.shape == (3, 3)
    assert first.timeouts.tolist() == [False, False, True]


def test_minari_with_plain_observations(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        del file['episode_0/observations']
        file['episode_0/observations'] = np.arange(3.0)[:, None]
    (episode,) = read_minari(path, ())
    assert episode.next_observations.ravel().tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'rewards': np.zeros(4)}, 'different lengths'),
        ({'actions': None}, "array 'actions' is missing"),
    ],
)
def test_broken_d4rl_is_refused(path, change, message):
    write(path, {k: v for k, v in flat(**change).items() if v is not None})
    with pytest.raises(DatasetFileError, match=message):
        read_d4rl(path, 'flags')


def test_foreign_files_are_refused(path):
    with pytest.raises(DatasetFileError, match='PARL_DATA'):
        read_minari(path, ())
    write(path, flat())
    with pytest.raises(DatasetFileError, match='not Minari data'):
        read_minari(path, ())
