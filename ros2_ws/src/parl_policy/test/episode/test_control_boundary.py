# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from parl_policy.episode.input_gate import next_boundary


def begins(first_s, delays_s, camera_period_s=0.05, steps=50):
    """When steps begin at 5 Hz: each with the newest frame there is."""
    boundary_s, begun = first_s, []
    for step in range(steps):
        now_s = boundary_s + delays_s[step % len(delays_s)]
        begun.append(now_s)
        frame_s = now_s - now_s % camera_period_s
        boundary_s = next_boundary(boundary_s, frame_s, 0.2)
    return begun


@pytest.mark.parametrize('first_s', [10.0, 10.02, 10.049])
def test_steps_keep_their_period_whatever_the_age_of_their_frames(first_s):
    """They came 0 to 50 ms early, each, when the period was counted from the frame."""
    begun = begins(first_s, [0.0])
    assert begun[-1] - begun[0] == pytest.approx(49 * 0.2)


def test_a_late_step_is_not_made_up_for():
    begun = begins(10.0, [0.0, 0.0, 0.3])
    assert min(b - a for a, b in itertools.pairwise(begun)) > 0.14
