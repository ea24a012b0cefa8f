# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_description.arm import is_failed_read, joint_limits, REST_JOINTS


def test_limits_are_drawn_in_by_the_margin():
    lower, upper = joint_limits(0.05)
    np.testing.assert_allclose(lower[1:3], np.radians([-108, -123]) + 0.05)
    np.testing.assert_allclose(upper[1:3], np.radians([114, 92]) - 0.05)


def test_the_arm_may_rest_where_it_rests():
    lower, upper = joint_limits()
    assert np.all((lower < REST_JOINTS) & (upper > REST_JOINTS))


@pytest.mark.parametrize('value', [-np.pi, float(np.float32(-np.pi)), np.nan, np.inf, -np.inf])
def test_a_failed_read_is_known(value):
    assert is_failed_read(value)


def test_a_joint_one_tick_off_its_stop_was_read():
    assert not is_failed_read(-np.pi + 2 * np.pi / 4096)
    assert not is_failed_read(np.pi)
