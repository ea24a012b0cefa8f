# SPDX-License-Identifier: Apache-2.0
"""Suspects from its effort that a servo let go, long before its registers are read."""

from widowx_driver.arm.state import ArmState
from widowx_driver.safety.motion_watch import STATES_TO_BELIEVE

SILENT_EFFORT = 3.0
"""A servo without torque reports 0, give or take one unit of its register (2.69)."""
PUSHING_EFFORT = 20.0
"""A servo that holds or moves something reports more than this (mA; 0.7 % of load)."""


class DropWatch:
    """Suspects a servo that pushed in one state and does not push at all in the next few.

    A suspicion is not a fault: a healthy servo may come to rest in this way. But the error
    registers should be read at once.
    """

    def __init__(self) -> None:
        self._was_pushing = [False] * 7
        self._silent_states = [0] * 7
        self._seen_s = -float('inf')

    def suspects(self, state: ArmState) -> bool:
        """Take a measured state; return whether a servo may just have let go."""
        if state.fault or state.efforts is None or state.stamp_s == self._seen_s:
            return False
        self._seen_s = state.stamp_s
        for servo, effort in enumerate(map(abs, (*state.efforts.tolist(), state.gripper_effort))):
            if effort <= SILENT_EFFORT:
                self._silent_states[servo] += 1
            else:
                self._silent_states[servo] = 0
                self._was_pushing[servo] = effort >= PUSHING_EFFORT
        return any(
            was_pushing and states == STATES_TO_BELIEVE
            for was_pushing, states in zip(self._was_pushing, self._silent_states, strict=True)
        )
