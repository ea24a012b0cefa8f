# SPDX-License-Identifier: Apache-2.0
import pytest

from reward_detector.camera.camera_watch import camera_health, Level


@pytest.mark.parametrize(
    ('age', 'silence', 'level', 'words'),
    [
        (0.1, 0.1, Level.OK, '0.10 s old'),
        (0.6, 0.6, Level.WARN, '0.6 s old (limit 0.5 s)'),
        (5.1, 5.1, Level.ERROR, '5.1 s old'),
        (0.0, 0.6, Level.OK, '0.00 s old'),
        (0.0, 2.5, Level.WARN, 'came for 2.5 s'),
        (0.0, 9.0, Level.ERROR, 'came for 9.0 s'),
        (None, 1.0, Level.WARN, 'no camera frame in 1.0 s'),
        (None, 7.0, Level.ERROR, 'no camera frame in 7.0 s'),
    ],
)
def test_levels_and_words(age, silence, level, words):
    health = camera_health(age, silence, 0.5)
    assert health.level == level
    assert words in health.message


def test_a_frozen_picture_is_an_error_at_once():
    health = camera_health(0.3, 0.1, 0.5, is_frozen=True)
    assert health.level == Level.ERROR
    assert 'same picture although the arm moves (0.3 s old)' in health.message
