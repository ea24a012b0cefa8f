# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.loop.checkpoint_timer import CheckpointTimer


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_writing_takes_at_most_a_twentieth_of_the_time():
    clock = Clock()
    timer = CheckpointTimer(20.0, clock)
    clock.now_s += 20.0
    assert not timer.is_due
    clock.now_s += 1.0
    assert timer.is_due
    with timer.saving():
        clock.now_s += 24.0
    clock.now_s += 20.0 + 19 * 24.0
    assert not timer.is_due
    clock.now_s += 1.0
    assert timer.is_due


def test_a_checkpoint_that_failed_is_due_again():
    clock = Clock()
    timer = CheckpointTimer(20.0, clock)
    clock.now_s += 21.0
    with pytest.raises(OSError, match='full'), timer.saving():
        raise OSError('full')
    assert timer.is_due
