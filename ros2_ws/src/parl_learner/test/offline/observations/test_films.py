# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_files.recording.film import encode_losslessly, Film, PictureError
from parl_learner.offline.observations.films import ArrayFilm, FilmStart, picture_bytes

PICTURES = np.arange(3 * 2 * 4 * 3, dtype=np.uint8).reshape(3, 2, 4, 3)
COMPRESSED = [encode_losslessly(picture) for picture in PICTURES]


def stored(pictures=COMPRESSED):
    return Film((2, 4), np.zeros(len(pictures)), lambda: pictures)


@pytest.mark.parametrize('film', [ArrayFilm(PICTURES), stored()])
def test_a_film_can_begin_another(film):
    start = FilmStart(film, 2, 'e')
    assert (start.size, len(start), len(film)) == ((2, 4), 2, 3)
    for _ in range(2):  # it can be read again
        np.testing.assert_array_equal(list(start), PICTURES[:2])


def test_the_calibration_of_a_camera_stays():
    film = Film((2, 4), np.zeros(3), lambda: COMPRESSED, np.eye(3))
    np.testing.assert_array_equal(FilmStart(FilmStart(film, 3, 'e'), 2, 'e').table, np.eye(3))
    assert FilmStart(ArrayFilm(PICTURES), 2, 'e').table is None


def test_bytes_are_those_that_are_kept():
    assert list(picture_bytes(FilmStart(stored(), 2, 'e'))) == COMPRESSED[:2]
    assert list(picture_bytes(ArrayFilm(PICTURES))) == [p.tobytes() for p in PICTURES]


def test_a_damaged_picture_is_named_with_its_episode():
    film = FilmStart(stored([COMPRESSED[0], b'damaged']), 2, 'episode 7, camera front')
    with pytest.raises(PictureError, match=r'^episode 7, camera front: 7 bytes'):
        list(film)
    assert len(list(FilmStart(film, 1, 'e'))) == 1
