# SPDX-License-Identifier: Apache-2.0
"""ROS messages to the driver's dataclasses and back."""

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import OperatingModes
import numpy as np
from sensor_msgs.msg import JointState

from parl_msgs.msg import EndEffectorTarget
from widowx_driver.arm_model import GRIPPER_NAME
from widowx_driver.arm_state import ArmState, read_arm_state
from widowx_driver.command import Command, Target
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_report import DriverReport
from widowx_driver.pose import Pose

ARM_GROUP = 'arm'


def stamp_to_seconds(stamp: Time) -> float:
    """Return a stamp in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def arm_state_from_message(message: JointState) -> ArmState:
    """Pick the arm out of joint_states."""
    return read_arm_state(stamp_to_seconds(message.header.stamp), message.name, message.position)


def target_from_message(message: EndEffectorTarget) -> Target:
    """Convert a target; nothing is checked here."""
    position, orientation = message.pose.position, message.pose.orientation
    return Target(
        stamp_s=stamp_to_seconds(message.header.stamp),
        frame_id=message.header.frame_id,
        position=np.array([position.x, position.y, position.z]),
        quaternion_xyzw=np.array([orientation.x, orientation.y, orientation.z, orientation.w]),
        gripper=message.gripper,
    )


def executed_target_message(
    target: EndEffectorTarget,
    base_frame: str,
    pose: Pose,
    gripper: float,
    limited: bool,
    reason: str,
) -> EndEffectorTarget:
    """Return what was executed for a target: its stamp, episode, step and policy version."""
    message = pose_message(base_frame, pose, gripper)
    message.header.stamp = target.header.stamp
    message.episode_id = target.episode_id
    message.step = target.step
    message.policy_version = target.policy_version
    message.limited = limited
    message.reason = reason
    return message


def pose_message(base_frame: str, pose: Pose, gripper: float) -> EndEffectorTarget:
    """Return a target message of a pose and gripper opening, without stamp or episode."""
    message = EndEffectorTarget()
    message.header.frame_id = base_frame
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = map(float, pose.position)
    quaternion = map(float, pose.quaternion_xyzw())
    orientation.x, orientation.y, orientation.z, orientation.w = quaternion
    message.gripper = float(gripper)
    return message


def joint_group_message(command: Command) -> JointGroupCommand:
    """Return the arm's set-points."""
    return JointGroupCommand(name=ARM_GROUP, cmd=[float(q) for q in command.joint_positions])


def joint_single_message(command: Command) -> JointSingleCommand:
    """Return the gripper's set-point."""
    return JointSingleCommand(name=GRIPPER_NAME, cmd=float(command.finger_m))


def operating_mode_requests(config: DriverConfig) -> tuple[OperatingModes.Request, ...]:
    """Return the requests that put arm and gripper into the modes the driver commands in.

    Always with a time profile: the service's default is an unlimited velocity profile.
    """
    return tuple(
        OperatingModes.Request(
            cmd_type=kind,
            name=name,
            mode=mode,
            profile_type='time',
            profile_velocity=config.profile_time_ms,
            profile_acceleration=config.profile_acceleration_ms,
        )
        for kind, name, mode in (
            ('group', ARM_GROUP, 'position'),
            ('single', GRIPPER_NAME, 'linear_position'),
        )
    )


def diagnostics_message(stamp: Time, robot: str, report: DriverReport) -> DiagnosticArray:
    """Return the driver's report for /diagnostics."""
    message = DiagnosticArray()
    message.header.stamp = stamp
    message.status = [
        DiagnosticStatus(
            level=bytes([report.level]),
            name=f'{robot}: driver',
            message=report.text,
            hardware_id=robot,
            values=[KeyValue(key=key, value=value) for key, value in report.values.items()],
        )
    ]
    return message
