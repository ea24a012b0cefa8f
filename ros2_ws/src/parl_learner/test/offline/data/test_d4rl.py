# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_files.durable_file import DurableWriteError
from parl_learner.offline.data.d4rl import read_d4rl, write_d4rl
from parl_learner.offline.data.hdf5_file import DatasetFileError


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


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'rewards': np.zeros(4)}, 'different lengths'),
        ({'actions': None}, "array 'actions' is missing"),
        ({'rewards': np.zeros((5, 1))}, r'rewards have shape \(5, 1\); write one number'),
        ({'terminals': np.zeros((5, 1))}, r'terminals have shape \(5, 1\)'),
        ({'timeouts': np.zeros((5, 1))}, r'timeouts have shape \(5, 1\)'),
        ({'actions': np.array([b'left'] * 5)}, "'actions' of / is .S4 of shape"),
        ({'observations': np.zeros(5)}, 'observations: part 0 .* expected vectors'),
        ({'next_observations': np.zeros((5, 2))}, r'\(3, 2\) and observations \(3, 1\)'),
        ({'observations': np.zeros((5, 2, 2, 3))}, 'images are float64; expected uint8'),
    ],
)
def test_broken_d4rl_is_refused(path, change, message):
    write(path, {k: v for k, v in flat(**change).items() if v is not None})
    with pytest.raises(DatasetFileError, match=message):
        read_d4rl(path, 'flags')


@pytest.mark.parametrize('missing', [(), ('next_observations', 'timeouts')])
def test_empty_arrays_are_no_episodes(path, missing):
    write(path, {k: np.asarray(v)[:0] for k, v in flat().items() if k not in missing})
    assert read_d4rl(path, 'gaps') == []


def test_images_become_vectors_with_their_layout(path):
    frames = np.arange(5 * 2 * 2 * 3, dtype=np.uint8).reshape(5, 2, 2, 3)
    write(path, flat(observations=frames, next_observations=frames))
    first, _ = read_d4rl(path, 'flags')
    assert first.observation_names == ('image[3,2,2]',)
    assert first.observations[1, :4].tolist() == [12.0, 15.0, 18.0, 21.0]  # red of the second


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    write_d4rl(path, {k: np.asarray(v) for k, v in flat().items()})

    def no_room(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', no_room)
    with pytest.raises(DurableWriteError, match='No space left'):
        write_d4rl(path, {'observations': np.zeros((1, 1))})
    monkeypatch.undo()
    assert len(read_d4rl(path, 'flags')) == 2
    assert [p.name for p in path.parent.iterdir()] == [path.name]
