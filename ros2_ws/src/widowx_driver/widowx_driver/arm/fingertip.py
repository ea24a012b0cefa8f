# SPDX-License-Identifier: Apache-2.0
"""Computes how far the fingers reach below ee_gripper_link, and keeps them above the table."""

import numpy as np

from widowx_description.finger import FINGERTIP_ASIDE_M, FINGERTIP_M

FINGERTIP_DIP_M = 0.002
"""Allowed depth below the table [m]: a finger corner commanded so far bends and breaks nothing."""


def fingertip_reach_m(max_tilt_rad: float) -> float:
    """Return how far below ee_gripper_link the lowest corner of an open finger can be [m].

    At a tilt t towards that corner the reach is ahead * cos(t) + aside * sin(t). It grows with t
    until the corner hangs straight down.

    Args:
        max_tilt_rad: Largest tilt from straight down, in any direction.
    """
    tilt = min(max_tilt_rad, np.arctan2(FINGERTIP_ASIDE_M, FINGERTIP_M))
    return float(FINGERTIP_M * np.cos(tilt) + FINGERTIP_ASIDE_M * np.sin(tilt))


def floor_fault(low_z_m: float, max_tilt_rad: float) -> str:
    """Return why a workspace leads a finger into the table, or an empty string.

    The table is the plane on which the arm stands, z = 0 of base_link.

    Args:
        low_z_m: Lowest z of ee_gripper_link in base_link.
        max_tilt_rad: Largest tilt from straight down.
    """
    reach_m = fingertip_reach_m(max_tilt_rad)
    lowest_m = reach_m - FINGERTIP_DIP_M
    if low_z_m >= lowest_m:
        return ''
    return (
        f'workspace.low z is {low_z_m:g} m: at max_tilt {max_tilt_rad:g} rad an open finger would '
        f'reach {1e3 * (reach_m - low_z_m):.1f} mm below the table (allowed: '
        f'{1e3 * FINGERTIP_DIP_M:g} mm); give at least {np.ceil(1e4 * lowest_m) / 1e4:.4f} m, '
        'or a smaller max_tilt'
    )
