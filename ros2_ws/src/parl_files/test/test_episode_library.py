# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_file import episode_to_bytes
from parl_files.episode_library import EpisodeLibrary, EpisodeMissingError


@pytest.fixture
def reports():
    return []


@pytest.fixture
def library(store, reports):
    return EpisodeLibrary(store, reports.append)


def test_completed_episodes_by_id(library, put, new_episode):
    names = put(
        new_episode('b', 'practice'),
        new_episode('a', 'demonstration', 'timeout'),
        new_episode('c', 'practice', 'aborted'),
        new_episode('d', 'practice', 'discarded'),
        new_episode('e', 'evaluation'),
        new_episode('f', 'practice', 'failed'),
    )
    assert library.completed() == {}
    library.refresh()
    by_id = {'a': names[1], 'b': names[0], 'e': names[4], 'f': names[5]}
    assert library.completed() == by_id
    assert library.successes() == {'a': False, 'b': True, 'e': True, 'f': False}
    assert list(library.completed()) == ['a', 'b', 'e', 'f']
    assert list(library.completed('practice')) == ['b', 'f']
    assert library.named(names[2]).episode_id == 'c'


def test_of_two_files_of_an_id_every_host_takes_the_same(tmp_path, new_episode):
    """The episodes of two hosts may arrive in any order."""
    contents = [episode_to_bytes(new_episode('a', seed=seed)) for seed in range(4)]
    chosen = set()
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
        store = ArtifactStore(tmp_path / f'host-{order[0]}')
        library = EpisodeLibrary(store, pytest.fail)
        for index in order:
            store.put('episode', index, contents[index], 'mcap')
            library.refresh()
        chosen.add(library.completed()['a'])
    (name,) = chosen
    assert name.startswith('episode-000000-')


def test_an_aborted_episode_can_be_played_again(library, store, put, new_episode):
    put(new_episode('a', 'practice', 'aborted'))
    again = store.put('episode', 0, episode_to_bytes(new_episode('a', 'practice')), 'mcap').name
    library.refresh()
    assert library.completed() == {'a': again}


def test_damaged_files_are_reported_once_and_left_out(library, store, put, reports, new_episode):
    good, cut = put(new_episode('a'), new_episode('b'))
    content = (store.folder / cut).read_bytes()
    (store.folder / cut).write_bytes(content[:-20])
    foreign = store.put('episode', 9, b'no episode', 'mcap').name
    library.refresh()
    library.refresh()
    assert list(library.completed()) == ['a']
    assert len(reports) == 2
    assert cut in reports[0]
    assert foreign in reports[1]
    assert 'left out of training' in reports[1]
    for name in (cut, foreign):
        with pytest.raises(EpisodeMissingError, match=f'{name}, .*missing from .* or damaged'):
            library.named(name)
    assert library.named(good).episode_id == 'a'


def test_a_repaired_file_counts_again(library, store, put, new_episode):
    (name,) = put(new_episode('a'))
    content = (store.folder / name).read_bytes()
    (store.folder / name).write_bytes(content[:-20])
    library.refresh()
    assert library.completed() == {}
    (store.folder / name).write_bytes(content)
    library.refresh()
    assert library.completed() == {'a': name}
