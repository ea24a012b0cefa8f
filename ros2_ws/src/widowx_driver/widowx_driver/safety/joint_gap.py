# SPDX-License-Identifier: Apache-2.0
"""Checks how far joints are from where they are commanded to be."""

import numpy as np

from widowx_description.arm import JOINT_NAMES
from widowx_driver.arm.pose import FloatArray


def jump_fault(commanded: FloatArray, measured: FloatArray, limit_rad: float) -> str:
    """Return which joint a new command (6,) [rad] would make jump, or an empty string."""
    name, gap = _widest(commanded - measured)
    if abs(gap) <= limit_rad:
        return ''
    return (
        f'{name} would jump {gap:+.2f} rad from where it is (limit {limit_rad:.2f} rad); choose a '
        'pose nearer to the last one'
    )


def tracking_fault(measured: FloatArray, commanded: FloatArray, limit_rad: float) -> str:
    """Return which joint does not follow the command in force (6,) [rad], or an empty string."""
    name, gap = _widest(measured - commanded)
    if abs(gap) <= limit_rad:
        return ''
    return (
        f'{name} is {gap:+.2f} rad from its command: the arm does not follow; check its servos, '
        'then call go_to_start'
    )


def arrival_fault(measured: FloatArray, start: FloatArray, limit_rad: float) -> str:
    """Return which joint is not at the start pose (6,) [rad], or an empty string."""
    name, gap = _widest(measured - start)
    if abs(gap) <= limit_rad:
        return ''
    return f'{name} is {gap:+.3f} rad from the start pose; call go_to_start'


def _widest(gaps: FloatArray) -> tuple[str, float]:
    worst = int(np.argmax(np.abs(gaps)))
    return JOINT_NAMES[worst], float(gaps[worst])
