# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_files.durable_file import DurableWriteError
from parl_learner.offline.data.d4rl import read_d4rl, write_d4rl
from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.observations.keys import ObservationKeys


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
        ({'observations': np.zeros(5)}, r"'observations' is float64 of shape \(\) a step"),
        ({'next_observations': np.zeros((5, 2))}, r'\(3, 2\) and observations \(3, 1\)'),
        ({'observations': np.zeros((5, 2, 2, 3))}, 'pictures .*, name it in `cameras`'),
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


FRAMES = np.arange(6 * 2 * 4 * 3, dtype=np.uint8).reshape(6, 2, 4, 3)
SEEN = ObservationKeys(cameras={'front': 'observations'})
BESIDE = ObservationKeys(cameras={'front': 'images'})


def test_the_last_next_picture_closes_a_film(path):
    write(path, flat(observations=FRAMES[:5], next_observations=FRAMES[1:]))
    first, second = read_d4rl(path, 'flags', SEEN)
    assert first.observations.shape == first.next_observations.shape == (3, 0)
    film = first.films['front']
    assert (film.size, len(film)) == ((2, 4), 4)
    np.testing.assert_array_equal(list(film), FRAMES[:4])
    np.testing.assert_array_equal(list(second.films['front']), FRAMES[3:])


def test_without_next_pictures_the_last_row_closes(path):
    arrays = flat(observations=FRAMES[:5])
    del arrays['next_observations']
    write(path, arrays)
    first, second = read_d4rl(path, 'flags', SEEN)
    np.testing.assert_array_equal(list(first.films['front']), FRAMES[[0, 1, 2, 2]])
    np.testing.assert_array_equal(list(second.films['front']), FRAMES[3:5])


def test_pictures_lie_beside_numbers_or_among_them(path):
    beside = flat(images=FRAMES[:5], next_images=FRAMES[1:])
    write(path, beside)
    first, _ = read_d4rl(path, 'flags', BESIDE)
    assert first.next_observations.ravel().tolist() == [1.0, 2.0, 3.0]
    expected = list(first.films['front'])
    among = {
        f'{prefix}observations/{key}': beside[f'{prefix}{name}']
        for prefix in ('', 'next_')
        for key, name in (('arm', 'observations'), ('image', 'images'))
    }
    others = {key: value for key, value in flat().items() if 'observations' not in key}
    write(path, others | among)
    keys = ObservationKeys(observation_keys=('arm',), cameras={'front': 'image'})
    first, _ = read_d4rl(path, 'flags', keys)
    assert first.next_observations.ravel().tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(list(first.films['front']), expected)


@pytest.mark.parametrize(
    ('change', 'keys', 'message'),
    [
        ({}, {'cameras': {'front': 'images'}}, "'images' in `cameras` is no array of /"),
        (
            {'images': np.zeros((5, 3, 8, 9), np.uint8)},
            {'cameras': {'front': 'images'}},
            r'uint8 of shape \(3, 8, 9\) .* its channels come first, write them last',
        ),
        (
            {'images': np.zeros((5, 8, 9, 3))},
            {'cameras': {'front': 'images'}},
            r'float64 of shape \(8, 9, 3\) .* whole numbers, for example \(255 \* pictures\)',
        ),
        (
            {'images': np.zeros((5, 8, 9, 1), np.uint8)},
            {'cameras': {'front': 'images'}},
            'it has 1 channels, write red, green and blue',
        ),
        (
            {'images': np.zeros((5, 8))},
            {'cameras': {'front': 'images'}},
            'if these are numbers, name the key in observation_keys',
        ),
        (
            {'images': np.zeros((4, 8, 9, 3), np.uint8)},
            {'cameras': {'front': 'images'}},
            "different lengths .*'images': 4",
        ),
        (
            {'images': np.zeros((5, 3, 8, 9), np.uint8)},
            {'observation_keys': ('images',)},
            r"'images' is uint8 of shape \(3, 8, 9\) a step.* if these are pictures",
        ),
    ],
)
def test_what_is_no_picture_is_refused_with_a_remedy(path, change, keys, message):
    arrays = flat(**change)
    del arrays['next_observations']
    write(path, arrays)
    with pytest.raises(DatasetFileError, match=message):
        read_d4rl(path, 'flags', ObservationKeys(**keys))


def test_next_pictures_are_there_like_next_numbers(path):
    write(path, flat(images=FRAMES[:5]))
    with pytest.raises(DatasetFileError, match=r"\['next_images'\] are missing, but other next"):
        read_d4rl(path, 'flags', BESIDE)
    write(path, flat(images=FRAMES[:5], next_images=FRAMES[:5, :1]))
    with pytest.raises(DatasetFileError, match='pictures differ in size'):
        read_d4rl(path, 'flags', BESIDE)


def test_gaps_between_pictures_are_not_looked_for(path):
    write(path, flat(observations=FRAMES[:5], next_observations=FRAMES[1:]))
    with pytest.raises(DatasetFileError, match='set it to flags'):
        read_d4rl(path, 'gaps', SEEN)


@pytest.mark.parametrize('told', [['a', 'a', 'a', 'b', 'b'], 'a'])
def test_an_episode_has_the_instruction_of_its_first_step(path, told):
    write(path, flat())
    with h5py.File(path, 'a') as file:
        file['task'] = told
    found = read_d4rl(path, 'flags', ObservationKeys(instruction_key='task'))
    assert [e.instruction for e in found] == ['a', 'b' if len(told) > 1 else 'a']
    with pytest.raises(DatasetFileError, match=r"'rewards' of / is float64; .*instruction_key"):
        read_d4rl(path, 'flags', ObservationKeys(instruction_key='rewards'))
    assert [e.instruction for e in read_d4rl(path, 'flags')] == ['', '']


def test_a_damaged_block_is_named(path):
    draws = np.random.default_rng(0)
    arrays = flat(images=draws.integers(256, size=(5, 64, 64, 3), dtype=np.uint8))
    del arrays['next_observations']
    with h5py.File(path, 'w') as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=np.asarray(array), compression='gzip', chunks=True)
        chunk = file['images'].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    path.write_bytes(content)
    first, _ = read_d4rl(path, 'flags', BESIDE)
    with pytest.raises(DatasetFileError, match=r'data.hdf5: /images cannot be read: .* again'):
        list(first.films['front'])


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
