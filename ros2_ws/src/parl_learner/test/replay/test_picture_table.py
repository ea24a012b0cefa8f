# SPDX-License-Identifier: Apache-2.0
import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from parl_files.error import ParlError
from parl_learner.replay.episode_states import episode_states
from parl_learner.replay.picture_table import PictureTable, PictureTableError
from parl_learner.replay.replay import Replay
from parl_policy.observations import ObservationNeeds, PictureConfig

SIZE = (5, 7)


def pictures(count, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, *size, 3), dtype=np.uint8)


def test_rows_come_back_in_any_order_while_it_grows(tmp_path):
    table, everything = PictureTable(SIZE, tmp_path), pictures(30)
    for count, picture in enumerate(everything, start=1):
        table.append(picture)
        assert len(table) == count
        rows = torch.randint(count, (4,))
        np.testing.assert_array_equal(table[rows].numpy(), everything[rows.numpy()])
    assert table[torch.arange(0)].shape == (0, *SIZE, 3)
    with pytest.raises(IndexError, match='row 30 of 30'):
        table[torch.tensor([30])]


def test_nothing_is_left_in_the_folder(tmp_path):
    table = PictureTable(SIZE, tmp_path)
    table.append(pictures(1)[0])
    assert not list(tmp_path.iterdir())


def resident_bytes():
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def test_memory_does_not_grow_with_the_rows(tmp_path):
    table, picture = PictureTable((224, 224), tmp_path), pictures(1, (224, 224))[0]
    table.append(picture)
    before = resident_bytes()
    for _ in range(1000):  # 150 MB
        table.append(picture)
    for first in range(0, 1000, 50):
        table[torch.arange(first, first + 50)]
    assert resident_bytes() - before < 40e6


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    table = PictureTable(SIZE, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, 'pwrite', full)
        with pytest.raises(PictureTableError, match=rf'cannot be kept in {tmp_path}: .*No space'):
            table.append(pictures(1)[0])
        patch.setattr(os, 'pwrite', lambda *_: 3)
        with pytest.raises(PictureTableError, match='only 3 of 105 bytes'):
            table.append(pictures(1)[0])
    table.append(pictures(1)[0])
    assert len(table) == 1


POLICY = ObservationNeeds({'camera': PictureConfig(size=(8, 8))})
CRITIC = ObservationNeeds(
    {'camera': PictureConfig(size=(4, 6), rows=(0.5, 1.0)), 'wrist': PictureConfig(size=(8, 8))},
    instruction=True,
)
CAMERAS = {'camera': (16, 24), 'wrist': (8, 8)}


def test_a_replay_shows_each_what_it_needs(new_episode, tmp_path):
    episodes = [new_episode(f'e{i}', seed=i, cameras=CAMERAS) for i in range(2)]
    replay = Replay(3, 7, 0.9, seen=(POLICY, CRITIC), folder=tmp_path)
    for episode in episodes:
        replay.add(episode)
    assert replay.seen_by(ObservationNeeds()) is replay.observations
    for needs in (POLICY, CRITIC):
        table = replay.seen_by(needs)
        assert len(table) == sum(len(episode) + 1 for episode in episodes)
        first = 0
        for episode in episodes:
            expected = episode_states(episode, needs)
            found = table[torch.arange(first, first + len(expected))]
            assert torch.equal(found.numbers, expected.numbers)
            assert found.instructions == expected.instructions
            assert found.pictures.keys() == expected.pictures.keys()
            for camera, seen in found.pictures.items():
                assert torch.equal(seen, expected.pictures[camera])
                assert seen.shape[1:3] == needs.pictures[camera].size
            first += len(expected)


@pytest.mark.parametrize('cameras', [{}, {'camera': (16, 24)}])
def test_an_episode_without_a_camera_that_is_seen_is_refused(new_episode, tmp_path, cameras):
    replay = Replay(3, 7, 0.9, seen=(CRITIC,), folder=tmp_path)
    with pytest.raises(ParlError, match=r"episode e7 has no pictures of the camera '\w+' for"):
        replay.add(new_episode('e7', cameras=cameras))


def test_a_damaged_picture_names_its_episode_and_camera(new_episode, tmp_path):
    replay = Replay(3, 7, 0.9, seen=(POLICY,), folder=tmp_path)
    episode = new_episode('e7', cameras=CAMERAS)
    film = episode.films['camera']
    damaged = dataclasses.replace(film, compressed=lambda: [b'no picture', *film.compressed()[1:]])
    with pytest.raises(
        ParlError, match=r"episode e7, camera 'camera': 10 bytes .* are no picture"
    ):
        replay.add(dataclasses.replace(episode, films={'camera': damaged}))
