# SPDX-License-Identifier: Apache-2.0
"""Did a servo let go? Its effort tells long before its registers are due or the arm has sunk."""

import numpy as np

from widowx_driver.arm.state import ArmState
from widowx_driver.safety.motion_watch import STATES_TO_BELIEVE

SILENT_EFFORT = 3.0
"""A servo without torque reports 0, within one unit of its register: 2.69, a load's too."""
PUSHING_EFFORT = 20.0
"""A servo that holds or moves something reports more than this (mA; 0.7 % of load)."""


class DropWatch:
    """Suspects a servo that pushed in one state and in the next few does not at all.

    A suspicion is no fault: a servo may honestly come to rest so. It is reason to read the error
    registers at once.
    """

    def __init__(self) -> None:
        self._was_pushing = np.zeros(7, dtype=bool)
        self._silent_states = np.zeros(7, dtype=int)
        self._seen_s = -np.inf

    def suspects(self, state: ArmState) -> bool:
        """Take a measured state; return whether a servo may just have let go, once for each."""
        if state.fault or state.efforts is None or state.stamp_s == self._seen_s:
            return False
        self._seen_s = state.stamp_s
        efforts = np.abs(np.append(state.efforts, state.gripper_effort))
        is_silent = efforts <= SILENT_EFFORT
        self._was_pushing = np.where(is_silent, self._was_pushing, efforts >= PUSHING_EFFORT)
        self._silent_states = np.where(is_silent, self._silent_states + 1, 0)
        return bool(np.any(self._was_pushing & (self._silent_states == STATES_TO_BELIEVE)))
