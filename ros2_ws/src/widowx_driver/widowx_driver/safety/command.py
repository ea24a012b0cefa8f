# SPDX-License-Identifier: Apache-2.0
"""What goes into the safety shell and what comes out of it."""

from dataclasses import dataclass

from widowx_driver.arm.pose import FloatArray, Pose


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the gripper shall be one control step from now; nothing in it is trusted."""

    stamp_s: float
    """end of the observation it was computed from"""
    frame_id: str
    """frame of the pose"""
    position: FloatArray
    """(3,) of ee_gripper_link [m]"""
    quaternion_xyzw: FloatArray
    """(4,) orientation of ee_gripper_link"""
    gripper: float
    """opening, 0 closed .. 1 open"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Set-points for the servos, and the target they carry out."""

    joint_positions: FloatArray
    """(6,) [rad]"""
    finger_m: float
    """left_finger set-point [m]"""
    executed: Pose
    """the target after its limits"""
    gripper: float
    """opening after its limits, 0 .. 1"""
    limited: bool = False
    """a limit changed the target"""
    reason: str = ''
    """which limits; empty if none"""

    @property
    def finger_gap_m(self) -> float:
        """Distance between the fingers [m]: mode linear_position takes this, not a finger's."""
        return 2.0 * self.finger_m


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The last set-points stay: nothing new is commanded, torque stays on."""

    reason: str
    """names the thing, its value and the remedy"""
    is_arm_fault: bool = False
    """it is the arm's fault, not the target's: no target would be taken now"""
