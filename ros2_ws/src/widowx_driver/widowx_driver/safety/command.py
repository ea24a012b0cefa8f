# SPDX-License-Identifier: Apache-2.0
"""The inputs and outputs of the safety shell."""

from dataclasses import dataclass

from widowx_driver.arm.pose import FloatArray, Pose


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the gripper is to be one control step from now; no field of it is trusted."""

    stamp_s: float
    """end of the observation that the target was computed from [s]"""
    frame_id: str
    """frame of position and orientation"""
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
        """Distance between the fingers [m], which is the goal in mode linear_position."""
        return 2.0 * self.finger_m


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The last set-points stay: nothing new is commanded, torque stays on."""

    reason: str
    """names the thing, its value and the remedy"""
    is_arm_fault: bool = False
    """the arm is at fault, not the target: no target would be taken now"""
    did_not_follow: bool = False
    """the fault is that the arm did not follow its commands: its servos and driver are well"""
