# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_learner.offline.observations.numbers import check_numbers, joined_numbers


def test_vectors_are_joined_in_order():
    joined = joined_numbers([np.array([[1, 2]]), np.array([[0.5]])], 1)
    assert joined.dtype == np.float32
    assert joined.tolist() == [[1.0, 2.0, 0.5]]


def test_there_may_be_none():
    assert joined_numbers([], 3).shape == (3, 0)


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (
            np.zeros((1, 2, 2, 3), np.uint8),
            r"'arm' is uint8 .*pictures .*, name it in `cameras`",
        ),
        (np.zeros(1), r"'arm' is float64 of shape \(\) a step; .*: write them so$"),
        (np.array([['left']]), "'arm' is <U4"),
    ],
)
def test_what_is_no_vector_of_numbers_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        check_numbers('arm', array.dtype, array.shape[1:])
