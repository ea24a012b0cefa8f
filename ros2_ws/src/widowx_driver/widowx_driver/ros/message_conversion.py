# SPDX-License-Identifier: Apache-2.0
"""Converts ROS messages to the driver's dataclasses and back."""

from collections.abc import Awaitable, Callable

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
import numpy as np
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget
from parl_node.message_conversion import diagnostics, seconds
from widowx_description.finger import GRIPPER_NAME
from widowx_driver.arm.pose import Pose
from widowx_driver.arm.state import ArmState, read_arm_state
from widowx_driver.driver_report import DriverReport
from widowx_driver.motion.slow import MotionResult
from widowx_driver.safety.command import Command, Hold, Target
from widowx_driver.servos.request import ARM_GROUP, ServoRequest

SERVO_SERVICES = {
    'get_motor_registers': RegisterValues,
    'get_robot_info': RobotInfo,
    'reboot_motors': Reboot,
    'set_motor_pid_gains': MotorGains,
    'set_motor_registers': RegisterValues,
    'set_operating_modes': OperatingModes,
    'torque_enable': TorqueEnable,
}
"""Every service of the arm's driver, by name."""


def arm_state_from_message(message: JointState) -> ArmState:
    """Return the arm's state, read from a joint_states message."""
    stamp_s = seconds(message.header.stamp)
    return read_arm_state(stamp_s, message.name, message.position, message.effort)


def target_from_message(message: EndEffectorTarget) -> Target:
    """Convert a target message; nothing is checked here."""
    position, orientation = message.pose.position, message.pose.orientation
    return Target(
        stamp_s=seconds(message.header.stamp),
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
    outcome: Command | Hold,
) -> EndEffectorTarget:
    """Return what was executed for a target, with the target's stamp, episode, step and policy."""
    message = pose_message(base_frame, pose, gripper)
    message.header.stamp = target.header.stamp
    message.episode_id = target.episode_id
    message.step = target.step
    message.policy_version = target.policy_version
    message.limited = isinstance(outcome, Hold) or outcome.limited
    message.arm_fault = isinstance(outcome, Hold) and outcome.is_arm_fault
    message.did_not_follow = isinstance(outcome, Hold) and outcome.did_not_follow
    message.reason = outcome.reason
    return message


def pose_message(base_frame: str, pose: Pose, gripper: float) -> EndEffectorTarget:
    """Return a target message with a pose and a gripper opening, without stamp or episode."""
    message = EndEffectorTarget()
    message.header.frame_id = base_frame
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = map(float, pose.position)
    quaternion = map(float, pose.quaternion_xyzw())
    orientation.x, orientation.y, orientation.z, orientation.w = quaternion
    message.gripper = float(gripper)
    return message


def joint_group_message(command: Command) -> JointGroupCommand:
    """Return the command with the arm's set-points."""
    return JointGroupCommand(name=ARM_GROUP, cmd=[float(q) for q in command.joint_positions])


def joint_single_message(command: Command) -> JointSingleCommand:
    """Return the command with the gripper's set-point."""
    return JointSingleCommand(name=GRIPPER_NAME, cmd=float(command.finger_gap_m))


def service_request(request: ServoRequest) -> object:
    """Return the ROS request for the service that `request` names."""
    service = SERVO_SERVICES[request.service]
    return service.Request(cmd_type=request.cmd_type, name=request.name, **request.fields)


def diagnostics_message(stamp: Time, robot: str, report: DriverReport) -> DiagnosticArray:
    """Return the /diagnostics message of the driver's report."""
    level, name = bytes([report.level]), f'{robot}: driver'
    return diagnostics(stamp, name, level, report.text, robot, report.values)


def answer_of(
    job: Callable[[], Awaitable[MotionResult]],
) -> Callable[[Trigger.Request, Trigger.Response], Awaitable[Trigger.Response]]:
    """Return the callback of a service that does a job and answers how it ended."""

    async def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        result = await job()
        response.success, response.message = result.success, result.message
        return response

    return answer
