# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_files.observation_names import image_shape, observation_size
from parl_learner.offline.data.flat_observation import flat_observations


def test_vectors_are_joined_in_order():
    flat, names = flat_observations([np.array([[1, 2]]), np.array([[0.5]])])
    assert flat.dtype == np.float32
    assert flat.tolist() == [[1.0, 2.0, 0.5]]
    assert names == ()


def test_pixels_are_laid_out_as_the_stations():
    image = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)  # 1 row, 2 columns: red, green, blue
    flat, names = flat_observations([image[np.newaxis], np.array([[9.0]])])
    assert flat.tolist() == [[1.0, 4.0, 2.0, 5.0, 3.0, 6.0, 9.0]]
    assert image_shape(names) == (3, 1, 2)
    assert observation_size(names) == flat.shape[1]


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        ([np.zeros((1, 2, 2, 3))], 'images are float64'),
        ([np.zeros((1, 2)), np.zeros((1, 2, 2, 3), np.uint8)], 'part 1'),
        ([np.zeros(1)], r'part 0 .* shape \(\)'),
        ([np.array([['left']])], 'part 0 of the observations is <U4'),
    ],
)
def test_other_parts_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        flat_observations(parts)
