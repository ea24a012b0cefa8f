# SPDX-License-Identifier: Apache-2.0
"""Pictures in an episode's file."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from random_episode import make_episode

from parl_files.episode import EpisodeError
from parl_files.episode_file import episode_to_bytes, read_episode, read_frames
from parl_files.recording.film import encode_picture, Film
from parl_files.recording.step_definition import CAMERA, STEP

FRAMES = {'other': [(100.0, b'\xff\xd8first\xff\xd9'), (100.2, b'\xff\xd8second\xff\xd9')]}


@pytest.mark.parametrize('definition', [STEP, CAMERA])
def test_a_definition_holds_all_that_it_uses(definition):
    """A reader that knows no ROS message, as Rerun, needs each of them."""
    parts = definition.split('=' * 80 + '\n')
    defined = {part.splitlines()[0].removeprefix('MSG: ') for part in parts[1:]}
    lines = [line for part in parts for line in part.splitlines() if not line.startswith('MSG')]
    assert {line.split()[0].removesuffix('[]') for line in lines if '/' in line} == defined


def make_film(count=5, size=(24, 32), seed=0):
    draws = np.random.default_rng(seed)
    jpegs = [
        encode_picture(draws.integers(256, size=(*size, 3), dtype=np.uint8)) for _ in range(count)
    ]
    table = None if seed else np.arange(9.0).reshape(3, 3)
    return Film(size, 1.7e9 + 0.25 + 0.2 * np.arange(count), lambda: jpegs, table)


def test_observed_pictures_come_back(tmp_path):
    films = {'camera': make_film(), 'wrist_camera': make_film(size=(12, 16), seed=1)}
    episode = dataclasses.replace(make_episode(length=4), films=films)
    path = tmp_path / 'episode.mcap'
    path.write_bytes(episode_to_bytes(episode, FRAMES))
    read = read_episode(path)
    assert read.instruction == 'put it there'
    assert list(read.films) == ['camera', 'wrist_camera']
    for camera, film in films.items():
        assert read.films[camera].size == film.size
        np.testing.assert_allclose(read.films[camera].stamps_s, film.stamps_s)
        np.testing.assert_array_equal(read.films[camera].table, film.table)
        assert read.films[camera].compressed() == film.compressed()
        for one, other in zip(read.films[camera], film, strict=True):
            np.testing.assert_array_equal(one, other)
    assert list(read_frames(path)) == ['other', 'camera', 'wrist_camera']


def test_a_film_must_have_a_picture_for_each_observation():
    with pytest.raises(EpisodeError, match=r"film of 'camera' has 4 pictures.*expected 5"):
        dataclasses.replace(make_episode(length=4), films={'camera': make_film(4)})


OLD_FILE = Path(__file__).parent / 'version_1_pixels.mcap'


def test_pixels_of_a_file_of_version_1_become_a_film():
    """`observations/pixels.yaml` at the version before pictures: 3 × 4 × 6 pixels, 2 numbers."""
    episode = read_episode(OLD_FILE)
    assert episode.observation_names == ('ee_x', 'ee_y')
    assert episode.observations.shape == (3, 2)
    film = episode.films['camera']
    assert film.size == (4, 6)
    expected = np.arange(3 * 3 * 4 * 6).reshape(3, 3, 4, 6)
    for one, other in zip(film, expected, strict=True):
        np.testing.assert_array_equal(one, np.moveaxis(other, 0, -1))
    assert list(read_frames(OLD_FILE)) == ['camera']
